package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

var update = flag.Bool("update", false, "write what errors look like into testdata/errors")

// TestErrors holds what a reader of the terminal sees of each error. An archive's comment holds "sh
// SCRIPT" lines that make ready what no archive can hold, "env NAME=value" lines, and one "$
// COMMAND" line; its files are the command's working directory, but for "stderr": what the command
// says from the first " !" on, and how it ends. SLUG, OTHER, FAILING and SLOW are paths of slugs
// with the process types web and release, FIXED of one to be seen at /app, MOUNTED of one to be seen
// at an unknown path, UNLOADABLE of one for another machine. The archive is named for the error's id.
func TestErrors(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no archives: %v", err)
	}
	packed := map[string]string{
		"SLUG":  slugctest.SmallSlug(t, "one", "true"),
		"OTHER": slugctest.SmallSlug(t, "two", "true"),
		"FAILING": slugctest.SmallSlug(
			t,
			"three",
			"echo migrating; exit 3",
		),
		"SLOW":       slugctest.SmallSlug(t, "four", "sleep 60"),
		"MOUNTED":    slugctest.MountedSlug(t, "/app", "/opt/app"),
		"FIXED":      slugctest.MountedSlug(t, "/app", "/workspace", "/layers"),
		"UNLOADABLE": slugctest.UnloadableSlug(t),
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := showError(t, archive, packed)
			if id := shownID(got); id == "" || name != id && !strings.HasPrefix(name, id+"-") {
				t.Errorf("the id shown is %q:\n%s", id, got)
			}
			checkVoice(t, got)
			if *update {
				setFile(archive, "stderr", got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(getFile(archive, "stderr"), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// showError runs an archive's command and returns what its golden file is to hold.
func showError(t *testing.T, archive *txtar.Archive, packed map[string]string) string {
	t.Helper()
	home, dir := slugctest.Home(t), filepath.Join(t.TempDir(), "dir")
	files := map[string]string{}
	for _, f := range archive.Files {
		if f.Name != "stderr" {
			files[f.Name] = string(f.Data)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	testkit.Tree(t, dir, files)
	env := append([]string{"HOME=" + home, "SLUGC_HOME=" + home, "TERM=dumb"}, slugctest.Settings(t)...)
	names := map[string]string{dir: "DIR", home: "STATE", slugctest.Toolchains(t): "TOOLCHAINS"}
	for name, path := range packed {
		env = append(env, name+"="+path)
		names[path] = name
	}
	for line := range strings.Lines(string(archive.Comment)) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch kind {
		case "env":
			env = append(env, rest)
		case "sh":
			if o := slugctest.Shell(t, dir, env, rest); o.Exit != 0 {
				t.Fatalf("%s: exit %d\n%s", rest, o.Exit, o.Stderr)
			}
		case "$":
			o := slugctest.Shell(t, dir, env, rest)
			i := strings.Index(o.Stderr, " !     ")
			if i < 0 {
				t.Fatalf("exit %d, and no error is shown:\n%s", o.Exit, o.Stderr)
			}
			return normal(o.Stderr[i:], names) + fmt.Sprintf("exit %d\n", o.Exit)
		}
	}
	t.Fatal("the archive's comment holds no command")
	return ""
}

var digestInText = regexp.MustCompile(`[0-9a-f]{64}`)

// normal takes out what differs from one machine and run to the next.
func normal(text string, names map[string]string) string {
	for path, name := range names {
		text = strings.ReplaceAll(text, path, name)
	}
	return digestInText.ReplaceAllString(heartbeatLine.ReplaceAllString(text, ""), "DIGEST")
}

var idLine = regexp.MustCompile(`(?m)^ !     \[([a-z]+/[a-z0-9-]+)\]$`)

// shownID is the id that a golden text shows, as it stands in its file's name.
func shownID(text string) string {
	m := idLine.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return strings.ReplaceAll(m[1], "/", "-")
}

// names are words that a hint may begin with all the same.
var capitalName = regexp.MustCompile(`^(?:[A-Z][A-Z_]+|[A-Z][a-z]+file(?:\.lock)?)\b`)

// checkVoice holds an error to the house's voice: it has a hint, hints begin in lower case and end
// without a period, and nothing is exclaimed.
func checkVoice(t *testing.T, shown string) {
	t.Helper()
	hints := 0
	for line := range strings.Lines(shown) {
		line = strings.TrimSuffix(strings.TrimPrefix(line, " !     "), "\n")
		hint, isHint := strings.CutPrefix(line, "hint: ")
		if strings.Contains(line, "!") && !strings.Contains(line, "node/") ||
			strings.Contains(strings.ToLower(line), "failed to") {
			t.Errorf("not in the house's voice: %q", line)
		}
		if !isHint {
			continue
		}
		hints++
		if strings.HasSuffix(hint, ".") || hint[0] >= 'A' && hint[0] <= 'Z' && !capitalName.MatchString(hint) {
			t.Errorf("a hint begins in lower case and ends without a period: %q", hint)
		}
	}
	if hints == 0 {
		t.Error("no hint says what to do")
	}
}

func getFile(archive *txtar.Archive, name string) string {
	for _, f := range archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func setFile(archive *txtar.Archive, name, text string) {
	for i, f := range archive.Files {
		if f.Name == name {
			archive.Files[i].Data = []byte(text)
			return
		}
	}
	archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(text)})
}
