package clojure

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/buildpacks/libcnb/v2"
	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/toolchain"
	"slugc/cache/testkit"
	"slugc/detect"
)

// fetched is a build whose cache has three libraries, one of them in two versions, a plugin, and a
// library from git.
func fetched(t *testing.T) *work {
	t.Helper()
	b := newWork(t, leinApp(detect.LeinFacts{Name: "acme/shop"}), nil)
	b.CNB.Buildpack.Info.SBOMFormats = []string{libcnb.BOMMediaTypeCycloneDX}
	b.jdk = toolchain.Toolchain{Tool: "jdk", Version: "21.0.5"}
	b.jars = filepath.Join(b.CNB.Layers.Path, "maven", "repository")
	manifest := entry{name: "META-INF/MANIFEST.MF", text: "Manifest-Version: 1.0\n"}
	for name, entries := range map[string][]entry{
		"org/clojure/clojure/1.11.1/clojure-1.11.1.jar": {{name: "clojure/core.clj", text: "1.11"},
			{name: "clojure/lang/RT.class", text: "RT"}, manifest},
		"org/clojure/clojure/1.10.3/clojure-1.10.3.jar": {{name: "clojure/core.clj", text: "1.10"},
			{name: "clojure/lang/RT.class", text: "RT of 1.10"}, manifest},
		"ring/ring-core/1.8.2/ring-core-1.8.2.jar": {{name: "ring/core.clj", text: "ring"},
			{name: "ring/util.clj", text: "util"}, {name: "data_readers.clj", text: "{ring 1}"}},
		"lein-ring/lein-ring/0.12.6/lein-ring-0.12.6.jar":           {{name: "leiningen/ring.clj", text: "plugin"}},
		"org/eclipse/jetty/jetty-bom/9.4.0/jetty-bom-9.4.0.jar":     {manifest},
		"broken/broken/1.0/broken-1.0.jar":                          nil,
		"ring/ring-core/1.8.2/maven-metadata-central-1.0.other.jar": {{name: "ring/core.clj", text: "ring"}},
	} {
		writeJar(t, filepath.Join(b.jars, filepath.FromSlash(name)), entries...)
	}
	testkit.Write(t, filepath.Join(b.jars, "broken/broken/1.0/broken-1.0.jar"), "no jar")
	testkit.Write(t, filepath.Join(b.gitlibs(), "libs/acme/tools/0123456789abcdef/src/acme/tools.clj"), "tools")
	testkit.Write(t, filepath.Join(b.gitlibs(), "libs/acme/tools/0123456789abcdef/test/acme/tools_test.clj"), "test")
	testkit.Write(t, filepath.Join(b.gitlibs(), "libs/acme/build/fedcba9876543210/src/acme/build.clj"), "build")
	testkit.Write(t, filepath.Join(b.gitlibs(), "_repos/https/git.example/acme/tools/HEAD"), "ref")
	return b
}

// billed lists a build's bill of materials: the app, then its components by type and package URL.
func billed(t *testing.T, b *work) (list []string) {
	t.Helper()
	if err := b.bill(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(b.CNB.Layers.LaunchSBOMPath(libcnb.CycloneDXJSON))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Metadata   struct{ Component struct{ Name string } }
		Components []struct{ Type, Purl string }
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	list = append(list, doc.Metadata.Component.Name)
	for _, c := range doc.Components {
		list = append(list, c.Type+" "+c.Purl)
	}
	return list
}

// TestBillOfUberjar checks that the bill has the libraries in the uberjar, in their versions, and
// not the others that were fetched.
func TestBillOfUberjar(t *testing.T) {
	b := fetched(t)
	b.uberjar = "target/shop-standalone.jar"
	writeJar(t, filepath.Join(b.Dir, b.uberjar),
		entry{name: "clojure/core.clj", text: "1.11"}, entry{name: "clojure/lang/RT.class", text: "RT"},
		entry{name: "ring/core.clj", text: "ring"}, entry{name: "ring/util.clj", text: "util"},
		entry{name: "data_readers.clj", text: "{ring 1, shop 2}"}, entry{name: "acme/tools.clj", text: "tools"},
		entry{name: "shop/core.clj", text: "shop"},
		entry{name: "META-INF/MANIFEST.MF", text: "Manifest-Version: 1.0\n"})
	want := []string{"acme/shop", "library pkg:generic/acme/tools@0123456789abcdef",
		"platform pkg:generic/openjdk@21.0.5", "library pkg:maven/org.clojure/clojure@1.11.1",
		"library pkg:maven/ring/ring-core@1.8.2"}
	if diff := cmp.Diff(want, billed(t, b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.app.JDK.Provided, b.app.Tool = true, "cli"
	testkit.Write(t, filepath.Join(b.Dir, ".jdk", "release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"17.0.9\"\n")
	if got := billed(t, b); got[0] != "" || got[2] != "platform pkg:generic/openjdk@17.0.9" {
		t.Errorf("with a .jdk of the app's own: %q", got)
	}
	b.uberjar = "target/none.jar"
	if err := b.bill(); err == nil {
		t.Error("an uberjar that can't be read is not an error")
	}
}

// TestFrozenLibraries checks that the jars of a frozen classpath and a library from git are in the
// slug and in its bill.
func TestFrozenLibraries(t *testing.T) {
	b := fetched(t)
	b.builder, b.env = &toolchain.Toolchain{
		Tool:    "leiningen",
		Version: "2.12.0",
	}, newEnvironment(nil, map[string]string{"LEIN_INCLUDE_IN_SLUG": "yes"})
	repository := filepath.Join(b.home, ".m2", "repository") // as the tools know it
	if err := os.MkdirAll(filepath.Dir(repository), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(b.jars, repository); err != nil {
		t.Fatal(err)
	}
	src := filepath.Join(b.Dir, "src")
	testkit.Write(t, filepath.Join(src, "shop.clj"), "shop")
	b.frozen = &frozen{
		path: []string{src, filepath.Join(b.Dir, "resources"),
			filepath.Join(repository, "org/clojure/clojure/1.11.1/clojure-1.11.1.jar"),
			filepath.Join(b.gitlibs(), "libs/acme/tools/0123456789abcdef/src")},
	}
	if err := b.dependencyLayer([]*frozen{b.frozen}); err != nil {
		t.Fatal(err)
	}
	layer := filepath.Join(b.CNB.Layers.Path, "dependencies")
	if diff := cmp.Diff([]string{src, filepath.Join(layer, "clojure-1.11.1.jar"),
		filepath.Join(layer, "tools-0123456789abcdef.jar")}, b.frozen.path); diff != "" {
		t.Errorf("classpath (-want +got):\n%s", diff)
	}
	if files, err := sums(filepath.Join(layer, "tools-0123456789abcdef.jar")); err != nil || len(files) != 1 ||
		files["acme/tools.clj"] == 0 {
		t.Errorf("the library of git is packed as %v (%v)", files, err)
	}
	want := []string{"acme/shop", "library pkg:generic/acme/tools@0123456789abcdef",
		"application pkg:generic/leiningen@2.12.0", "platform pkg:generic/openjdk@21.0.5",
		"library pkg:maven/org.clojure/clojure@1.11.1"}
	if diff := cmp.Diff(want, billed(t, b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
