package clojure

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/toolchain"
	"slugc/cache/testkit"
	"slugc/detect"
)

// TestRunShim checks that the command lein of a slug starts the frozen app, however the Procfile
// calls it.
func TestRunShim(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "java"), []byte("#!/bin/sh\necho \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	b := &work{frozen: &frozen{options: []string{"-Dx=y z"}, main: []string{"clojure.main", "-m", "shop.core"}}}
	script := filepath.Join(dir, "lein")
	if err := os.WriteFile(script, []byte(b.runScript(dir)), 0o755); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"with-profile production trampoline run": "-server -Dx=y z clojure.main -m shop.core\n",
		"run one two":                            "-server -Dx=y z clojure.main -m shop.core one two\n",
		"trampoline run -m other.ns":             "-server clojure.main -m other.ns\n",
		"run -m other.ns one":                    "-server clojure.main -m other.ns one\n",
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
	classes := &frozen{options: []string{"-Dx=y"}, main: []string{"clojure.main", "-m", "a.b"}}
	for name, tt := range map[string]struct {
		uberjar  string
		frozen   *frozen
		procfile string
		want     string
	}{
		"uberjar":  {"target/my app.jar", nil, "", "java $JAVA_OPTS -jar 'target/my app.jar'"},
		"frozen":   {"", classes, "", "java $JAVA_OPTS -Dx=y clojure.main -m a.b"},
		"nothing":  {"", &frozen{}, "", ""},
		"procfile": {"x.jar", nil, "web: java -jar x.jar\n", ""},
	} {
		b := newWork(t, &detect.ClojureApp{}, nil)
		b.uberjar, b.frozen = tt.uberjar, tt.frozen
		if tt.procfile != "" {
			testkit.Write(t, b.Path("Procfile"), tt.procfile)
		}
		if err := b.processes(); err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(b.Result.Processes) > 0 {
			got = b.Result.Processes[0].Command[2]
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// TestLeinCalls holds what a Procfile may ask of Leiningen.
func TestLeinCalls(t *testing.T) {
	t.Parallel()
	const refused = "clojure/procfile-not-frozen"
	for name, tt := range map[string]struct{ procfile, id, profile string }{
		"nothing":       {"web: java x", "", "production"},
		"run":           {"web: lein trampoline run", "", "production"},
		"a profile":     {"web: LEIN_NO_DEV=1 lein with-profile +web,prod run -m x 1", "", "+web,prod"},
		"the same":      {"web: lein with-profile web run\nworker: lein with-profile web run w", "", "web"},
		"two profiles":  {"web: lein with-profile web run\nworker: lein with-profile worker run", refused, "web"},
		"another task":  {"web: lein ring server-headless", refused, "production"},
		"an alias":      {"web: lein with-profile web serve", refused, "production"},
		"from a script": {"web: bin/start", "", "production"},
	} {
		b := newWork(t, leinApp(detect.LeinFacts{}), nil)
		testkit.Write(t, b.Path("Procfile"), tt.procfile+"\n")
		testkit.Write(t, b.Path("bin/start"), "#!/bin/sh\nlein ring server\n")
		if err := b.checkLein(); tt.id != "" {
			wantDiagnosis(t, err, tt.id, "lein")
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := b.leinProfile(); got != tt.profile {
			t.Errorf("%s: profiles %q, want %q", name, got, tt.profile)
		}
	}
	b := newWork(t, leinApp(detect.LeinFacts{}), map[string]string{"LEIN_INCLUDE_IN_SLUG": "yes"})
	b.builder = &toolchain.Toolchain{Tool: "leiningen"}
	testkit.Write(t, b.Path("Procfile"), "web: lein ring server\n")
	if err := b.checkLein(); err != nil {
		t.Errorf("with Leiningen in the slug: %v", err)
	}
}
