package language_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/buildpacks/libcnb/v2"
	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
	"slugc/cache/testkit"
	"slugc/detect"
)

func TestFailed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "diagnosis.json")
	want := &diagnosis.Diagnosis{
		ID:      "ruby/lockfile-missing",
		Summary: "Gemfile.lock is missing",
		Place:   "Gemfile.lock",
		Hints:   []string{"commit it"},
	}
	fault := &detect.Error{ID: want.ID, Summary: want.Summary, Place: want.Place, Hints: want.Hints}
	err := language.Failed(fault, file)
	got, readErr := diagnosis.Read(file)
	if err == nil || err.Error() != want.Summary || readErr != nil {
		t.Errorf("got %v, %v", err, readErr)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	other := errors.New("disk")
	if err := language.Failed(other, file+"2"); !errors.Is(err, other) {
		t.Errorf("got %v", err)
	}
	full := &fs.PathError{Op: "write", Path: "/app/x", Err: syscall.ENOSPC}
	if d, _ := errors.AsType[*diagnosis.Diagnosis](language.Failed(full, "")); d == nil || !d.Transient {
		t.Errorf("a full disk is %+v", d)
	}
	if _, err := os.Stat(file + "2"); !errors.Is(err, os.ErrNotExist) {
		t.Error("an error that is no fault of the app is written as one")
	}
}

func TestLayers(t *testing.T) {
	t.Parallel()
	layers := libcnb.Layers{Path: t.TempDir()}
	layer, err := language.OpenLayer(layers, "modules")
	if err != nil {
		t.Fatal(err)
	}
	layer.LayerTypes, layer.Metadata = libcnb.LayerTypes{Cache: true}, map[string]any{"a": "1"}
	file := filepath.Join(layer.Path, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if layer, err = language.EmptyLayer(layer); err != nil || len(layer.Metadata) > 0 || !layer.Cache {
		t.Errorf("got %+v (%v)", layer, err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Error("the layer is not empty")
	}
	for _, have := range []map[string]any{nil, {"a": "2"}, {"a": "1", "b": "1"}, {"b": "1"}} {
		if language.Same(have, map[string]any{"a": "1"}) {
			t.Errorf("%v is not the same", have)
		}
	}
	if !language.Same(map[string]any{"a": "1"}, map[string]any{"a": "1"}) {
		t.Error("the same is not the same")
	}
}

// TestNoToolchain holds the diagnoses of a build under a platform that fetches nothing, when no
// source has what the app asks for.
func TestNoToolchain(t *testing.T) {
	t.Parallel()
	absent := func(constraint, from string, mirror error) *toolchain.Unavailable {
		return &toolchain.Unavailable{
			Tool:       "ruby",
			Constraint: constraint,
			From:       from,
			Tried:      []toolchain.SourceError{{Source: "Ruby mirror", Err: mirror}},
		}
	}
	wrong := &toolchain.ConstraintError{
		Tool: "jdk", Constraint: "x", From: "system.properties", Err: errors.New("not a number"),
	}
	for _, tt := range []struct {
		err               error
		id, summary, hint string
	}{
		{
			wrong, "clojure/version-invalid", `system.properties asks for jdk "x", which is no version: not a number.`,
			"write a version of jdk in system.properties",
		},
		{
			absent("9.9", "Gemfile ruby", errors.New("it is not set")), "clojure/version-unavailable",
			`Finding ruby "9.9" (Gemfile ruby): Ruby mirror: it is not set.`,
			"set up a source of ruby for this platform, as its reason above says",
		},
	} {
		for _, name := range []string{"ruby", "node", "go", "clojure"} {
			d, ok := errors.AsType[*diagnosis.Diagnosis](language.NoToolchain(name, tt.err))
			id := strings.Replace(tt.id, "clojure", name, 1)
			if !ok || d.ID != id || d.Summary != tt.summary || d.Transient ||
				len(d.Hints) != 1 || d.Hints[0] != tt.hint {
				t.Errorf("%s: got %+v", name, d)
			}
		}
	}
	other := errors.New("disk")
	if err := language.NoToolchain("go", other); !errors.Is(err, other) ||
		err.Error() != "finding the toolchain: disk" {
		t.Errorf("got %v", err)
	}
	if err := language.NoToolchain("go", context.Canceled); err != context.Canceled {
		t.Errorf("got %v", err)
	}
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		manifest string
		plans    int
		fails    bool
	}{
		"a Go app":     {"module example.com/app\n", 1, false},
		"another tree": {"", 0, false},
		"a broken app": {"mod", 0, true},
	} {
		dir := t.TempDir()
		if tt.manifest != "" {
			testkit.Tree(t, dir, map[string]string{"go.mod": tt.manifest})
		}
		got, err := language.Detect(libcnb.DetectContext{ApplicationPath: dir}, "go", detect.ForGo)
		if (err != nil) != tt.fails || got.Pass != (tt.plans > 0) || len(got.Plans) != tt.plans {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
		for _, plan := range got.Plans {
			if diff := cmp.Diff(language.Plan("go"), plan); diff != "" {
				t.Errorf("%s: plan (-want +got):\n%s", name, diff)
			}
		}
	}
}

func TestBuild(t *testing.T) {
	t.Parallel()
	b := &language.Build{Name: "go", Dir: testkit.Tree(t, t.TempDir(), map[string]string{"Procfile": "web: x"})}
	b.CNB.Layers.Path = t.TempDir()
	b.CNB.Platform.Path = t.TempDir()
	if !b.HasProcfile() || b.Path("a/b") != filepath.Join(b.Dir, "a", "b") {
		t.Errorf("the Procfile is not found, or a/b is %s", b.Path("a/b"))
	}
	b.AddProcess("web", "bin/web")
	b.AddProcess("worker", "bin/worker")
	for i, p := range b.Result.Processes {
		if p.Default != (i == 0) || len(p.Command) != 3 {
			t.Errorf("process %+v", p)
		}
	}
	layer, err := b.Layer("modules")
	if err != nil || b.Contributed("modules") != nil {
		t.Fatalf("a layer is in the result before it was contributed (%v)", err)
	}
	b.Contribute(layer, libcnb.LayerTypes{Cache: true})
	b.Contribute(layer, language.Everywhere)
	if len(b.Result.Layers) != 1 || !b.Contributed("modules").Launch {
		t.Errorf("layers: %+v", b.Result.Layers)
	}
	var ran int
	failed := errors.New("step 2")
	err = language.Steps(
		func() error { ran++; return nil },
		func() error { ran++; return failed },
		func() error { ran++; return nil },
	)
	if err != failed || ran != 2 {
		t.Errorf("%d steps ran: %v", ran, err)
	}
	if tools, err := b.Toolchains(); err != nil || len(tools) != 0 {
		t.Errorf("toolchains of a platform that fetches none: %v (%v)", tools, err)
	}
	want := toolchain.Request{Tool: "go", From: "default"}
	if diff := cmp.Diff(want, language.RequestFor("go", []detect.Requirement{{Tool: "node"}})); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestWriteProfile(t *testing.T) {
	t.Parallel()
	dir, old := t.TempDir(), time.Unix(1000, 0)
	file := filepath.Join(dir, "profile.d", "go.sh")
	for _, script := range []string{"one", "two", "two"} {
		before, _ := os.ReadFile(file)
		if err := language.WriteProfile(dir, "go.sh", script); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if same := string(before) == script; info.ModTime().Equal(old) != same || testkit.Read(t, file) != script {
			t.Errorf("the script is %q of %s, want %q", testkit.Read(t, file), info.ModTime(), script)
		}
		if err := os.Chtimes(file, old, old); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	var shown strings.Builder
	n := &language.Notes{Log: &command.Log{Out: &shown}}
	n.Fetch("node", "22.1.0", 1, 9)
	n.Fetch("node", "22.1.0", 9, 9)
	n.Note("Ruby mirror: it is not set")
	if want := "       Fetching node 22.1.0\n       Ruby mirror: it is not set\n"; shown.String() != want {
		t.Errorf("got %q", shown.String())
	}
}
