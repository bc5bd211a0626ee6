package ruby_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"slugc/buildpacks/diagnosis"
)

var update = flag.Bool("update", false, "write the diagnoses into testdata/failures")

// TestFailures builds the apps of testdata/failures with the real Bundler and rake. Each archive
// has the app's files and want.json, the diagnosis. Its comment has "NAME=value" lines of the
// user's configuration, and may name another gem source, "process SLUGC_GEM_MIRROR=…". @SERVER@
// stands for the address of the bench's gem source.
func TestFailures(t *testing.T) {
	t.Parallel()
	archives, err := filepath.Glob("testdata/failures/*.txtar")
	must(t, err)
	b := newWarmBench(t)
	for _, file := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			must(t, err)
			b.T = t
			b.rewarm()
			tree, want := b.unpack(archive)
			o := b.mustFail(tree, want.ID)
			if *update {
				b.record(file, archive, o.Diagnosis)
				return
			}
			if diff := cmp.Diff(want, *o.Diagnosis); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, o.Log)
			}
		})
	}
}

// unpack returns the files and the diagnosis of an archive, and sets what its comment says.
func (b *bench) unpack(archive *txtar.Archive) (tree files, want diagnosis.Diagnosis) {
	b.T.Helper()
	b.Config, b.mirror = map[string]string{}, b.gems.URL
	for line := range strings.Lines(string(archive.Comment)) {
		line = strings.TrimSpace(line)
		if mirror, ok := strings.CutPrefix(line, "process SLUGC_GEM_MIRROR="); ok {
			b.mirror = mirror
		} else if name, value, ok := strings.Cut(line, "="); ok {
			b.Config[name] = value
		}
	}
	tree = files{}
	for _, f := range archive.Files {
		tree[f.Name] = strings.ReplaceAll(string(f.Data), "@SERVER@", b.gems.URL)
	}
	must(b.T, json.Unmarshal([]byte(tree["want.json"]), &want))
	delete(tree, "want.json")
	return tree, want
}

// record writes a diagnosis into an archive.
func (b *bench) record(file string, archive *txtar.Archive, d *diagnosis.Diagnosis) {
	b.T.Helper()
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	must(b.T, encoder.Encode(d))
	for i := range archive.Files {
		if archive.Files[i].Name == "want.json" {
			archive.Files[i].Data = []byte(strings.ReplaceAll(text.String(), b.gems.URL, "@SERVER@"))
		}
	}
	must(b.T, os.WriteFile(file, txtar.Format(archive), 0o644))
}
