package main

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"slugc/cmd/slugc/slugctest"
)

// scriptApps are the Go apps that a script builds. The compiled standard library is there.
var scriptApps = map[string][]string{
	"script-app-json":   {"blog"},
	"script-buildpacks": {"all"},
	"script-cache":      {"hello"},
	"script-go":         {"hello", "app"},
	"script-limits":     {"app"},
	"script-member":     {"api", "web"},
	"script-procfile":   {"dup", "own"},
	"script-source":     {"r", "tar", "dir"},
}

// TestScripts runs testdata/script/*.txtar: every command, the error paths included, with the real
// binary.
func TestScripts(t *testing.T) {
	settings := slugctest.Settings(t)
	fixtures, err := filepath.Abs("../../fixtures")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, ".home")
			e.Vars = append(e.Vars, settings...)
			e.Setenv("HOME", home)
			e.Setenv("SLUGC_HOME", filepath.Join(home, "state"))
			e.Setenv("FIXTURES", fixtures)
			slugctest.LinkToolchains(t, filepath.Join(home, "state"))
			for _, app := range scriptApps[filepath.Base(e.WorkDir)] {
				slugctest.Warm(t, filepath.Join(home, "state"), "go", app)
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits,
		},
	})
}

// exits runs a program and requires its exit code: `exits 20 slugc build .`. What it says is in
// stdout and stderr files beside.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	const script = `"$@" >stdout.txt 2>stderr.txt; code=$?
[ $code -eq "$0" ] || { echo "exit $code, want $0" >&2; cat stderr.txt >&2; exit 1; }`
	ts.Check(ts.Exec("sh", append([]string{"-c", script, args[0]}, args[1:]...)...))
}
