package golang_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"slugc/buildpacks/buildpacktest"
	"slugc/buildpacks/diagnosis"
)

var update = flag.Bool("update", false, "record the go command's output and the diagnoses in testdata/failures")

// TestFailures builds the apps of testdata/failures with the real go command. Each archive has the
// app's files. Its comment has "NAME=value" lines of the user's configuration, "process NAME=value"
// lines of the process's environment, and "recorded" where not every machine can make the failure.
// output.txt is the go command's output and want.json its diagnosis; [TestRecognise] compares them.
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
	t.Cleanup(server.Close)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			must(t, err)
			b := newBench(t, "")
			recorded := b.prepare(archive, server.URL)
			if recorded && !*update {
				return
			}
			if b.Config["CGO_ENABLED"] == "1" && b.Config["CC"] == "" && !compilerFound() {
				t.Log("no C compiler is on this machine, so only the failure's record is tested")
				return
			}
			if *update {
				b.record(file, archive, b.Build(), server.URL)
				return
			}
			want := diagnosisIn(t, archive)
			wrong := b.MustFail(want.ID).Diagnosis
			if wrong.Place != want.Place || wrong.Transient != want.Transient {
				t.Errorf("got %+v\nwant %+v", wrong, want)
			}
		})
	}
}

// prepare writes the app's files and sets what the comment says.
func (b *bench) prepare(archive *txtar.Archive, server string) (recorded bool) {
	fetches := false
	for line := range strings.Lines(string(archive.Comment)) {
		line = strings.ReplaceAll(strings.TrimSpace(line), "@SERVER@", server)
		process, isProcess := strings.CutPrefix(line, "process ")
		name, value, isSetting := strings.Cut(line, "=")
		switch {
		case line == "recorded":
			recorded = true
		case isProcess:
			b.Env, fetches = append(b.Env, process), true
		case isSetting:
			b.Config[name] = value
		}
	}
	if fetches || b.Config["GOPROXY"] != "" {
		must(b.T, os.Remove(b.Layer("modules"))) // everything has to be fetched
	}
	for _, f := range archive.Files {
		if f.Name != "output.txt" && f.Name != "want.json" {
			b.Write(f.Name, string(f.Data))
		}
	}
	return recorded
}

// record writes a build's output and its diagnosis into the archive.
func (b *bench) record(file string, archive *txtar.Archive, got buildpacktest.Outcome, server string) {
	b.T.Helper()
	var output []string
	for line := range strings.Lines(got.Log) {
		if text, ok := strings.CutPrefix(line, "       "); ok && !strings.HasPrefix(text, "Dependencies come from") {
			output = append(output, text)
		}
	}
	names := strings.NewReplacer(
		b.App, "/app", strings.TrimPrefix(server, "http://"), "127.0.0.1:8080", b.Root, "/tmp/build",
	)
	varying := regexp.MustCompile(`(cache/vcs/)[0-9a-f]+|( on) [0-9.]+:53|(/tmp/go-link-)[0-9]+`)
	scrub := func(text string) string { return varying.ReplaceAllString(names.Replace(text), "$1$2${3}0") }
	wanted, err := json.MarshalIndent(got.Diagnosis, "", "  ")
	must(b.T, err)
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
	must(b.T, os.WriteFile(file, txtar.Format(archive), 0o644))
}

func diagnosisIn(t testing.TB, archive *txtar.Archive) *diagnosis.Diagnosis {
	t.Helper()
	for _, f := range archive.Files {
		if f.Name == "want.json" {
			var d diagnosis.Diagnosis
			must(t, json.Unmarshal(f.Data, &d))
			return &d
		}
	}
	t.Fatal("the archive has no want.json")
	return nil
}

// TestFailedBuild holds that a build that fails keeps what the go command has fetched and compiled.
func TestFailedBuild(t *testing.T) {
	t.Parallel()
	b := newApp(t, map[string]string{"main.go": "package main\n\nfunc main() { missing() }\n"})
	b.MustFail("go/compile-failed")
	for _, layer := range []string{"build-cache", "modules", "binaries"} {
		if !slices.Contains(b.Finished(), layer) || !b.Layers()[layer].Cache {
			t.Errorf("layer %s is lost: %v", layer, b.Layers())
		}
	}
}
