package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks"
	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// TestReadme runs every command of the README's console blocks, in order, and holds what they print
// to what the README says they print; digests, sizes, times and versions are compared by shape
// only. The blocks that set the machine up are what runs this test.
func TestReadme(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	home, ran := slugctest.Home(t), 0
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(data), -1) {
		for _, step := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, want, _ := strings.Cut(step, "\n")
			cmd := exec.Command("sh", "-c", "exec 2>&1; "+command)
			cmd.Dir = root
			cmd.Env = append([]string{"HOME=" + home, "SLUGC_HOME=" + home}, slugctest.Settings(t)...)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("$ %s\n%v\n%s", command, err, out)
			}
			if diff := cmp.Diff(shape(want, home), shape(string(out), home)); diff != "" {
				t.Errorf("$ %s\n(-README +now)\n%s\nnow:\n%s", command, diff, out)
			}
			ran++
		}
	}
	if ran < 8 {
		t.Errorf("the README shows %d commands; the transcript is gone", ran)
	}
}

// TestReadmeNamesLanguages holds that the README's first sentence names every language that slugc
// builds.
func TestReadmeNamesLanguages(t *testing.T) {
	first, _, _ := strings.Cut(testkit.Read(t, "../../README.md"), "\n\n*")
	for _, l := range buildpacks.Languages {
		if !regexp.MustCompile(`\b` + regexp.QuoteMeta(l.Title) + `\b`).MatchString(first) {
			t.Errorf("the README does not name %s", l.Title)
		}
	}
}

// shapes replace what differs from run to run or from day to day.
var shapes = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{heartbeatLine, ""},
	{regexp.MustCompile(`(/[\w.-]+)+/slugs/`), "STATE/slugs/"},
	{regexp.MustCompile(`~/\.local/state/slugc/apps/[\w.-]+/slugs/`), "STATE/slugs/"},
	{regexp.MustCompile(`(/[\w.-]+)+/run/[\w-]+/app`), "RUN"},
	{regexp.MustCompile(`~/\.local/state/slugc/run/[\w…-]+/app`), "RUN"},
	{regexp.MustCompile(`\b[0-9a-f]{8,64}…?`), "HEX"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:]+Z`), "TIME"},
	{regexp.MustCompile(`\d+(\.\d)? [kMG]?B\b`), "SIZE"},
	{regexp.MustCompile(`\bv?\d+\.\d+\.\d+\b`), "VERSION"},
	// What other tests do on this machine at the same time shows too.
	{regexp.MustCompile(`(?m)^-----> Compiling the standard library of .*, once on this machine\n`), ""},
	{regexp.MustCompile(`(?m)^-----> Waiting for another build to .*\n`), ""},
	{regexp.MustCompile(`\b\d+(\.\d+)?m?s\b`), "DURATION"},
	{regexp.MustCompile(`\d+ of \d+ segments`), "N of M segments"},
	{regexp.MustCompile(`linux/\w+`), "TARGET"},
	{regexp.MustCompile(` +`), " "},
	{regexp.MustCompile(`(?m)^ !     nodejs.org: .*\n|^ nodejs.org: .*\n|^ go.dev: .*\n`), ""},
}

func shape(text, home string) []string {
	text = strings.ReplaceAll(text, home, "~/.local/state/slugc")
	for _, s := range shapes {
		text = s.pattern.ReplaceAllString(text, s.with)
	}
	var lines []string
	for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
		lines = append(lines, strings.TrimRight(l, " "))
	}
	return lines
}
