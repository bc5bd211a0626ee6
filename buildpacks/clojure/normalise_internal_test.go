package clojure

import (
	"archive/zip"
	"bytes"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
)

// entry is one entry of a jar.
type entry struct {
	name, text string
	at         time.Time
}

func writeJar(t *testing.T, file string, entries ...entry) {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		f, err := w.CreateHeader(&zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: e.at})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	testkit.Write(t, file, b.String())
}

const testManifest = "Manifest-Version: 1.0\r\nBuilt-By: someone\r\nBuild-Jdk: 17\r\nMain-Class: app.core\r\n\r\n"

// builtJar writes a jar as a build at that time does, with a stale class in it.
func builtJar(t *testing.T, file, user string, at time.Time, reversed bool) {
	t.Helper()
	entries := []entry{
		{"src/z.clj", "z", at},
		{"app/core.clj", "core", at},
		{"app/core__init.class", "class", at},
		{"META-INF/MANIFEST.MF", strings.Replace(testManifest, "someone", user, 1), at},
		{"META-INF/maven/a/b/pom.properties", "#Leiningen\n#" + at.Format(time.UnixDate) + "\nversion=1\n", at},
		{"old.clj", "changed", at},
		{"old__init.class", "stale", at.AddDate(-1, 0, 0)},
		{"data/", "", at},
	}
	if reversed {
		slices.Reverse(entries)
		entries[6].at = at.Add(2 * time.Second) // app/core.clj, as a packer that loses times writes it
	}
	writeJar(t, file, entries...)
}

func TestNormaliseJar(t *testing.T) {
	now, dir := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), t.TempDir()
	first, second := filepath.Join(dir, "a.jar"), filepath.Join(dir, "b.jar")
	builtJar(t, first, "someone", now, false)
	builtJar(t, second, "another", now.Add(48*time.Hour), true)
	for _, file := range []string{first, second} {
		if err := normaliseJar(file, nil); err != nil {
			t.Fatal(err)
		}
	}
	content := testkit.Read(t, first)
	if content != testkit.Read(t, second) {
		t.Error("the same content has different bytes")
	}
	r, err := zip.NewReader(strings.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	at := map[string]time.Time{}
	for _, f := range r.File {
		names = append(names, f.Name)
		at[f.Name] = f.Modified
	}
	want := []string{"META-INF/MANIFEST.MF", "META-INF/maven/a/b/pom.properties", "app/core.clj",
		"app/core__init.class", "data/", "old.clj", "old__init.class", "src/z.clj"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if !at["app/core__init.class"].After(at["app/core.clj"]) {
		t.Error("Clojure would compile app.core at every start")
	}
	if at["old__init.class"].After(at["old.clj"]) {
		t.Error("Clojure would load a stale class")
	}
	if class := manifestOf(first).class; class != "app.core" {
		t.Errorf("Main-Class %q", class)
	}
	properties, err := r.Open("META-INF/maven/a/b/pom.properties")
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := io.ReadAll(properties); string(text) != "#Leiningen\nversion=1\n" {
		t.Errorf("pom.properties %q", text)
	}
}

func TestJarOf(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"app/core__init.class": "class", "app/data.edn": "{}"} {
		testkit.Write(t, filepath.Join(dir, "classes", name), text)
	}
	if err := jarOf(filepath.Join(dir, "classes.jar"), filepath.Join(dir, "classes"), nil); err != nil {
		t.Fatal(err)
	}
	r, err := zip.OpenReader(filepath.Join(dir, "classes.jar"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if len(r.File) != 2 || r.File[0].Name != "app/core__init.class" ||
		!r.File[0].Modified.After(time.Date(1980, 1, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%d entries, the first %s of %s", len(r.File), r.File[0].Name, r.File[0].Modified)
	}
}
