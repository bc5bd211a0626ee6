package golang_test

import (
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/buildpacktest"
)

// TestFixtures builds every fixture for the Go that runs the tests and holds it to its want.json.
func TestFixtures(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("../../fixtures/go-*")
	must(t, err)
	if len(dirs) == 0 {
		t.Fatal("there are no fixtures")
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			w := buildpacktest.ReadWant(t, dir)
			b := newBench(t, filepath.Base(dir))
			if line := w.Runtimes["go"]; line != "" && !strings.HasPrefix(b.goTool().Version, line) {
				return // it needs another standard library: the end-to-end tests build it
			}
			if w.Error.ID != "" {
				b.MustFail(w.Error.ID)
				return
			}
			got := b.build()
			w.Check(t, got.Outcome, got.files)
			if w.HTTP.Path != "" {
				status, body := b.get(got.Processes()["web"], w.HTTP.Path)
				w.CheckHTTP(t, status, body)
			}
		})
	}
}
