package clojure

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
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
		b := newWork(t, leinApp(tt.facts), map[string]string{"LEIN_BUILD_TASK": tt.task})
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

// TestCompile checks that BUILD_COMMAND goes before bin/build, and that before the task of the
// tool.
func TestCompile(t *testing.T) {
	for line, want := range map[string]string{"echo command >made": "command\n", "": "script\n", "exit 3": ""} {
		b := newWork(t, leinApp(detect.LeinFacts{UberjarName: "x.jar"}), map[string]string{"BUILD_COMMAND": line})
		b.app.BinBuild, b.env.vars["PATH"] = true, "/usr/bin:/bin"
		testkit.Write(t, filepath.Join(b.Dir, "bin", "build"), "#!/bin/sh\necho script >made\n")
		if err := os.Chmod(filepath.Join(b.Dir, "bin", "build"), 0o755); err != nil {
			t.Fatal(err)
		}
		err := b.compile()
		if got, _ := os.ReadFile(filepath.Join(b.Dir, "made")); string(got) != want {
			t.Errorf("BUILD_COMMAND=%q: made by %q (%v)", line, got, err)
		}
		if want == "" {
			wantDiagnosis(t, err, "clojure/build-failed", "`exit 3` failed (exit status 3)")
		}
	}
}

// TestPreparations holds with which options dependencies are fetched before the network goes.
func TestPreparations(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		aliases        string
		build          bool
		procfile, want string
	}{
		"nothing":  {"", false, "", "()"},
		"run":      {"run", false, "", "(-A:run)"},
		"build":    {"build", true, "", "() (-T:build)"},
		"Procfile": {"run prod db", false, "web: clojure -M:prod:db\n", "(-A:run) (-A:db) (-A:prod)"},
	} {
		app := &detect.ClojureApp{Tool: "cli", Deps: &detect.DepsFacts{Aliases: map[string]detect.DepsAlias{}}}
		for _, alias := range strings.Fields(tt.aliases) {
			app.Deps.Aliases[alias] = detect.DepsAlias{MainOpts: []string{"-m", "x"}}
		}
		if tt.build {
			app.Build = &detect.BuildFacts{Functions: []string{"uber"}}
		}
		b := newWork(t, app, nil)
		testkit.Write(t, b.Path("Procfile"), tt.procfile)
		var got []string
		for _, words := range b.preparations() {
			got = append(got, "("+strings.Join(words, " ")+")")
		}
		if joined := strings.Join(got, " "); joined != tt.want {
			t.Errorf("%s: %s, want %s", name, joined, tt.want)
		}
	}
}
