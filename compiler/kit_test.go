package compiler

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/cache"
	"slugc/cache/testkit"
	"slugc/compiler/artifact"
	"slugc/compiler/artifact/blobstore"
	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
	"slugc/compiler/report/reporttest"
	"slugc/compiler/sandbox"
	"slugc/compiler/slug"
	"slugc/compiler/source"
)

// stubBuildpack is what the test machine runs as the bin/build of every buildpack: a web process,
// and whatever the app's build.sh does. As bin/runtime it makes a file. Engine.Self names it, so
// everything around it is real.
const stubBuildpack = `#!/bin/sh
set -e
case $0 in */runtime) echo made >"$2/runtime" && exit ;; esac
layers=$1 platform=$2
cat >"$layers/launch.toml" <<'END'
[[processes]]
type = "web"
command = ["./server"]
END
[ ! -e build.sh ] || . ./build.sh
`

// machine is a builder machine with one app, a Go app without dependencies. Its go command does
// nothing, its sandbox contains nothing.
type machine struct {
	*testing.T
	*Engine
	req      Request
	src      string // the app's source
	recorded *reporttest.Recorder
}

// newMachine returns a machine. Machines with the same shared directory share the coordinator.
func newMachine(t *testing.T, shared string) *machine {
	t.Helper()
	dir := t.TempDir()
	home, err := cache.Open(filepath.Join(dir, "home"))
	if err != nil {
		t.Fatal(err)
	}
	self := filepath.Join(dir, "buildpack")
	testkit.Write(t, self, stubBuildpack)
	if err := os.Chmod(self, 0o755); err != nil {
		t.Fatal(err)
	}
	fakeTool(t, home.Path("toolchains"), "go", "1.99.1", map[string]string{"go": "exit 0"})
	recorded := &reporttest.Recorder{}
	m := &machine{T: t, recorded: recorded, Engine: &Engine{
		Version: "test", Self: self, Home: home, Report: recorded,
		Target: lifecycle.Target{OS: runtime.GOOS, Arch: runtime.GOARCH, DistroName: "test", DistroVersion: "1"},
		Sandbox: func(ctx context.Context) (*sandbox.Sandbox, error) {
			return sandbox.Probe(ctx, sandbox.ProbeOptions{Want: sandbox.None})
		},
		Toolchains: func(context.Context, []string, bool) (*toolchain.Store, error) {
			return toolchain.Open(home.Path("toolchains"), toolchain.Settings{Offline: true})
		},
		Coordinator: func(context.Context) (coordinator.Coordinator, error) {
			return local.Open(filepath.Join(shared, "coordinator.db"), local.Options{})
		},
		BaseEnv: func(context.Context, []string) (map[string]string, []sandbox.Bind, error) {
			return map[string]string{"PATH": "/usr/bin:/bin"}, nil, nil
		},
	}}
	m.src = testkit.Tree(t, filepath.Join(dir, "src"), map[string]string{
		"go.mod": "module example.com/hello\n\ngo 1.99\n", "main.go": "package main\n\nfunc main() {}\n",
	})
	m.req = Request{App: "hello", Source: source.Spec{Kind: source.Dir, Dir: m.src}}
	return m
}

// write writes a file of the app's source.
func (m *machine) write(name, content string) {
	m.Helper()
	testkit.Write(m, filepath.Join(m.src, name), content)
}

// change builds with a request that differs.
func (m *machine) change(change func(*Request)) (*Result, error) {
	m.Helper()
	m.recorded.Lines = nil
	req := m.req
	req.Env = maps.Clone(req.Env)
	if change != nil {
		change(&req)
	}
	return m.Compile(m.Context(), req)
}

// build builds, which must succeed, and verifies the slug.
func (m *machine) build() *Result {
	m.Helper()
	result, err := m.change(nil)
	if err != nil {
		m.Fatalf("%v\n%q\n%s", err, m.recorded.Lines, m.recorded.Out.String())
	}
	if _, err := slug.Verify(m.Context(), result.Slug.Path, result.Slug.Digest); err != nil {
		m.Fatal(err)
	}
	return result
}

// fails builds, which must fail with this id.
func (m *machine) fails(id string) *fault.Error {
	m.Helper()
	result, err := m.change(nil)
	f := fault.Of(err)
	if f == nil || f.ID != id || len(f.Hints) == 0 {
		m.Fatalf("got %+v, %+v, want the error %s", result, f, id)
	}
	return f
}

// app is the app's state.
func (m *machine) app() *cache.App {
	m.Helper()
	app, err := m.Home.App("hello")
	if err != nil {
		m.Fatal(err)
	}
	return app
}

// releases lists the app's releases, the newest first.
func (m *machine) releases() []release.Release {
	m.Helper()
	c, err := m.Coordinator(m.Context())
	if err != nil {
		m.Fatal(err)
	}
	defer c.Close()
	list, err := release.New(c, release.Options{}).List(m.Context(), "hello")
	if err != nil {
		m.Fatal(err)
	}
	return list
}

// storeAt opens a store in a directory as the machine's own.
func storeAt(dir string) artifact.Opener {
	return func(string) (blobstore.Store, error) { return blobstore.Open("file://"+dir, blobstore.Options{}) }
}

// types renders process types as a Procfile.
func types(list []procfile.Process) string { return string(procfile.Format(list)) }
