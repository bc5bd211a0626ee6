package command_test

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
)

// TestHangs holds which last lines explain the silence of a script.
func TestHangs(t *testing.T) {
	t.Parallel()
	for line, says := range map[string]string{
		"  ➜  Local:   http://localhost:5173/":                  "started a server",
		"Server is running on port 3000":                        "started a server",
		"[11:02:01] Found 0 errors. Watching for file changes.": "waits for changes",
		"✓ built in 2.31s":                                      "has done its work",
		"webpack 5.90.0 compiled successfully in 1203 ms":       "has done its work",
		"Creating an optimized production build ...":            "",
		"": "",
	} {
		d := command.Hangs("node")("npm run build", []string{"> build", line})
		if (d == nil) != (says == "") ||
			d != nil && (!strings.Contains(d.Summary, says) || !d.Waiting || d.ID != "node/build-hangs") {
			t.Errorf("%q: %+v, want %q", line, d, says)
		}
	}
}

// TestHangsIDs holds the ids of the languages.
func TestHangsIDs(t *testing.T) {
	t.Parallel()
	for language, id := range map[string]string{
		"ruby": "ruby/build-hangs", "go": "go/build-hangs", "clojure": "clojure/build-hangs",
	} {
		if d := command.Hangs(language)("make", []string{"Done in 2.0s"}); d == nil || d.ID != id {
			t.Errorf("%s: %+v", language, d)
		}
	}
}

// TestStuck holds that a command is noted by its last line while it runs, and not afterwards.
func TestStuck(t *testing.T) {
	t.Parallel()
	report := filepath.Join(t.TempDir(), "report")
	log := &command.Log{Out: io.Discard, Report: report}
	stuck := func(shown string, lines []string) *diagnosis.Diagnosis {
		if strings.Join(lines, " ") != "one two" {
			return nil
		}
		return &diagnosis.Diagnosis{ID: "x/build-hangs", Summary: shown + " hangs.", Waiting: true}
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = log.Run(t.Context(), command.Command{Program: "/bin/sh", Args: []string{"-c",
			`echo one; printf '\033[32mtwo\033[0m\n\n'; while [ ! -e "$0" ]; do sleep 0.1; done; rm "$0"`, report},
			Shown: "make", Stuck: stuck})
	}()
	<-ended // the command waits for the note, and takes it
	if d, err := diagnosis.Read(report); err == nil {
		t.Errorf("%+v is left behind", d)
	}
}
