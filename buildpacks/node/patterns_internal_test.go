package node

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
)

var update = flag.Bool("update", false, "write testdata/diagnoses.txtar anew")

// TestDiagnoses holds what slugc says to what the tools say. The archive has real output
// (‹manager›-‹case›.txt: of npm 10.9 and 11, yarn 1.22 and 4.9, pnpm 10), with addresses and
// directories replaced, and what is made of it.
func TestDiagnoses(t *testing.T) {
	const file = "testdata/diagnoses.txtar"
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	locks := map[string]string{"npm": "package-lock.json", "yarn": "yarn.lock", "pnpm": "pnpm-lock.yaml"}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		sample, golden := archive.Files[i], &archive.Files[i+1]
		name := strings.TrimSuffix(sample.Name, ".txt")
		manager, _, _ := strings.Cut(name, "-")
		if golden.Name != name+".json" || locks[manager] == "" {
			t.Fatalf("%q is followed by %q", sample.Name, golden.Name)
		}
		d := diagnosis.Recognise(patternsFor(manager, locks[manager]), sample.Data)
		if d == nil {
			d = (&command.Failure{Command: manager, Status: "exit status 1", Tail: sample.Data}).Unrecognised(
				unknown("node/unrecognised"),
			)
		}
		var text strings.Builder
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(d); err != nil {
			t.Fatal(err)
		}
		if *update {
			golden.Data = []byte(text.String())
		} else if diff := cmp.Diff(string(golden.Data), text.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
