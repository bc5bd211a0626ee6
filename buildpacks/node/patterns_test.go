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

var update = flag.Bool("update", false, "rewrite testdata/diagnoses.txtar")

// TestDiagnoses holds the diagnoses of real output. The archive has the output
// (‹manager›-‹case›.txt: of npm 10.9 and 11, yarn 1.22 and 4.9, pnpm 10), with addresses and
// directories replaced, and after each its diagnosis.
func TestDiagnoses(t *testing.T) {
	t.Parallel()
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
			failure := &command.Failure{Command: manager, Status: "exit status 1", Tail: sample.Data}
			d = failure.Unrecognised(unknown("node/unrecognised"))
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

// TestShortFailures holds the diagnoses of outputs that are too short to be recorded.
func TestShortFailures(t *testing.T) {
	t.Parallel()
	const removed = "npm error code E404\nnpm error 404 Not Found - GET https://registry.example/flatmap-stream"
	for output, want := range map[string]string{
		removed: "node/flatmap-stream",
		"npm error code E401\nnpm error Unable to authenticate": "node/registry-denied",
		"npm error code ENEEDAUTH\n":                            "node/registry-denied",
		"npm error code ESTRICTALLOWSCRIPTS\n":                  "node/script-not-allowed",
		"npm error code EALLOWGIT\n":                            "node/git-not-allowed",
		"npm error code EALLOWREMOTE\n":                         "node/remote-not-allowed",
		" ERR_PNPM_LOCKFILE_CONFIG_MISMATCH  Cannot proceed":    "node/lockfile-settings",
		" ERROR  packages field missing or empty":               "node/pnpm-workspace-unread",
	} {
		d := diagnosis.Recognise(patternsFor("npm", "package-lock.json"), []byte(output))
		if d == nil || d.ID != want || len(d.Hints) == 0 {
			t.Errorf("%q is %+v, want %s", output, d, want)
		}
	}
}
