package ignore

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// paths are what the patterns are matched with; those that end in a slash are directories.
var paths = []string{"a", "b", "foo", "bar", "abc", "aXc", "a.log", "b.LOG", ".env", ".hidden", "#hash", "!bang",
	"a b", "trail ", "back\\slash", "[x]", "x", "y", "z", "-", "]", "^", "über", "\xff\xfe", "foo*", "tab\t",
	"foobar", "foo.bar", "tmpfile", "build.o", "a-b", "1", "12", "Zed", "new\nline", "tmp/", "tmp/a", "tmp/sub/",
	"tmp/sub/a", "lib/", "lib/a", "lib/foo/", "lib/foo/bar", "lib/foo/a.log", "lib/tmp/", "lib/tmp/a", "vendor/",
	"vendor/keep", "vendor/drop", "vendor/sub/", "vendor/sub/keep", "d/", "d/foo/", "d/foo/bar/", "d/foo/bar/baz",
	"d/x/", "d/x/foo/", "d/x/foo/a", "d/x/foo/bar", "d/x/y/", "d/x/y/foo", "d/x/y/bar", "foo.d/", "foo.d/bar",
	"foox/", "foox/bar", "foox/y/", "foox/y/bar", "logs/", "logs/debug.log", "logs/important.log", "logs/a/",
	"logs/a/x.log"}

// ignores are contents of .slugignore: the corners of the syntax, and those of real apps.
var ignores = []string{
	"", "foo", "/foo", "foo/", "/foo/", "lib/foo", "/lib/foo", "foo/bar", "*.log", "*.LOG", "/*.log",
	"logs/*.log", "logs/**/*.log", "**/foo", "**/foo/bar", "foo/**", "d/**/bar", "d/**/foo/bar", "**", "**/",
	"/**", "*", "*/", "a*c", "a?c", "?", "[ab]", "[!x]", "[^x]", "[a-c]", "[]x]", "[!]x]", "[x", "[a-",
	"[[:alpha:]]", "[[:digit:]]", "[[:nope:]]", "[[:upper:]]ed", "[[:alpha:]_-]", "[\\]]", "[a\\-z]", "[z-a]",
	"[--]", "\\[x\\]", "foo\\*", "foo\\", "\\#hash", "#hash", "\\!bang", "!bang", "tmp/**/", "tmp/*", "tmp/**",
	"vendor/*\n!vendor/keep", "vendor\n!vendor/keep", "vendor/\n!vendor/keep", "vendor/**\n!vendor/sub/keep",
	"vendor/**\n!vendor/sub/\n!vendor/sub/keep", "*.log\n!important.log", "*.log\n!logs/", "*\n!foo",
	"*\n!*/\n!*.log", "/*\n!/lib\n/lib/*\n!/lib/foo", "*.log\r\ntmp/\r\n", "foo \nbar", "trail\\ ",
	"trail\\  ", "a b", "foo//bar", "//foo", "foo//", "/", "//", "!", "!/", "\\", "foo**bar", "foo**", "**foo",
	"foo**/bar", "foo*/**/bar", "d/***/bar", "***", "**/**/bar", "d/**/**/bar", "a**", "lib/**/", "/lib/",
	".*", "*.*", "back\\\\slash", "über", "?ber", "??ber", "\xff\xfe", "\xff?", "[\xff]\xfe", "tab\t",
	"new\nline", "\ufefffoo", "x\n\n\ny", "   ", " foo", "f[o]o", "d/*/foo", "d/x/**", "**/x/**/bar",
	"d/**/\\/bar", "d/**\\/bar", "foo/../bar", "./foo", "../foo", "a\\b", "*\\",
	"node_modules\nlog/*\ntmp\n.env\n*.swp\n.DS_Store\n!.keep", "[!a-z]", "[[:punct:]]", "[[:space:]]b",
	"a[[:blank:]]b", "lib/[f]oo", "lib[/]foo", "lib?foo", "lib*foo",
}

// TestIgnoreLikeGit compares the rules with git itself.
func TestIgnoreLikeGit(t *testing.T) {
	repo := oracle(t)
	for _, content := range ignores {
		compare(t, repo, content)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "foo", "bar", "lib", "d", "x", "*", "**", "?", "/", "/", "/", "[a-f]", "[!x]", "\\",
		".log", "!", "\n", " ", "logs", "vendor"}
	for range 150 {
		var b strings.Builder
		for range 1 + rng.IntN(9) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		compare(t, repo, b.String())
	}
}

// oracle makes a repository that contains paths.
func oracle(t *testing.T) string {
	t.Helper()
	repo := t.TempDir()
	git(t, repo, "", "init", "-q")
	git(t, repo, "", "config", "core.excludesFile", os.DevNull)
	for _, p := range paths {
		file := filepath.Join(repo, p)
		if strings.HasSuffix(p, "/") {
			if err := os.MkdirAll(file, 0o755); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return repo
}

// compare compares git's answers for all paths with those of the rules.
func compare(t *testing.T, repo, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(repo, ".git/info/exclude"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	// Slashes are removed because git finds out by itself what is a directory.
	out := git(t, repo, strings.ReplaceAll(strings.Join(paths, "\x00"), "/\x00", "\x00"), "check-ignore",
		"--no-index", "--stdin", "-z")
	for p := range strings.SplitSeq(out, "\x00") {
		want[p] = true
	}
	rs, err := Parse([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	tree := NewTree(rs)
	for _, p := range paths {
		name, dir := strings.CutSuffix(p, "/")
		got := tree.Ignored(name)
		if _, why := rs.Why(name); why != got {
			t.Errorf("%q: %q ignored = %v, but a line says %v", content, p, got, why)
		}
		if dir {
			got = tree.Dir(name)
		}
		if got != want[name] {
			t.Errorf("%q: %q ignored = %v, git says %v", content, p, got, want[p])
		}
	}
}

func git(t testing.TB, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil && !(args[0] == "check-ignore" && cmd.ProcessState.ExitCode() == 1) {
		t.Fatalf("git %q: %v\n%s", args, err, stderr.String())
	}
	return string(out)
}

// TestWhy checks the line that ignores a file.
func TestWhy(t *testing.T) {
	for _, test := range []struct {
		content, name string
		line          int
		text          string
	}{
		{"", "a", 0, ""},
		{"b", "a", 0, ""},
		{"# a\n\n*.json  \r\n", "package.json", 3, "*.json"},
		{"*.json   \n", "package.json", 1, "*.json"},
		{"*.json\n!package.json\n", "package.json", 0, ""},
		{"*.json\n!package.json\n*.json", "package.json", 3, "*.json"},
		{"web/\n", "web/app/go.mod", 1, "web/"},
		{"web/\n", "web", 0, ""},
		{"web\n!web/go.mod\n", "web/go.mod", 1, "web"},
		{"web/*\n!web/go.mod\n", "web/go.mod", 0, ""},
		{"[x\n\ufeffa\na", "a", 3, "a"},
		{"\ufeffa", "a", 1, "a"},
	} {
		rs, err := Parse([]byte(test.content))
		if err != nil {
			t.Fatal(err)
		}
		r, ok := rs.Why(test.name)
		if r.Line != test.line || r.Text != test.text || ok != (test.line > 0) {
			t.Errorf("%q leaves out %q by line %d (%q), %v; want line %d (%q)", test.content, test.name, r.Line,
				r.Text, ok, test.line, test.text)
		}
	}
}

func TestLimits(t *testing.T) {
	for _, test := range []struct {
		content string
		want    LimitError
		text    string
	}{
		{strings.Repeat("a\n", MaxBytes), LimitError{0, 2 * MaxBytes, MaxBytes},
			"it has 131072 bytes; 65536 are allowed"},
		{"a\n" + strings.Repeat("*", MaxLine+1), LimitError{2, MaxLine + 1, MaxLine},
			"line 2: it has 513 bytes; 512 are allowed"},
	} {
		_, err := Parse([]byte(test.content))
		if e, ok := errors.AsType[*LimitError](err); !ok || *e != test.want || err.Error() != test.text {
			t.Errorf("%v, want %q", err, test.text)
		}
	}
}

// FuzzParse looks for patterns that can't be translated or take long.
func FuzzParse(f *testing.F) {
	for _, content := range ignores {
		f.Add([]byte(content), "lib/foo/bar")
	}
	f.Add([]byte(strings.Repeat("*a", 200)), strings.Repeat("a", 200))
	f.Add([]byte(strings.Repeat("**/", 200)+"b"), strings.Repeat("a/", 200)+"c")
	f.Fuzz(func(t *testing.T, content []byte, name string) {
		rs, err := Parse(content)
		if err != nil || name == "" || len(content) > 8<<10 || len(name) > 4096 {
			return
		}
		for _, r := range rs {
			if len(r.Text) == 0 {
				t.Fatal("a rule without text")
			}
		}
		rs.Ignored(name, true)
		if rs.Ignored(name, false) && !rs.Ignored(name, true) {
			// Only a negated pattern for directories can make this difference.
			if !bytes.Contains(content, []byte("!")) {
				t.Errorf("%q leaves out the file %q and not the directory", content, name)
			}
		}
	})
}
