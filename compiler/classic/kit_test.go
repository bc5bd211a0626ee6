package classic_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/compiler/classic"
	"slugc/compiler/fault"
	"slugc/compiler/sandbox"
)

// probed is the sandbox of each level, which all tests share.
var probed sync.Map // sandbox.Level → func() (*sandbox.Sandbox, error)

// at returns a sandbox of exactly this level.
func at(t testing.TB, level sandbox.Level) *sandbox.Sandbox {
	t.Helper()
	testkit.NeedsTools(t, "bubblewrap")
	self := testkit.Program(t, "../launch/testdata/child")
	probe, _ := probed.LoadOrStore(level, sync.OnceValues(func() (*sandbox.Sandbox, error) {
		return sandbox.Probe(context.Background(), sandbox.ProbeOptions{Want: level, Self: self})
	}))
	box, err := probe.(func() (*sandbox.Sandbox, error))()
	if err != nil {
		t.Fatalf("level %s cannot be tested on this machine: %v", level, err)
	}
	return box
}

// bench is a buildpack and an app.
type bench struct {
	t testing.TB
	classic.Config
	out *testkit.Buffer
}

// buildpack returns a bench whose buildpack has these programs: shell scripts by name, "compile" or "lib/x.sh". One
// that starts with "#!" is written as it is.
func buildpack(t testing.TB, scripts map[string]string) *bench {
	t.Helper()
	dir, out := t.TempDir(), &testkit.Buffer{}
	b := &bench{t: t, out: out, Config: classic.Config{
		Sandbox: at(t, sandbox.Bubblewrap), ID: "acme", Dir: filepath.Join(dir, "buildpack"),
		Work: filepath.Join(dir, "work"), AppDir: filepath.Join(dir, "app"),
		Cache: filepath.Join(dir, "app/.layers/acme/cache"), Build: classic.BuildPath("blog"),
		Stack: "debian-12", Env: map[string]string{"PATH": "/usr/bin:/bin"},
		Limits: sandbox.Limits{Deadline: time.Minute}, Output: out,
	}}
	for _, dir := range []string{b.Cache, filepath.Join(b.Dir, "bin")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, script := range scripts {
		if !strings.HasPrefix(script, "#!") {
			script = "#!/bin/bash\nset -eu\n" + script + "\n"
		}
		path := filepath.Join(b.Dir, "bin", name)
		testkit.Write(t, path, script)
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// app writes files of the app.
func (b *bench) app(files map[string]string) *bench {
	b.t.Helper()
	testkit.Tree(b.t, b.AppDir, files)
	return b
}

// compile runs bin/compile, which must succeed.
func (b *bench) compile() *classic.Result {
	b.t.Helper()
	r, err := classic.Compile(b.t.Context(), b.Config)
	if err != nil {
		b.t.Fatalf("%v\n%s", err, b.out)
	}
	return r
}

// fails runs bin/compile, which must fail with this exit code and id, and a text that holds text.
func (b *bench) fails(code int, id, text string) *classic.Result {
	b.t.Helper()
	r, err := classic.Compile(b.t.Context(), b.Config)
	if f := fault.Of(err); err == nil || f.Code != code || f.ID != id || !strings.Contains(f.Error(), text) {
		b.t.Fatalf("bin/compile failed with %+v, want %s (%d) and %q\n%s", f, id, code, text, b.out)
	}
	return r
}

// read returns a file of the app.
func (b *bench) read(name string) string {
	b.t.Helper()
	return testkit.Read(b.t, filepath.Join(b.AppDir, name))
}

// shortly is a limit that a test waits for.
const shortly = 300 * time.Millisecond

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
