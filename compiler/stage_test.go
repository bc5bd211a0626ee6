package compiler

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/compiler/fault"
)

// TestReservedNames refuses a source with slugc's own names and keeps the layers of the last build.
func TestReservedNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{".layers", ".slugc"} {
		m := newMachine(t, t.TempDir())
		m.build()
		m.write(name+"/file", "")
		f := m.fails("source/reserved-name")
		if f.Place != name || !testkit.Exists(m.app().Path("layers")) || testkit.Exists(m.app().Path("build")) {
			t.Errorf("%s: %+v; kept layers %t, left the build's directory %t", name, f,
				testkit.Exists(m.app().Path("layers")), testkit.Exists(m.app().Path("build")))
		}
		m.write(".slugignore", name+"\n")
		m.build()
	}
}

// TestSourceHoldsState refuses a source around slugc's own state directory.
func TestSourceHoldsState(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.req.Source.Dir = filepath.Dir(m.Home.Path())
	m.fails("source/holds-state")
}

// TestLocked waits for another build of the app until the context ends.
func TestLocked(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	unlock, err := m.app().Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = m.Compile(ctx, m.req)
	f := fault.Of(err)
	if f == nil || f.ID != "build/locked" || f.Code != fault.ExitTransient || len(f.Hints) == 0 {
		t.Errorf("got %+v", f)
	}
	if steps := m.recorded.Only("step"); len(steps) != 1 ||
		!strings.HasPrefix(steps[0], "Waiting for another build of hello") {
		t.Errorf("it reports %q", steps)
	}
}

// TestBeforeBuild ends a build before it began, and the lock is free again.
func TestBeforeBuild(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	moved := errors.New("moved")
	m.req.BeforeBuild = func(context.Context) error { return moved }
	if r, err := m.change(nil); !errors.Is(err, moved) || r != nil {
		t.Errorf("got %+v, %v", r, err)
	}
	m.req.BeforeBuild = nil
	m.build()
}

// TestFailedBuild breaks a build. What its layers hold is kept for the next one, what they say of
// themselves is not.
func TestFailedBuild(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.write("build.sh", `mkdir "$layers/tools"; echo cached >"$layers/tools/file"
printf '[types]\ncache = true\n' >"$layers/tools.toml"; exit 1
`)
	if r, err := m.change(nil); err == nil {
		t.Fatalf("got %+v", r)
	}
	kept := m.app().Path("layers", "slugc_go")
	if !testkit.Exists(kept, "tools", "file") || testkit.Exists(kept, "tools.toml") {
		t.Errorf("kept: files %t, metadata %t",
			testkit.Exists(kept, "tools", "file"), testkit.Exists(kept, "tools.toml"))
	}
	if testkit.Exists(m.app().Path("build")) || m.app().Record() != nil {
		t.Error("the build's directory or a record is left")
	}
	m.write("build.sh", "cat \"$layers/tools/file\"\n")
	m.build()
	if got := m.recorded.Out.String(); got != "cached\n" {
		t.Errorf("the next build finds %q", got)
	}
}

// TestNoLanguage reports what was found of each language.
func TestNoLanguage(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.req.Source.Dir = testkit.Tree(t, t.TempDir(), map[string]string{"notes.txt": ""})
	f := m.fails("detect/no-match")
	announced := m.recorded.Has("step: Detecting the language") && len(m.recorded.Only("detail")) >= 4
	if f.Code != fault.ExitNoMatch || !announced {
		t.Errorf("got %+v, it reports %q", f, m.recorded.Lines)
	}
}
