package lifecycle_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"slugc/cache/testkit"
	"slugc/compiler/launch/execd"
	"slugc/compiler/lifecycle"
	"slugc/compiler/sandbox"
)

// TestMain stands for slugc where a profile calls `slugc exec-d`.
func TestMain(m *testing.M) {
	if len(os.Args) < 3 || os.Args[1] != "exec-d" {
		os.Exit(m.Run())
	}
	process, _, _ := strings.Cut(os.Getenv("DYNO"), ".")
	text, err := execd.Script(context.Background(), execd.Options{
		Dirs: os.Args[2:], Process: process, Dir: os.Getenv("HOME"), Environ: os.Environ(), Stderr: os.Stderr,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(text)
}

// bubblewrap returns the sandbox that all tests share.
var bubblewrap = sync.OnceValues(func() (*sandbox.Sandbox, error) {
	self, err := testkit.BuildProgram("../launch/testdata/child")
	if err != nil {
		return nil, err
	}
	return sandbox.Probe(context.Background(), sandbox.ProbeOptions{Want: sandbox.Bubblewrap, Self: self})
})

// machine is where buildpacks of others detect and build an app.
type machine struct {
	testing.TB
	box          *sandbox.Sandbox
	app, bps     string
	env, binding map[string]string
	output       *testkit.Buffer
	stack        string
	deadline     time.Duration
}

// newMachine lays out buildpacks and an app: "one/bin/detect", "app/main.cbl". Programs get the first line that
// runs them with sh, and buildpacks without a buildpack.toml get one, of API 0.10.
func newMachine(t testing.TB, archive string) *machine {
	t.Helper()
	testkit.NeedsTools(t, "bubblewrap")
	box, err := bubblewrap()
	if err != nil {
		t.Fatal(err)
	}
	base := t.TempDir()
	m := &machine{TB: t, box: box, app: filepath.Join(base, "app"), bps: filepath.Join(base, "bps"),
		output: &testkit.Buffer{}, deadline: time.Minute}
	testkit.Write(t, filepath.Join(m.app, "main.cbl"), "")
	for _, f := range txtar.Parse([]byte(archive)).Files {
		name, text := filepath.Join(m.bps, f.Name), string(f.Data)
		if rel, ok := strings.CutPrefix(f.Name, "app/"); ok {
			name = filepath.Join(m.app, rel)
		}
		if filepath.Base(filepath.Dir(name)) == "bin" {
			text = "#!/bin/sh\nset -eu\n" + text
		}
		testkit.Write(t, name, text)
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// load loads the buildpack of that name. What it lacks is made: a buildpack.toml, a bin/detect that passes.
func (m *machine) load(name string) lifecycle.Buildpack {
	m.Helper()
	dir := filepath.Join(m.bps, name)
	if testkit.Exists(dir, "bin", "compile") {
		b, err := lifecycle.LoadClassic(dir, name, "")
		if err != nil {
			m.Fatal(err)
		}
		return b
	}
	for file, text := range map[string]string{
		"buildpack.toml": "api = \"0.10\"\n[buildpack]\nid = \"acme/" + name + "\"\nversion = \"1.0\"\n",
		"bin/detect":     "#!/bin/sh\n", "bin/build": "#!/bin/sh\n",
	} {
		if !testkit.Exists(dir, file) {
			testkit.Write(m, filepath.Join(dir, file), text)
			if err := os.Chmod(filepath.Join(dir, file), 0o755); err != nil {
				m.Fatal(err)
			}
		}
	}
	b, err := lifecycle.Load(dir)
	if err != nil {
		m.Fatal(err)
	}
	return b
}

// probe detects with a buildpack of the machine.
func (m *machine) probe(ctx context.Context, bp lifecycle.Buildpack) lifecycle.Outcome {
	return lifecycle.RunDetect(ctx, lifecycle.DetectConfig{
		Sandbox: m.box, AppDir: m.app, Work: m.TempDir(), Env: m.env, BaseEnv: baseEnv, Bindings: m.binding,
		Target: target, Limits: sandbox.Limits{Deadline: m.deadline}, Stack: m.stack,
	}, bp)
}

var (
	baseEnv = map[string]string{"PATH": "/usr/bin:/bin", "HTTP_PROXY": "http://proxy", "SECRET": "of the machine"}
	target  = lifecycle.Target{OS: "linux", Arch: "amd64", DistroName: "debian", DistroVersion: "12"}
)

// choose chooses among one group of buildpacks. A name that ends with "?" is optional.
func (m *machine) choose(names ...string) (lifecycle.Choice, error) {
	m.Helper()
	var group []lifecycle.Ordered
	for _, name := range names {
		id, optional := strings.CutSuffix(name, "?")
		group = append(group, lifecycle.Ordered{Buildpack: m.load(id), Optional: optional})
	}
	return lifecycle.Choose(m.Context(), [][]lifecycle.Ordered{group}, m.probe)
}

// build chooses among the buildpacks and builds.
func (m *machine) build(names ...string) (*lifecycle.Result, error) {
	m.Helper()
	choice, err := m.choose(names...)
	if err != nil {
		m.Fatal(err)
	}
	return m.buildGroup(choice.Members)
}
