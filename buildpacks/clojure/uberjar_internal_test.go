package clojure

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
	"slugc/detect"
)

func TestChooseJar(t *testing.T) {
	thin := jar{path: "target/app-0.1.0.jar", size: 10, class: "app.core"}
	standalone := jar{path: "target/uberjar/app-0.1.0-standalone.jar", size: 100, class: "app.core"}
	named := jar{path: "target/uberjar/shop.jar", size: 50, class: "app.core"}
	other := jar{path: "target/lib/big.jar", size: 900}
	for name, tt := range map[string]struct {
		jars   []jar
		wanted string
		want   string
	}{
		"none":                  {nil, "", ""},
		"by name, deep":         {[]jar{thin, standalone, named, other}, "shop.jar", named.path},
		"by name with a path":   {[]jar{thin, named}, "out/shop.jar", named.path},
		"standalone":            {[]jar{thin, other, standalone}, "", standalone.path},
		"named one is missing":  {[]jar{thin, other, standalone}, "shop.jar", standalone.path},
		"biggest that can run":  {[]jar{thin, other, named}, "", named.path},
		"none has a Main-Class": {[]jar{other}, "", ""},
	} {
		got := ""
		if j := chooseJar(tt.jars, tt.wanted); j != nil {
			got = j.path
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// entry is one entry of a jar.
type entry struct {
	name, text string
	at         time.Time
}

func writeJar(t *testing.T, file string, entries ...entry) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
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
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestNormaliseJar(t *testing.T) {
	now, dir := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), t.TempDir()
	manifest := "Manifest-Version: 1.0\r\nBuilt-By: someone\r\nBuild-Jdk: 17\r\nMain-Class: app.core\r\n\r\n"
	writeJar(t, filepath.Join(dir, "a.jar"), entry{"src/z.clj", "z", now}, entry{"app/core.clj", "core", now},
		entry{"app/core__init.class", "class", now}, entry{"META-INF/MANIFEST.MF", manifest, now},
		entry{"META-INF/maven/a/b/pom.properties", "#Leiningen\n#Mon Nov 23 09:00:00 UTC 2026\nversion=1\n", now},
		entry{"old.clj", "changed", now}, entry{"old__init.class", "stale", now.AddDate(-1, 0, 0)},
		entry{"data/", "", now})
	later := now.Add(48 * time.Hour)
	writeJar(t, filepath.Join(dir, "b.jar"),
		entry{"META-INF/MANIFEST.MF", strings.Replace(manifest, "someone", "another", 1), later},
		entry{"data/", "", later}, entry{"old__init.class", "stale", later.AddDate(-1, 0, 0)},
		entry{"old.clj", "changed", later},
		entry{"META-INF/maven/a/b/pom.properties", "#Leiningen\n#Wed Nov 25 09:00:00 UTC 2026\nversion=1\n", later},
		entry{"app/core__init.class", "class", later}, entry{"app/core.clj", "core", later.Add(2 * time.Second)},
		entry{"src/z.clj", "z", later})
	var got [2][]byte
	for i, name := range []string{"a.jar", "b.jar"} {
		file := filepath.Join(dir, name)
		if err := normaliseJar(file); err != nil {
			t.Fatal(err)
		}
		var err error
		if got[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got[0], got[1]) {
		t.Error("the same content gives different bytes")
	}
	r, err := zip.NewReader(bytes.NewReader(got[0]), int64(len(got[0])))
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
	if class := mainClass(filepath.Join(dir, "a.jar")); class != "app.core" {
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
		if err := os.MkdirAll(filepath.Join(dir, "classes", filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "classes", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := jarOf(filepath.Join(dir, "classes.jar"), filepath.Join(dir, "classes")); err != nil {
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

func TestFindJar(t *testing.T) {
	dir := t.TempDir()
	b := &work{
		dir: dir,
		say: &command.Log{Out: io.Discard},
		env: newEnvironment(nil, nil),
		app: &detect.ClojureApp{
			Tool: "leiningen",
			Lein: &detect.LeinFacts{UberjarName: "shop.jar", TargetPath: "out/%s"},
		},
	}
	if err := b.findJar(); err == nil || !strings.Contains(err.Error(), "shop.jar below out") {
		t.Errorf("a missing uberjar gives %v", err)
	}
	writeJar(t, filepath.Join(dir, "out/uberjar/shop.jar"),
		entry{name: "META-INF/MANIFEST.MF", text: "Manifest-Version: 1.0\n"})
	if err := b.findJar(); err == nil || !strings.Contains(err.Error(), "no Main-Class") {
		t.Errorf("a jar that can't start gives %v", err)
	}
	long := "Manifest-Version: 1.0\r\nMain-Class: a.very.long.name.of.a.namespace.that.is.longer.than.a.li\r\n ne\r\n"
	writeJar(t, filepath.Join(dir, "out/uberjar/shop.jar"), entry{name: "META-INF/MANIFEST.MF", text: long})
	if err := b.findJar(); err != nil || b.uberjar != "out/uberjar/shop.jar" {
		t.Errorf("chosen %q, %v", b.uberjar, err)
	}
	for _, name := range []string{"out/uberjar/classes/x.class", "out/uberjar/thin.jar", "out/stale/x",
		"out/kept.txt"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.tidy(); err != nil {
		t.Fatal(err)
	}
	for name, stays := range map[string]bool{"out/uberjar/shop.jar": true, "out/kept.txt": true, "out/uberjar/classes": false, "out/uberjar/thin.jar": false, "out/stale": false} {
		if _, err := os.Lstat(filepath.Join(dir, name)); (err == nil) != stays {
			t.Errorf("%s: %v", name, err)
		}
	}
}
