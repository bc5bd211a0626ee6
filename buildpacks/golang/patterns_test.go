package golang

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
)

// TestRecognise holds the diagnoses of recorded output of the go command.
func TestRecognise(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/failures/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no samples (%v)", err)
	}
	var seen []string
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var output []byte
		var want *diagnosis.Diagnosis
		for _, f := range archive.Files {
			switch f.Name {
			case "output.txt":
				output = f.Data
			case "want.json":
				want = new(diagnosis.Diagnosis)
				if err := json.Unmarshal(f.Data, want); err != nil {
					t.Fatalf("%s: %v", file, err)
				}
			}
		}
		if want == nil || output == nil {
			continue
		}
		seen = append(seen, want.ID)
		if diff := cmp.Diff(want, recognise(output, "/app", "example.com/app", "1.18.10")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
	for _, p := range patterns("", "") {
		if !slices.Contains(seen, p.ID) && !slices.Contains(slices.Collect(maps.Values(shortOnes)), p.ID) {
			t.Errorf("no sample shows %s", p.ID)
		}
	}
}

// shortOnes are outputs that need no app, or of apps that detection refuses.
var shortOnes = map[string]string{
	"example.com/app: /goroot/link: signal: killed\n":                          "go/out-of-memory",
	"github.com/big/dep: /goroot/compile: signal: killed\n":                    "go/out-of-memory",
	"go: updates to go.mod needed; to update it:\n\tgo mod tidy\n":             "go/mod-outdated",
	"go: example.com/x@v1.0.0: missing go.sum entry for go.mod file\n":         "go/sum-missing",
	"main.go:4:2: no required module provides package x.y/z; to add it:\n":     "go/module-missing",
	"go: example.com/x@v1: reading https://proxy/x: 410 Gone\n":                "go/module-not-found",
	"git@host: Permission denied (publickey).\n":                               "go/private-module",
	"git: Host key verification failed.\n":                                     "go/git-host-key",
	"./gen: /lib/libc.so.6: version `GLIBC_2.99' not found\n":                  "go/glibc-missing",
	"npm error code ECONNREFUSED\n":                                            "go/network",
	"everything is fine\n":                                                     "",
	"":                                                                         "",
	"go: errors parsing go.mod:\ngo.mod:3: invalid go version '1.24.x': odd\n": "go/version-invalid",
}

func TestRecogniseShortOnes(t *testing.T) {
	t.Parallel()
	for output, want := range shortOnes {
		got := ""
		if d := recognise([]byte(output), "/app", "", "1.18.10"); d != nil {
			got = d.ID
		}
		if got != want {
			t.Errorf("%q is %q, want %q", output, got, want)
		}
	}
}

// TestUnrecognised holds the diagnosis of a failure that no pattern recognises.
func TestUnrecognised(t *testing.T) {
	t.Parallel()
	f := &command.Failure{Command: "go build", Status: "exit status 1", Tail: []byte("one\n\ntwo\n")}
	want := &diagnosis.Diagnosis{
		ID:      "go/build-failed",
		Summary: "`go build` failed (exit status 1).",
		Hints:   []string{"it said: one", "it said: two"},
	}
	if diff := cmp.Diff(want, f.Unrecognised(unknown)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	d := recognise([]byte("compile: signal: killed\n"), "/app", "web", "1.18.10")
	if d == nil || d.ID != "go/out-of-memory" {
		t.Errorf("got %+v", d)
	}
}
