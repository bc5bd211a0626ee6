package clojure

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/tree"
	"slugc/cache/testkit"
	"slugc/detect"
)

// TestRepository checks that downloads are kept while the dependencies stay the same, and after a
// change up to a size.
func TestRepository(t *testing.T) {
	b := newWork(t, &detect.ClojureApp{Manifests: []string{"deps.edn"}}, nil)
	deps, jar := filepath.Join(b.Dir, "deps.edn"), filepath.Join(b.CNB.Layers.Path, "maven", "repository", "a.jar")
	testkit.Write(t, deps, "{}")
	testkit.Write(t, jar, "left over from a build that failed")
	for _, step := range []struct {
		deps string
		size int64
		kept bool
	}{
		{"{}", 1, false},
		{"{}", maxRepository + 1, true},
		{"{:deps {}}", maxRepository, true},
		{"{:deps {a b}}", maxRepository + 1, false},
	} {
		testkit.Write(t, deps, step.deps)
		if err := os.Truncate(jar, step.size); err != nil {
			t.Fatal(err)
		}
		if err := b.repository(); err != nil {
			t.Fatal(err)
		}
		if tree.Exists(jar) != step.kept {
			t.Errorf("%+v: kept %t", step, !step.kept)
		}
		testkit.Write(t, jar, "")
		text := fmt.Sprintf("cache = true\n[metadata]\ndependencies = %q\n",
			b.lastLayer().Metadata["dependencies"])
		testkit.Write(t, filepath.Join(b.CNB.Layers.Path, "maven.toml"), text)
	}
}

// TestVendoredLein checks that an app's own bin/lein is the command lein, with a home that is kept
// while the script stays the same.
func TestVendoredLein(t *testing.T) {
	b := newWork(t, nil, nil)
	script := filepath.Join(b.Dir, "bin", "lein")
	testkit.Write(t, script, "one")
	home, err := b.vendoredLein()
	if err != nil || len(b.Result.Layers) != 1 || b.Result.Layers[0].Launch || !b.Result.Layers[0].Cache {
		t.Fatalf("layers %+v (%v)", b.Result.Layers, err)
	}
	if err := b.writeLein(b.home, home); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(filepath.Join(b.home, "lein")); to != script {
		t.Errorf("lein is %q (%v)", to, err)
	}
	testkit.Write(t, filepath.Join(home, "self-installs", "leiningen.jar"), "jar")
	keep := func() {
		t.Helper()
		text := fmt.Sprintf("cache = true\n[metadata]\nscript = %q\n",
			b.lastLayer().Metadata["script"])
		testkit.Write(t, home+".toml", text)
		if home, err = b.vendoredLein(); err != nil {
			t.Fatal(err)
		}
	}
	if keep(); !tree.Exists(filepath.Join(home, "self-installs", "leiningen.jar")) {
		t.Error("what bin/lein has downloaded is gone")
	}
	testkit.Write(t, script, "two")
	if keep(); tree.Exists(filepath.Join(home, "self-installs", "leiningen.jar")) {
		t.Error("another bin/lein finds what the first has downloaded")
	}
}

func TestEnvironment(t *testing.T) {
	e := newEnvironment([]string{"PATH=/usr/bin", "CNB_LAYERS_DIR=/x", "JAVA_OPTS=-Xmx1g", "GIT_DIR=/y",
		"LANG=C.UTF-8"},
		map[string]string{"PATH": "/evil", "JAVA_TOOL_OPTIONS": "-javaagent:x",
			"DB_PASSWORD": "hunter22", "SHORT_TOKEN": "x", "LEIN_USERNAME": "me",
			"SLUGC_JDK_VERSION": "17"})
	e.vars.Prepend("PATH", "/jdk/bin")
	want := []string{"DB_PASSWORD=hunter22", "LANG=C.UTF-8", "LEIN_USERNAME=me", "PATH=/jdk/bin:/usr/bin",
		"SHORT_TOKEN=x"}
	if diff := cmp.Diff(want, e.vars.List()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"hunter22"}, command.Secrets(e.user)); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	const mirror = "https://me:p%40ss@maven.example.com/all"
	if got := mirrorOf([]string{"SLUGC_MAVEN_MIRROR= " + mirror + "/ "}); got != mirror {
		t.Errorf("mirror %q", got)
	}
	if diff := cmp.Diff([]string{"p@ss", "p%40ss"}, password(mirror)); diff != "" {
		t.Errorf("password (-want +got):\n%s", diff)
	}
}

// TestMirrorFiles checks that credentials are in the files that the tools read, and not in the
// addresses that they print.
func TestMirrorFiles(t *testing.T) {
	b := newWork(t, nil, nil)
	home, jars := b.home, filepath.Join(b.home, "tool", "lib")
	testkit.Write(t, filepath.Join(jars, "leiningen.jar"), "")
	if err := os.Mkdir(filepath.Join(home, ".m2"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.mirror = "http://me:a%22b&c@127.0.0.1:1/maven"
	b.builder = &toolchain.Toolchain{Tool: "leiningen", Dir: filepath.Join(home, "tool")}
	if err := b.writeLein(home, home); err != nil {
		t.Fatal(err)
	}
	if err := b.writeMaven(); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]string{
		"init.clj": {`:url "http://127.0.0.1:1/maven"`, `:username "me" :password "a\"b&c"`,
			`register-wagon-factory! "http"`},
		".m2/settings.xml": {"<url>http://127.0.0.1:1/maven</url>", `<password>a"b&amp;c</password>`,
			"<mirrorOf>*</mirrorOf>"},
		"lein": {"jar='" + filepath.Join(jars, "leiningen.jar") + "'"},
	} {
		text := testkit.Read(t, filepath.Join(home, file))
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s lacks %q:\n%s", file, w, text)
			}
		}
	}
}

// TestMavenSettings checks that the app's own settings go before the machine's mirror, and that
// they must be a file of the app.
func TestMavenSettings(t *testing.T) {
	for path, want := range map[string]string{
		".mvn/settings.xml": "<settings>own</settings>", "../outside.xml": "", "none.xml": "",
	} {
		b := newWork(t, nil, map[string]string{"MAVEN_SETTINGS_PATH": path})
		top := b.Dir
		b.Dir, b.mirror = filepath.Join(top, "app"), "https://maven.example"
		testkit.Write(t, filepath.Join(b.Dir, ".mvn", "settings.xml"), "<settings>own</settings>")
		testkit.Write(t, filepath.Join(top, "outside.xml"), "<settings>outside</settings>")
		if err := os.Mkdir(filepath.Join(b.home, ".m2"), 0o755); err != nil {
			t.Fatal(err)
		}
		err := b.writeMaven()
		text, _ := os.ReadFile(filepath.Join(b.home, ".m2", "settings.xml"))
		if string(text) != want {
			t.Errorf("%s: the settings are %q (%v)", path, text, err)
		}
		if want == "" {
			wantDiagnosis(t, err, "clojure/maven-settings-missing", path)
		}
	}
}
