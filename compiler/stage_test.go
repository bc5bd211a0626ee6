package compiler

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
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
	if steps := m.says.Only("step"); len(steps) != 1 ||
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
	if got := m.says.Out.String(); got != "cached\n" {
		t.Errorf("the next build finds %q", got)
	}
}

// TestNoLanguage reports what was found of each language.
func TestNoLanguage(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.req.Source.Dir = testkit.Tree(t, t.TempDir(), map[string]string{"notes.txt": ""})
	f := m.fails("detect/no-match")
	if f.Code != fault.ExitNoMatch || !m.says.Has("step: Detecting the language") || len(m.says.Only("detail")) < 4 {
		t.Errorf("got %+v, it reports %q", f, m.says.Lines)
	}
}

// TestProcessTypes joins the Procfile, the one that a build step writes, and the buildpack's
// defaults.
func TestProcessTypes(t *testing.T) {
	t.Parallel()
	const noDefaults = `: >"$layers/launch.toml"` + "\n"
	for name, test := range map[string]struct {
		procfile, script string
		lenient          bool
		want, from       string
		warning, id      string
	}{
		"defaults":      {want: "web: ./server\n", from: "buildpack defaults -> web"},
		"Procfile":      {procfile: "worker: work\n", script: noDefaults, want: "worker: work\n", from: "Procfile -> worker"},
		"both":          {procfile: "worker: work\nweb: mine\n", want: "worker: work\nweb: mine\n", from: "Procfile -> worker, web"},
		"others too":    {procfile: "worker: work\n", want: "worker: work\nweb: ./server\n", from: "Procfile -> worker, web"},
		"written later": {script: "echo 'web: late' >Procfile\n", want: "web: late\n", from: "buildpack defaults -> web"},
		"a fault":       {procfile: "web: a\nnonsense\n", id: "procfile/unparsable-line"},
		"a lenient fault": {
			procfile: "web: a\nnonsense\n", lenient: true, want: "web: a\n", from: "Procfile -> web", warning: "Procfile:2: ",
		},
		"none at all": {script: noDefaults, id: "procfile/no-process-types"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, t.TempDir())
			m.req.Lenient = test.lenient
			m.write("build.sh", test.script)
			if test.procfile != "" {
				m.write("Procfile", test.procfile)
			}
			if test.id != "" {
				m.fails(test.id)
				return
			}
			r := m.build()
			if types(r.ProcessTypes) != test.want || !m.says.Has("detail: "+test.from) {
				t.Errorf("got %q, it reports %q", types(r.ProcessTypes), m.says.Lines)
			}
			warned := slices.ContainsFunc(m.says.Only("warn"), func(line string) bool {
				return test.warning != "" && strings.HasPrefix(line, test.warning)
			})
			if warned != (test.warning != "") {
				t.Errorf("warnings %q", m.says.Only("warn"))
			}
		})
	}
}
