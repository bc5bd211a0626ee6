package golang_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"slugc/buildpacks/diagnosis"
)

var update = flag.Bool("update", false, "record the go command's output and the diagnoses in testdata/failures")

// TestFailures builds the apps of testdata/failures with the real go command. Each archive holds
// the app's files; its comment holds "NAME=value" lines of the user's configuration, "process
// NAME=value" lines of the process's environment, and "recorded" where the failure can't be had on
// any machine. output.txt and want.json are what the go command said and what is made of it;
// [TestRecognise] compares them.
func TestFailures(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/failures/*.txtar")
	must(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/private/"):
			w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
		case strings.HasPrefix(r.URL.Path, "/gone/"):
			http.NotFound(w, r)
		default:
			http.Error(w, "overloaded", http.StatusBadGateway)
		}
	}))
	defer server.Close()
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			must(t, err)
			b := newBench(t, "")
			recorded := b.prepare(archive, server.URL)
			if recorded && !*update {
				return
			}
			if b.env["CGO_ENABLED"] == "1" && b.env["CC"] == "" && !b.compilerFound() {
				t.Log("no C compiler is on this machine, so the failure is known by its record only")
				return
			}
			got := b.try()
			if got.ok || got.wrong == nil {
				t.Fatalf("got ok=%v and no diagnosis:\n%s", got.ok, got.log)
			}
			if *update {
				b.record(file, archive, got, server.URL)
				return
			}
			want := diagnosisIn(t, archive)
			if got.wrong.ID != want.ID || got.wrong.Place != want.Place || got.wrong.Transient != want.Transient {
				t.Errorf("got %+v\nwant %+v\n%s", got.wrong, want, got.log)
			}
		})
	}
}

// prepare writes the app's files and sets what the comment says.
func (b *bench) prepare(archive *txtar.Archive, server string) (recorded bool) {
	for line := range strings.Lines(string(archive.Comment)) {
		line = strings.ReplaceAll(strings.TrimSpace(line), "@SERVER@", server)
		process, isProcess := strings.CutPrefix(line, "process ")
		name, value, isSetting := strings.Cut(line, "=")
		switch {
		case line == "recorded":
			recorded = true
		case isProcess:
			b.process = append(b.process, process)
		case isSetting:
			b.env[name] = value
		}
	}
	if len(b.process) > 0 || b.env["GOPROXY"] != "" {
		must(b.t, os.Remove(b.path("kept/modules"))) // nothing is there that need not be fetched
	}
	for _, f := range archive.Files {
		if f.Name != "output.txt" && f.Name != "want.json" {
			b.write(f.Name, string(f.Data))
		}
	}
	return recorded
}

// record writes what was said and what was made of it into the archive.
func (b *bench) record(file string, archive *txtar.Archive, got outcome, server string) {
	b.t.Helper()
	var output []string
	for line := range strings.Lines(got.log) {
		if said, ok := strings.CutPrefix(line, "       "); ok && !strings.HasPrefix(said, "Dependencies come from") {
			output = append(output, said)
		}
	}
	scrub := func(text string) string {
		text = strings.NewReplacer(
			b.app,
			"/app",
			strings.TrimPrefix(server, "http://"),
			"127.0.0.1:8080",
			b.root,
			"/tmp/build",
		).Replace(
			text,
		)
		return regexp.MustCompile(
			`(cache/vcs/)[0-9a-f]+|( on) [0-9.]+:53|(/tmp/go-link-)[0-9]+`,
		).ReplaceAllString(
			text,
			"$1$2${3}0",
		)
	}
	wanted, err := json.MarshalIndent(got.wrong, "", "  ")
	must(b.t, err)
	text := scrub(strings.Join(output, ""))
	var files []txtar.File
	for _, f := range archive.Files {
		if f.Name != "output.txt" && f.Name != "want.json" {
			files = append(files, f)
		}
	}
	if text != "" {
		files = append(files, txtar.File{Name: "output.txt", Data: []byte(text)})
	}
	archive.Files = append(files, txtar.File{Name: "want.json", Data: []byte(scrub(string(wanted)) + "\n")})
	must(b.t, os.WriteFile(file, txtar.Format(archive), 0o644))
}

func diagnosisIn(t *testing.T, archive *txtar.Archive) *diagnosis.Diagnosis {
	t.Helper()
	for _, f := range archive.Files {
		if f.Name == "want.json" {
			var d diagnosis.Diagnosis
			must(t, json.Unmarshal(f.Data, &d))
			return &d
		}
	}
	t.Fatal("the archive holds no want.json")
	return nil
}

func TestSuccessLeavesNoDiagnosis(t *testing.T) {
	t.Parallel()
	b := newBench(t, "go-v2")
	b.build()
	if _, err := os.Stat(b.path("diagnosis.json")); err == nil {
		t.Error("a diagnosis was written")
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	b := newBench(t, "go-v2")
	b.env["GO_GIT_CRED__HTTPS__GIT__EXAMPLE__COM"] = "user:swordfish"
	b.write("bin/go-post-compile", "#!/bin/sh\nenv\n")
	got := b.build()
	if strings.Contains(got.log, "swordfish") || !strings.Contains(got.log, "[secret]") {
		t.Errorf("got:\n%s", got.log)
	}
	for name, text := range got.files {
		data, err := os.ReadFile(filepath.Join(b.app, name))
		if err == nil && bytes.Contains(data, []byte("swordfish")) {
			t.Errorf("%s (%s) holds the secret", name, text)
		}
	}
	if diff := cmp.Diff([]string{"-----> Compiling 1 package with Go VERSION"}, steps(b, got.log)[:1]); diff != "" {
		t.Error(diff)
	}
}
