package buildpacktest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Want is a fixture's want.json, as far as one buildpack alone can meet it.
type Want struct {
	App          string            `json:"app"`
	ProcessTypes map[string]string `json:"process_types"`
	Runtimes     map[string]string `json:"runtimes"`
	Present      []string          `json:"present"`
	Absent       []string          `json:"absent"`
	Warnings     []string          `json:"warnings"`
	Error        struct {
		ID string `json:"id"`
	} `json:"error"`
}

// ReadWant reads the want.json of the app in dir, which must be named after it.
func ReadWant(t testing.TB, dir string) Want {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "want.json"))
	Must(t, err)
	var w Want
	Must(t, json.Unmarshal(data, &w))
	if w.App != filepath.Base(dir) {
		t.Errorf("%s/want.json is of %q", dir, w.App)
	}
	return w
}

// Check holds a build and the files of its slug to the wishes.
func (w Want) Check(t testing.TB, got Outcome, files Files) {
	t.Helper()
	if diff := cmp.Diff(w.ProcessTypes, got.Processes()); w.ProcessTypes != nil && diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
	for _, name := range w.Present {
		if !files.Has(name) {
			t.Errorf("%s is not in the slug", name)
		}
	}
	for _, name := range w.Absent {
		if files.Has(name) {
			t.Errorf("%s is in the slug", name)
		}
	}
	for _, text := range w.Warnings {
		got.Says(t, " !     "+text)
	}
	for name, text := range files {
		if strings.Contains(text, NamesRoot) {
			t.Errorf("%s: %s", name, text)
		}
	}
}
