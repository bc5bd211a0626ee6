package clojure

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/detect"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestFailures compares the diagnoses of recorded output with the golden files beside it.
func TestFailures(t *testing.T) {
	files, err := filepath.Glob("testdata/failures/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded failures: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			output, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b := &work{app: leinApp(detect.LeinFacts{})}
			if strings.HasPrefix(name, "deps-") {
				b.app = &detect.ClojureApp{Tool: "cli", Deps: &detect.DepsFacts{}}
			}
			got := diagnosis.Recognise(b.patterns(), output)
			if got == nil {
				t.Fatalf("no pattern recognises:\n%s", output)
			}
			golden := strings.TrimSuffix(file, ".txt") + ".json"
			if *update {
				data, err := json.MarshalIndent(got, "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(golden, append(data, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			data, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			var want diagnosis.Diagnosis
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestUnrecognised checks the diagnosis of a failure that no pattern recognises.
func TestUnrecognised(t *testing.T) {
	f := &command.Failure{
		Command: "lein uberjar",
		Status:  "exit status 1",
		Tail:    []byte("one\n\tat java.base/x\ntwo\nFull report at:\n"),
	}
	want := &diagnosis.Diagnosis{
		ID:      "clojure/build-failed",
		Summary: "`lein uberjar` failed (exit status 1).",
		Hints:   []string{"it said: one", "it said: two"},
	}
	if diff := cmp.Diff(want, f.Unrecognised(unknown)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f.Status = "exit status 137"
	if d := f.Unrecognised(unknown); d.ID != "clojure/out-of-memory" || !strings.Contains(d.Hints[0], "LEIN_JVM_OPTS") {
		t.Errorf("got %+v", d)
	}
}

// TestStuck checks what is said of a build that hangs after a line.
func TestStuck(t *testing.T) {
	d := stuck("lein uberjar", []string{"Compiling a.b", "Compiling my-shop.core", "INFO::main: Logging initialized"})
	if d == nil || d.ID != "clojure/compile-hangs" || !d.Waiting || d.Transient ||
		d.Summary != "`lein uberjar` compiles my-shop.core and does not end." {
		t.Errorf("got %+v", d)
	}
	d = stuck("bin/build", []string{"Compiling a.b", "Created /app/x.jar", "Started on http://localhost:3000"})
	if d == nil || d.ID != "clojure/build-hangs" {
		t.Errorf("got %+v", d)
	}
	if d := stuck("lein uberjar", []string{"Compiling 3 source files to target"}); d != nil {
		t.Errorf("got %+v", d)
	}
}
