// Package slugctest runs the real slugc, built as users build it (without cgo), for tests that drive
// it from outside. Only tests import it.
//
//	home := slugctest.Home(t)
//	slugctest.GoApp(t, dir, "hello")
//	result := slugctest.Build(t, home, dir)
//	o := slugctest.Run(t, home, "verify", result.Slug.Path) // an [Outcome]
//
// The binary is linked once and shared by all test processes. Toolchains are fetched once and kept
// in the user's cache directory between runs. A slugc under test sees nothing of the environment
// besides [Settings].
package slugctest

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"slugc/compiler"
	"slugc/compiler/release"
)

// Outcome is how one run of a program ended.
type Outcome struct {
	Stdout, Stderr string
	Exit           int
}

// Command prepares slugc with a state directory and nothing else besides [Settings].
func Command(t testing.TB, home string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(Binary(t), args...)
	cmd.Env = Env(t, home)
	return cmd
}

// Env is the environment of a slugc with the state directory home.
func Env(t testing.TB, home string, more ...string) []string {
	t.Helper()
	env := append([]string{"HOME=" + home, "SLUGC_HOME=" + home, "TERM=dumb"}, Settings(t)...)
	return append(env, more...)
}

// Run runs slugc with a state directory.
func Run(t testing.TB, home string, args ...string) Outcome {
	t.Helper()
	return RunIn(t, "", home, nil, args...)
}

// RunIn runs slugc in a directory ("" for the test's) with additional environment variables.
func RunIn(t testing.TB, dir, home string, env []string, args ...string) Outcome {
	t.Helper()
	cmd := Command(t, home, args...)
	cmd.Dir, cmd.Env = dir, append(cmd.Env, env...)
	return Wait(t, cmd)
}

// Wait runs a command to its end.
func Wait(t testing.TB, cmd *exec.Cmd) Outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	return Outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// Shell runs a script in a directory with only the given environment.
func Shell(t testing.TB, dir string, env []string, script string) Outcome {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Dir, cmd.Env = dir, env
	return Wait(t, cmd)
}

// Decode reads the JSON document that slugc printed.
func Decode[T any](t testing.TB, o Outcome) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(o.Stdout), &v); err != nil {
		t.Fatalf("stdout is not one JSON document: %v\nstdout: %s\nstderr: %s", err, o.Stdout, o.Stderr)
	}
	return v
}

// Build builds the app in dir.
func Build(t testing.TB, home, dir string, more ...string) compiler.Result {
	t.Helper()
	o := Run(t, home, append([]string{"build", dir, "--json"}, more...)...)
	if o.Exit != 0 {
		t.Fatalf("exit %d\n%s", o.Exit, o.Stderr)
	}
	return Decode[compiler.Result](t, o)
}

// Releases returns an app's releases, the latest first, with additional environment variables.
func Releases(t testing.TB, home, app string, env ...string) []release.Release {
	t.Helper()
	return Decode[[]release.Release](t, RunIn(t, "", home, env, "releases", app, "--json"))
}

// CheckError requires that a run with --json ended with an error, in its JSON and its text.
func CheckError(t testing.TB, id string, exit int, o Outcome) {
	t.Helper()
	doc := Decode[struct {
		Error struct {
			ID   string `json:"id"`
			Exit int    `json:"exit"`
		} `json:"error"`
	}](t, o)
	if doc.Error.ID != id || o.Exit != exit || doc.Error.Exit != exit {
		t.Errorf("error %q, exit %d (its JSON says %d); want %q, exit %d\n%s",
			doc.Error.ID, o.Exit, doc.Error.Exit, id, exit, o.Stderr)
	}
	if !strings.Contains(o.Stderr, "["+id+"]") {
		t.Errorf("the error's id is not printed:\n%s", o.Stderr)
	}
}
