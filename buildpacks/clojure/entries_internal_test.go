package clojure

import (
	"archive/zip"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/language"
	"slugc/cache/testkit"
)

// remembering is a build that opens what the last one left in a layer, with what describes it.
func remembering(t *testing.T, layer libcnb.Layer) *work {
	t.Helper()
	b := &work{Build: &language.Build{Result: libcnb.BuildResult{}}, entriesLayer: layer}
	if err := b.loadEntries(); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEntries holds that what a build remembers of the last one has the bytes and modules of a build that remembers
// nothing, that it saves both works, and that a file which is not as it was left counts for nothing.
func TestEntries(t *testing.T) {
	dir := t.TempDir()
	file, plain := filepath.Join(dir, "a.jar"), filepath.Join(dir, "plain.jar")
	large := bytes.Repeat([]byte("0123456789abcdef"), maxRemembered/16+1)
	fresh := func() {
		at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
		writeJar(t, file, entry{"app/core__init.class", class("java/sql/Driver"), at},
			entry{"app/core.clj", "(ns app.core (:import (javax.sound.midi Receiver)))", at},
			entry{"META-INF/MANIFEST.MF", testManifest, at}, entry{"data/large", string(large), at})
	}
	fresh()
	testkit.Write(t, plain, testkit.Read(t, file))
	if err := normaliseJar(plain, nil); err != nil {
		t.Fatal(err)
	}
	want, err := modulesFor(testModules, []string{plain}, nil)
	if err != nil {
		t.Fatal(err)
	}
	layer := libcnb.Layer{Name: "entries", Path: t.TempDir(), Metadata: map[string]any{}}
	for _, build := range []string{"first", "second", "damaged"} {
		if build == "damaged" {
			kept := filepath.Join(layer.Path, entriesFile)
			testkit.Write(t, kept, testkit.Read(t, kept)+"x")
		}
		b := remembering(t, layer)
		known := build == "second"
		if last := b.entries.last; len(last.Packed) > 0 != known || len(last.Modules) > 0 != known {
			t.Errorf("%s: %d entries and %d modules are known", build, len(last.Packed), len(last.Modules))
		}
		fresh()
		if err := normaliseJar(file, b.entries); err != nil {
			t.Fatal(err)
		}
		if testkit.Read(t, file) != testkit.Read(t, plain) {
			t.Errorf("%s: the jar has other bytes", build)
		}
		if got, err := modulesFor(testModules, []string{file}, b.entries); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: the modules are %v, want %v: %v", build, got, want, err)
		}
		if known {
			spared(t, b.entries, file)
		}
		if err := b.saveEntries(); err != nil {
			t.Fatal(err)
		}
		layer = b.entriesLayer
	}
}

// spared requires that nothing of a jar is compressed or searched that is known.
func spared(t *testing.T, e *entries, file string) {
	t.Helper()
	r, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	again := errors.New("done again")
	for _, f := range r.File {
		data, err := readEntry(&r.Reader, f.Name)
		if err != nil || f.Name == "data/large" {
			continue
		}
		if _, err := e.pack(data, func() ([]byte, error) { return nil, again }); err != nil {
			t.Errorf("%s is compressed: %v", f.Name, err)
		}
		if interesting(f.Name) {
			if _, err := e.modules(f, func() ([]string, error) { return nil, again }); err != nil {
				t.Errorf("%s is searched: %v", f.Name, err)
			}
		}
	}
}

// TestEntriesOfAnotherJDK holds that modules are looked for again in another JDK.
func TestEntriesOfAnotherJDK(t *testing.T) {
	layer := libcnb.Layer{Name: "entries", Path: t.TempDir(), Metadata: map[string]any{}}
	b := remembering(t, layer)
	b.entries.next.Packed[sum{1}], b.entries.next.Modules[sum{1}] = []byte("x"), []string{"java.sql"}
	if err := b.saveEntries(); err != nil {
		t.Fatal(err)
	}
	other := &work{Build: b.Build, entriesLayer: b.entriesLayer}
	other.jdk.Version = "21"
	if err := errors.Join(other.loadEntries(), os.Remove(filepath.Join(layer.Path, entriesFile))); err != nil {
		t.Fatal(err)
	}
	if len(other.entries.last.Modules) > 0 || len(other.entries.last.Packed) != 1 {
		t.Errorf("known are %+v", other.entries.last)
	}
}
