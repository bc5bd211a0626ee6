package execd_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/compiler/fault"
	"slugc/compiler/launch/execd"
)

// script runs the programs in a tree of files below exec.d. It returns the text and what the programs have said.
func script(t *testing.T, files map[string]string) (text, said string, err error) {
	t.Helper()
	app := t.TempDir()
	for name, program := range files {
		file := filepath.Join(app, "exec.d", name)
		testkit.Write(t, file, "#!/bin/sh\n"+program)
		if err := os.Chmod(file, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	text, err = execd.Script(t.Context(), execd.Options{
		Dirs: []string{filepath.Join(app, "exec.d"), filepath.Join(app, "missing")}, Process: "web", Dir: app,
		Environ: []string{"PATH=/usr/bin:/bin", "A=0"}, Stderr: &out,
	})
	return text, out.String(), err
}

func TestScript(t *testing.T) {
	t.Parallel()
	text, said, err := script(t, map[string]string{
		"10-first":     `echo "first in $(basename "$PWD"), A=$A"; echo 'A = "1"' >&3; echo "B = \"it's\"" >&3`,
		"20-second":    `echo "second, A=$A"; printf 'A = """2\n"""' >&3`,
		"web/10-web":   `echo 'C = "web"' >&3`,
		"worker/other": `exit 1`,
	})
	if want := "export A='2\n'\nexport B='it'\\''s'\nexport C='web'\n"; err != nil || text != want {
		t.Errorf("got %q, %v, want %q", text, err, want)
	}
	if want := "first in 001, A=0\nsecond, A=1\n"; said != want {
		t.Errorf("the programs said %q, want %q", said, want)
	}
}

// TestRefuses holds that a program that fails, or writes what no process can have, keeps the process from starting.
func TestRefuses(t *testing.T) {
	t.Parallel()
	for want, program := range map[string]string{
		"exit status 3":                 "exit 3",
		"reading what it sets: toml":    "echo = >&3",
		"incompatible types":            "echo 'A = 1' >&3",
		`"A-B" is not the name`:         `echo '"A-B" = "1"' >&3`,
		"the value of A has a NUL":      `printf 'A = "\\u0000"' >&3`,
		"it writes more than 1048576 b": "yes | sed 's/y/A = 1/' >&3",
	} {
		_, _, err := script(t, map[string]string{"x": program})
		f := fault.Of(err)
		if err == nil || f.ID != "launch/exec-d" || f.Code != 82 || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), `exec.d/x"`) {
			t.Errorf("%s: got %v", program, err)
		}
	}
}
