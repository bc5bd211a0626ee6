package clojure

import (
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
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

func TestFindJar(t *testing.T) {
	b := newWork(t, leinApp(detect.LeinFacts{UberjarName: "shop.jar", TargetPath: "out/%s"}), nil)
	dir := b.Dir
	if err := b.findJar(); err == nil || !strings.Contains(err.Error(), "shop.jar below out") {
		t.Errorf("a missing uberjar: %v", err)
	}
	writeJar(t, filepath.Join(dir, "out/uberjar/shop.jar"),
		entry{name: "META-INF/MANIFEST.MF", text: "Manifest-Version: 1.0\n"})
	if err := b.findJar(); err == nil || !strings.Contains(err.Error(), "no Main-Class") {
		t.Errorf("a jar that can't be started: %v", err)
	}
	long := "Manifest-Version: 1.0\r\nMain-Class: a.very.long.name.of.a.namespace.that.is.longer.than.a.li\r\n ne\r\n"
	writeJar(t, filepath.Join(dir, "out/uberjar/shop.jar"), entry{name: "META-INF/MANIFEST.MF", text: long},
		entry{name: "a/very/long/name/of/a/namespace/that/is/longer/than/a/line.class"})
	if err := b.findJar(); err != nil || b.uberjar != "out/uberjar/shop.jar" {
		t.Errorf("chosen %q, %v", b.uberjar, err)
	}
	for _, name := range []string{"out/uberjar/classes/x.class", "out/uberjar/thin.jar", "out/stale/x",
		"out/kept.txt"} {
		testkit.Write(t, filepath.Join(dir, name), "x")
	}
	if err := b.tidy(); err != nil {
		t.Fatal(err)
	}
	for name, kept := range map[string]bool{
		"out/uberjar/shop.jar": true, "out/kept.txt": true,
		"out/uberjar/classes": false, "out/uberjar/thin.jar": false, "out/stale": false,
	} {
		if testkit.Exists(dir, name) != kept {
			t.Errorf("%s: kept %t", name, !kept)
		}
	}
}

// TestUncompiledMain holds what starts a jar whose Main-Class nobody compiled.
func TestUncompiledMain(t *testing.T) {
	manifest := entry{name: "META-INF/MANIFEST.MF", text: "Main-Class: my_shop.core\n"}
	const bySource = "-cp target/x-standalone.jar clojure.main -m my-shop.core"
	for name, tt := range map[string]struct {
		entries []entry
		command string // "" if it is refused
	}{
		"compiled":          {[]entry{manifest, {name: "my_shop/core.class"}}, "-jar target/x-standalone.jar"},
		"source":            {[]entry{manifest, {name: "my_shop/core.clj", text: "(defn -main [])"}}, bySource},
		"no :gen-class":     {[]entry{manifest, {name: "my_shop/core__init.class"}}, bySource},
		"no -main":          {[]entry{manifest, {name: "my_shop/core.clj", text: "(defn start [])"}}, ""},
		"another namespace": {[]entry{manifest, {name: "my_shop/server.clj", text: "(defn -main [])"}}, ""},
		"Class-Path": {[]entry{{name: "META-INF/MANIFEST.MF", text: "Main-Class: a.b\nClass-Path: lib/a.jar\n"}},
			"-jar target/x-standalone.jar"},
	} {
		b := newWork(t, leinApp(detect.LeinFacts{}), nil)
		writeJar(t, b.Path("target/x-standalone.jar"), tt.entries...)
		err := b.findJar()
		if tt.command == "" {
			wantDiagnosis(t, err, "clojure/no-main-class", "has no class my_shop.core")
		} else if got := b.startsUberjar(); err != nil || got != tt.command {
			t.Errorf("%s: %q, %v; want %q", name, got, err, tt.command)
		}
	}
}

// TestComputedJar holds that Leiningen's own words tell the jar whose name project.clj computes.
func TestComputedJar(t *testing.T) {
	b := newWork(t, leinApp(detect.LeinFacts{Computed: []string{":uberjar-name", ":target-path"}}), nil)
	for _, name := range strings.Fields("out/9/shop-9.jar out/9/y-standalone.jar out/9/app.jar target/x-standalone.jar") {
		writeJar(t, b.Path(name), entry{name: "META-INF/MANIFEST.MF", text: "Main-Class: a.b\n"},
			entry{name: "a/b.class"})
	}
	script := "echo Created " + b.Path("out/9/shop-9.jar") + "; echo Created " + b.Path("out/9/app.jar")
	if err := b.tool("lein uberjar", "/bin/sh", "-c", script); err != nil {
		t.Fatal(err)
	}
	if err := b.findJar(); err != nil || b.uberjar != "out/9/app.jar" {
		t.Errorf("chosen %q, %v", b.uberjar, err)
	}
}
