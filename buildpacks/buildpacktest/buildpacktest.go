// Package buildpacktest is the bench on which the languages' buildpacks are tested: a small
// platform that builds one app again and again, through libcnb and in a process of its own, and
// restores layers between builds. Only tests import it.
//
//	var buildpack = buildpacktest.Buildpack{
//		ID: node.ID, Version: node.Version, Name: "node", Detect: node.Detect, Build: node.Build,
//	}
//
//	func TestMain(m *testing.M) { buildpack.Main(m) }
//
//	func TestBuild(t *testing.T) {
//		b := buildpacktest.New(t, buildpack)
//		b.CopySource("../../fixtures/node-pnpm")
//		first := b.MustBuild()
//		b.Write("index.js", "…")
//		b.MustBuild() // with the layers of the first build
//	}
//
// A [Bench] has no sandbox, no slugs and no toolchain store: a test sets Toolchains itself. [Serve]
// starts what was built, [Files] lists it, and [Want] holds it to a fixture's want.json. [Once] and
// [CacheDir] keep what is slow to make between test runs, and [FileServer] serves packages.
package buildpacktest

import (
	"os"
	"testing"

	"github.com/buildpacks/libcnb/v2"

	"slugc/cache/testkit"
)

// Buildpack is the buildpack under test.
type Buildpack struct {
	ID      string // "slugc/node"
	Version string
	Name    string // what it provides and requires: "node"
	Detect  libcnb.DetectFunc
	Build   libcnb.BuildFunc
}

// runsBuild turns the test binary into the buildpack's bin/build: libcnb reads the process's
// directory and environment, and exits.
const runsBuild = "BUILDPACKTEST_RUNS_BUILD"

// Main runs the tests of a package, or one build where a [Bench] has started the process for that.
// It is the body of TestMain. It calls the functions of cleanup after the tests.
func (p Buildpack) Main(m *testing.M, cleanup ...func()) {
	if os.Getenv(runsBuild) != "" {
		libcnb.BuildpackMain(p.Detect, p.Build, libcnb.WithArguments([]string{"build"}))
		return
	}
	code := m.Run()
	for _, clean := range cleanup {
		clean()
	}
	os.Exit(code)
}

// Passed returns the variables of this process that are set, as "NAME=value".
func Passed(names ...string) []string {
	var env []string
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// Must ends the test if there is an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// exists reports whether there is anything at a path.
func exists(path string) bool { return testkit.Exists(path) }
