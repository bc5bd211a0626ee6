package clojure

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buildpacks/libcnb/v2"
	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/tree"
	"slugc/detect"
)

func TestLeinTask(t *testing.T) {
	for name, tt := range map[string]struct {
		facts detect.LeinFacts
		task  string
		want  string
	}{
		"named uberjar":   {detect.LeinFacts{UberjarName: "x.jar"}, "", "uberjar"},
		"computed name":   {detect.LeinFacts{Computed: []string{":uberjar-name"}}, "", "uberjar"},
		"uberjar profile": {detect.LeinFacts{Main: "x.core", Profiles: []string{"dev", "uberjar"}}, "", "uberjar"},
		"plain":           {detect.LeinFacts{Main: "x.core"}, "", "with-profile production compile :all"},
		"lein-ring":       {detect.LeinFacts{Plugins: []string{"lein-ring"}}, "", "ring uberjar"},
		"the user's words": {detect.LeinFacts{UberjarName: "x.jar"}, "with-profile  prod uberjar",
			"with-profile prod uberjar"},
	} {
		b := &work{
			app: &detect.ClojureApp{Lein: &tt.facts},
			env: newEnvironment(nil, map[string]string{"LEIN_BUILD_TASK": tt.task}),
		}
		if got := strings.Join(b.leinTask(), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestCLITask(t *testing.T) {
	alias := func(name string, a detect.DepsAlias) map[string]detect.DepsAlias {
		return map[string]detect.DepsAlias{name: a}
	}
	uber := &detect.BuildFacts{Functions: []string{"clean", "uber"}}
	for name, tt := range map[string]struct {
		aliases map[string]detect.DepsAlias
		build   *detect.BuildFacts
		want    string
	}{
		"tools.build":          {alias("build", detect.DepsAlias{NsDefault: "build"}), uber, "-T:build uber"},
		"no default namespace": {alias("build", detect.DepsAlias{}), uber, "-T:build build/uber"},
		"a build without uber": {alias("build", detect.DepsAlias{NsDefault: "build"}),
			&detect.BuildFacts{Functions: []string{"jar"}}, ""},
		"an alias without a build": {alias("build", detect.DepsAlias{NsDefault: "build"}), nil, ""},
		"depstar": {alias("uberjar", detect.DepsAlias{ExecFn: "hf.depstar/uberjar"}), nil,
			"-X:uberjar"},
		"uberdeps": {
			alias("uberjar", detect.DepsAlias{MainOpts: []string{"-m", "uberdeps.uberjar"}}), nil, "-M:uberjar"},
		"nothing": {nil, nil, ""},
	} {
		b := &work{app: &detect.ClojureApp{Deps: &detect.DepsFacts{Aliases: tt.aliases}, Build: tt.build}}
		if got := strings.Join(b.cliTask(), " "); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// TestCompile: BUILD_COMMAND goes before bin/build, and this before the tool's own way.
func TestCompile(t *testing.T) {
	for line, want := range map[string]string{"echo command >made": "command\n", "": "script\n", "exit 3": ""} {
		b := &work{
			ctx: t.Context(),
			dir: t.TempDir(),
			say: &command.Log{Out: io.Discard},
			app: &detect.ClojureApp{Tool: "leiningen", BinBuild: true, Lein: &detect.LeinFacts{UberjarName: "x.jar"}},
		}
		b.env = newEnvironment([]string{"PATH=/usr/bin:/bin"}, map[string]string{"BUILD_COMMAND": line})
		writeFile(t, filepath.Join(b.dir, "bin", "build"), "#!/bin/sh\necho script >made\n")
		if err := os.Chmod(filepath.Join(b.dir, "bin", "build"), 0o755); err != nil {
			t.Fatal(err)
		}
		err := b.compile()
		if got, _ := os.ReadFile(filepath.Join(b.dir, "made")); string(got) != want {
			t.Errorf("BUILD_COMMAND=%q: made by %q (%v)", line, got, err)
		}
		if want == "" {
			wantDiagnosis(t, err, "clojure/build-failed", "`exit 3` failed (exit status 3)")
		}
	}
}

// TestRepository: what was downloaded stays while the dependencies do, and beyond a size no longer.
func TestRepository(t *testing.T) {
	b := &work{
		dir: t.TempDir(),
		cnb: libcnb.BuildContext{Layers: libcnb.Layers{Path: t.TempDir()}},
		app: &detect.ClojureApp{Manifests: []string{"deps.edn"}},
	}
	deps, jar := filepath.Join(b.dir, "deps.edn"), filepath.Join(b.cnb.Layers.Path, "maven", "repository", "a.jar")
	writeFile(t, deps, "{}")
	writeFile(t, jar, "left by a build that was broken off")
	for _, step := range []struct {
		deps string
		size int64
		kept bool
	}{{"{}", 1,
		false}, {"{}", maxRepository + 1,
		true}, {"{:deps {}}", maxRepository, true}, {"{:deps {a b}}", maxRepository + 1, false}} {
		writeFile(t, deps, step.deps)
		if err := os.Truncate(jar, step.size); err != nil {
			t.Fatal(err)
		}
		if err := b.repository(); err != nil {
			t.Fatal(err)
		}
		if tree.Exists(jar) != step.kept {
			t.Errorf("%+v: kept %t", step, !step.kept)
		}
		writeFile(t, jar, "")
		text := fmt.Sprintf("cache = true\n[metadata]\ndependencies = %q\n",
			b.result.Layers[len(b.result.Layers)-1].Metadata["dependencies"])
		writeFile(t, filepath.Join(b.cnb.Layers.Path, "maven.toml"), text)
	}
}

// TestVendoredLein: an app's own bin/lein is the command, with a home that lasts as long as the
// script stays the same.
func TestVendoredLein(t *testing.T) {
	b := &work{dir: t.TempDir(), home: t.TempDir(), cnb: libcnb.BuildContext{Layers: libcnb.Layers{Path: t.TempDir()}}}
	script := filepath.Join(b.dir, "bin", "lein")
	writeFile(t, script, "one")
	home, err := b.vendoredLein()
	if err != nil || len(b.result.Layers) != 1 || b.result.Layers[0].Launch || !b.result.Layers[0].Cache {
		t.Fatalf("layers %+v (%v)", b.result.Layers, err)
	}
	if err := b.writeLein(b.home, home); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(filepath.Join(b.home, "lein")); to != script {
		t.Errorf("lein is %q (%v)", to, err)
	}
	writeFile(t, filepath.Join(home, "self-installs", "leiningen.jar"), "jar")
	keep := func() {
		t.Helper()
		text := fmt.Sprintf("cache = true\n[metadata]\nscript = %q\n",
			b.result.Layers[len(b.result.Layers)-1].Metadata["script"])
		writeFile(t, home+".toml", text)
		if home, err = b.vendoredLein(); err != nil {
			t.Fatal(err)
		}
	}
	if keep(); !tree.Exists(filepath.Join(home, "self-installs", "leiningen.jar")) {
		t.Error("what bin/lein has downloaded is gone")
	}
	writeFile(t, script, "two")
	if keep(); tree.Exists(filepath.Join(home, "self-installs", "leiningen.jar")) {
		t.Error("another bin/lein finds what the first has downloaded")
	}
}

func TestRunAlias(t *testing.T) {
	for name, tt := range map[string]struct {
		alias detect.DepsAlias
		want  frozen
	}{
		"run": {detect.DepsAlias{MainOpts: []string{"-m", "shop.core"}, JVMOpts: []string{"-Xss2m"}},
			frozen{options: []string{"-Xss2m"}, main: []string{"clojure.main", "-m", "shop.core"}}},
		"main": {detect.DepsAlias{ExecFn: "shop.core/run"},
			frozen{main: []string{"clojure.main", "-e", "(do (require 'shop.core) (shop.core/run {}))"}}},
		"run-x": {detect.DepsAlias{ExecFn: "run", NsDefault: "shop.core"},
			frozen{main: []string{"clojure.main", "-e", "(do (require 'shop.core) (shop.core/run {}))"}}},
		"start": {detect.DepsAlias{ExecFn: "shop.core/run", ExecArgs: true},
			frozen{main: []string{"clojure.main", "-e", `(do (require 'shop.core 'clojure.edn) (shop.core/run (get-in (clojure.edn/read-string {:default tagged-literal} (slurp "deps.edn")) [:aliases :start :exec-args])))`}}},
	} {
		b := &work{
			app: &detect.ClojureApp{
				Deps: &detect.DepsFacts{
					Aliases: map[string]detect.DepsAlias{name: tt.alias, "test": {MainOpts: []string{"-m", "test"}}},
				},
			},
		}
		if got := b.runAlias(); got != name {
			t.Errorf("the alias is %q, want %q", got, name)
		}
		if diff := cmp.Diff(&tt.want, frozenAlias(name, tt.alias), cmp.AllowUnexported(frozen{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestEnvironment(t *testing.T) {
	e := newEnvironment([]string{"PATH=/usr/bin", "CNB_LAYERS_DIR=/x", "JAVA_OPTS=-Xmx1g", "GIT_DIR=/y",
		"LANG=C.UTF-8"},
		map[string]string{"PATH": "/evil", "JAVA_TOOL_OPTIONS": "-javaagent:x",
			"DB_PASSWORD": "hunter22", "SHORT_TOKEN": "x", "LEIN_USERNAME": "me",
			"SLUGC_JDK_VERSION": "17"})
	e.prepend("/jdk/bin")
	want := []string{"DB_PASSWORD=hunter22", "LANG=C.UTF-8", "LEIN_USERNAME=me", "PATH=/jdk/bin:/usr/bin",
		"SHORT_TOKEN=x"}
	if diff := cmp.Diff(want, command.Environ(e.vars)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"hunter22"}, e.secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if got := mirrorOf([]string{"SLUGC_MAVEN_MIRROR= https://me:p%40ss@maven.example.com/all/ "}); got != "https://me:p%40ss@maven.example.com/all" {
		t.Errorf("mirror %q", got)
	} else if diff := cmp.Diff([]string{"p@ss", "p%40ss"}, password(got)); diff != "" {
		t.Errorf("password (-want +got):\n%s", diff)
	}
}

// TestMirrorFiles: credentials go into the files that the tools read, and not into the addresses
// they print.
func TestMirrorFiles(t *testing.T) {
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".m2"), 0o755); err != nil {
		t.Fatal(err)
	}
	jars := filepath.Join(home, "tool", "lib")
	if err := os.MkdirAll(jars, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(jars, "leiningen.jar"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	b := &work{
		home:    home,
		env:     newEnvironment(nil, nil),
		mirror:  "http://me:a%22b&c@127.0.0.1:1/maven",
		builder: &toolchain.Toolchain{Tool: "leiningen", Dir: filepath.Join(home, "tool")},
	}
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
		text, err := os.ReadFile(filepath.Join(home, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(string(text), w) {
				t.Errorf("%s lacks %q:\n%s", file, w, text)
			}
		}
	}
}

// TestMavenSettings: the app's own settings go before the machine's mirror; they are a file of the
// app's and nothing else.
func TestMavenSettings(t *testing.T) {
	for path, want := range map[string]string{".mvn/settings.xml": "<settings>own</settings>", "../outside.xml": "", "none.xml": ""} {
		top := t.TempDir()
		b := &work{
			dir:    filepath.Join(top, "app"),
			home:   t.TempDir(),
			mirror: "https://maven.example",
			env:    newEnvironment(nil, map[string]string{"MAVEN_SETTINGS_PATH": path}),
		}
		writeFile(t, filepath.Join(b.dir, ".mvn", "settings.xml"), "<settings>own</settings>")
		writeFile(t, filepath.Join(top, "outside.xml"), "<settings>outside</settings>")
		if err := os.Mkdir(filepath.Join(b.home, ".m2"), 0o755); err != nil {
			t.Fatal(err)
		}
		err := b.writeMaven()
		text, _ := os.ReadFile(filepath.Join(b.home, ".m2", "settings.xml"))
		if string(text) != want {
			t.Errorf("%s gives the settings %q (%v)", path, text, err)
		}
		if want == "" {
			wantDiagnosis(t, err, "clojure/maven-settings-missing", path)
		}
	}
}

func TestTrampoline(t *testing.T) {
	words := trampolineWords(`'java' '-classpath' '/app/src:/m2/a b.jar' '-Dx=y z' 'clojure.main' '-i' '/tmp/f.clj'`)
	if diff := cmp.Diff([]string{"java", "-classpath", "/app/src:/m2/a b.jar", "-Dx=y z", "clojure.main", "-i",
		"/tmp/f.clj"}, words); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	dir := t.TempDir()
	for _, file := range []string{"src/my_shop/core.clj", "target/classes/shop/Main.class"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := &work{dir: dir, app: &detect.ClojureApp{Lein: &detect.LeinFacts{}}}
	for form, want := range map[string]string{
		"(clojure.core/resolve (quote my-shop.core/-main))": "clojure.main -m my-shop.core",
		"(clojure.core/resolve (quote shop.Main/-main))":    "shop.Main",
		"(clojure.core/resolve (quote lib.server/-main))":   "clojure.main -m lib.server",
		"(clojure.core/resolve (quote my-shop.core/start))": "clojure.main -e (do (require 'my-shop.core) (my-shop.core/start))",
		"(println 1)": "",
	} {
		if got := strings.Join(b.mainOf([]byte(form)), " "); got != want {
			t.Errorf("%s: %q, want %q", form, got, want)
		}
	}
}

// TestRunShim: the lein of a slug starts what was frozen, however the Procfile words it.
func TestRunShim(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "java"), []byte("#!/bin/sh\necho \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	b := &work{frozen: &frozen{options: []string{"-Dx=y z"}, main: []string{"clojure.main", "-m", "shop.core"}}}
	script := filepath.Join(dir, "lein")
	if err := os.WriteFile(script, []byte(b.runScript()), 0o755); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"with-profile production trampoline run": "-server -Dx=y z clojure.main -m shop.core\n",
		"run one two":                            "-server -Dx=y z clojure.main -m shop.core one two\n",
		"trampoline run -m other.ns":             "-server clojure.main -m other.ns\n",
		"with-profile prod repl":                 "",
	} {
		cmd := exec.Command("/bin/sh", append([]string{script}, strings.Fields(args)...)...)
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin", "JAVA_OPTS=-server"}
		out, err := cmd.Output()
		if string(out) != want || (err == nil) != (want != "") {
			t.Errorf("lein %s: %q, %v; want %q", args, out, err, want)
		}
	}
}

func TestProcesses(t *testing.T) {
	for name, tt := range map[string]struct {
		b    work
		want string
	}{
		"uberjar": {work{uberjar: "target/my app.jar"}, "java $JAVA_OPTS -jar 'target/my app.jar'"},
		"frozen": {work{frozen: &frozen{options: []string{"-Dx=y"}, main: []string{"clojure.main", "-m", "a.b"}}},
			"java $JAVA_OPTS -Dx=y clojure.main -m a.b"},
		"nothing":  {work{frozen: &frozen{}}, ""},
		"procfile": {work{uberjar: "x.jar", dir: "procfile"}, ""},
	} {
		b := tt.b
		if b.dir != "" {
			b.dir = t.TempDir()
			if err := os.WriteFile(filepath.Join(b.dir, "Procfile"), []byte("web: java -jar x.jar\n"),
				0o644); err != nil {
				t.Fatal(err)
			}
		} else {
			b.dir = t.TempDir()
		}
		b.say, b.app = &command.Log{Out: io.Discard}, &detect.ClojureApp{}
		if err := b.processes(); err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(b.result.Processes) > 0 {
			got = b.result.Processes[0].Command[2]
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
