package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"slugc/cmd/slugc/slugctest"
)

// exitsShown are the codes of README's table that [TestErrors] and [TestExitCodes] show by a
// command; the rest takes a broken machine or slugc, which tests of the rooms stand for.
var exitsShown = map[int]string{
	1: "source-no-git", 2: "usage-flag", 20: "detect-no-match", 42: "cache-state-directory",
	51: "procfile-empty", 62: "slug-damaged", 72: "release-no-releases", 75: "toolchain-unavailable-network",
	82: "launch-not-loadable",
}

// TestExitCodes holds README's table of exit codes against what slugc ends with.
func TestExitCodes(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "## Exit codes")
	section, _, _ = strings.Cut(section, "\n## ")
	stated := map[int]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(section, -1) {
		code, _ := strconv.Atoi(m[1])
		stated[code] = true
	}
	for _, code := range []int{0, 1, 2, 12, 20, 21, 42, 51, 52, 62, 72, 75, 82, 130} {
		if !stated[code] {
			t.Errorf("README's table lacks %d", code)
		}
		delete(stated, code)
	}
	if len(stated) > 0 {
		t.Errorf("README's table has codes that slugc never ends with: %v", stated)
	}
	for code, name := range exitsShown {
		archive, err := txtar.ParseFile(filepath.Join("testdata/errors", name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		if golden := getFile(archive, "stderr"); !strings.HasSuffix(golden, "\nexit "+strconv.Itoa(code)+"\n") {
			t.Errorf("%s does not show exit code %d:\n%s", name, code, golden)
		}
	}
	if o := slugctest.Run(t, slugctest.Home(t), "releases"); o.Exit != 0 {
		t.Errorf("a command that does its work ends with %d: %s", o.Exit, o.Stderr)
	}
}
