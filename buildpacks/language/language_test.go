package language_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buildpacks/libcnb/v2"
	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
	"slugc/buildpacks/toolchain"
	"slugc/detect"
)

func TestFailed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "diagnosis.json")
	want := &diagnosis.Diagnosis{
		ID:      "ruby/lockfile-missing",
		Summary: "Gemfile.lock is missing",
		Place:   "Gemfile.lock",
		Hints:   []string{"commit it"},
	}
	err := language.Failed(
		&detect.Error{ID: want.ID, Summary: want.Summary, Place: want.Place, Hints: want.Hints},
		file,
	)
	got, bad := diagnosis.Read(file)
	if err == nil || err.Error() != want.Summary || bad != nil {
		t.Errorf("got %v, %v", err, bad)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	other := errors.New("disk")
	if err := language.Failed(other, file+"2"); !errors.Is(err, other) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(file + "2"); !errors.Is(err, os.ErrNotExist) {
		t.Error("an error that is no fault of the app's is written down as one")
	}
}

func TestLayers(t *testing.T) {
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

// TestNoToolchain: what a build says under a platform that fetches nothing, when no source has what
// is asked for.
func TestNoToolchain(t *testing.T) {
	absent := func(constraint, from string, mirror error) *toolchain.Unavailable {
		return &toolchain.Unavailable{
			Tool:       "ruby",
			Constraint: constraint,
			From:       from,
			Tried:      []toolchain.SourceError{{Source: "Ruby mirror", Err: mirror}},
		}
	}
	wrong := &toolchain.ConstraintError{
		Tool:       "jdk",
		Constraint: "x",
		From:       "system.properties",
		Err:        errors.New("not a number"),
	}
	for _, tt := range []struct {
		err                error
		ids, summary, hint string
	}{
		{wrong, "ruby/version-invalid node/version-invalid go/version-invalid clojure/version-invalid",
			`system.properties asks for jdk "x", which is no version: not a number.`, "write a version of jdk in system.properties"},
		{absent("9.9", "Gemfile ruby", errors.New("it is not set")), "ruby/version-unavailable node/version-unavailable go/version-unavailable clojure/version-unavailable",
			`Finding ruby "9.9" (Gemfile ruby): Ruby mirror: it is not set.`, "set up a source of ruby for this platform, as its reason above says"},
	} {
		for id := range strings.FieldsSeq(tt.ids) {
			name, _, _ := strings.Cut(id, "/")
			d, ok := errors.AsType[*diagnosis.Diagnosis](language.NoToolchain(name, tt.err))
			if !ok || d.ID != id || d.Summary != tt.summary || d.Transient || len(d.Hints) != 1 ||
				d.Hints[0] != tt.hint {
				t.Errorf("%s: got %+v", id, d)
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

func TestNotes(t *testing.T) {
	var shown strings.Builder
	n := &language.Notes{Log: &command.Log{Out: &shown}}
	n.Fetch("node", "22.1.0", 1, 9)
	n.Fetch("node", "22.1.0", 9, 9)
	n.Note("Ruby mirror: it is not set")
	if want := "       Fetching node 22.1.0\n       Ruby mirror: it is not set\n"; shown.String() != want {
		t.Errorf("got %q", shown.String())
	}
}
