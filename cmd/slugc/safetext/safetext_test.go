package safetext_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"slugc/cmd/slugc/safetext"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, line, strip string }{
		{"plain", "plain", "plain"},
		{"tab\tstays", "tab\tstays", "tab\tstays"},
		{"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m", "red"},
		{"\x1b[31mred", "\x1b[31mred\x1b[0m", "red"},
		{"\x1b[31mred\x1b[mplain", "\x1b[31mred\x1b[mplain", "redplain"},
		{"\x1b[8mhidden", "hidden", "hidden"},
		{"\x1b[1;8;31;5;06mbold", "\x1b[1;31mbold\x1b[0m", "bold"},
		{"\x1b[38;5;8mgrey\x1b[48;2;5;8;6mx", "\x1b[38;5;8mgrey\x1b[48;2;5;8;6mx\x1b[0m", "greyx"},
		{"\x1b[38;5;8;8mgrey", "\x1b[38;5;8mgrey\x1b[0m", "grey"},
		{"\x1b[38;5m\x1b[38m", "\x1b[38;5m\x1b[38m\x1b[0m", ""},
		{"\x1b[2Jgone\x1b[1;1H", "gone", "gone"},
		{"\x1b]0;title\x07text", "text", "text"},
		{"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link", "link"},
		{"\x1bPdevice\x1b\\x", "x", "x"},
		{"\x1b", "", ""},
		{"\x1b[31\x88m", "\ufffdm", "\ufffdm"},
		{"\x1b[3\x07m", "m", "m"},
		{"\x1b[>4;2mkeys", "keys", "keys"},
		{"\x1b[ 0mx", "x", "x"},
		{"\x1b[38:2::1:2:3mcolour", "\x1b[38:2::1:2:3mcolour\x1b[0m", "colour"},
		{"back\x08space\x07bell\x00nul", "backspacebellnul", "backspacebellnul"},
		{"a\rb", "ab", "ab"},
		{"\u202eright to left\ufeff", "right to left", "right to left"},
		{"bad \xff byte", "bad \ufffd byte", "bad \ufffd byte"},
		{"\x9b31mC1 \u009b31m", "\ufffd31mC1 31m", "\ufffd31mC1 31m"},
		{"ünïcode ✓ 👩‍💻", "ünïcode ✓ 👩‍💻", "ünïcode ✓ 👩‍💻"},
	} {
		if got := safetext.Line(test.in); got != test.line {
			t.Errorf("Line(%q) = %q, want %q", test.in, got, test.line)
		}
		if got := safetext.Strip(test.in); got != test.strip {
			t.Errorf("Strip(%q) = %q, want %q", test.in, got, test.strip)
		}
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, show, cell string }{
		{"plain ✓ 👩‍💻", "plain ✓ 👩‍💻", "plain ✓ 👩‍💻"},
		{"a\tb\nc", "a\tb\nc", `a\tb\nc`},
		{"\x1b[31mred", `\x1b[31mred`, `\x1b[31mred`},
		{"\r\x07\x00\x7f\u009b8m", `\r\a\x00\x7f\u009b8m`, `\r\a\x00\x7f\u009b8m`},
		{"\u202ex\u2028\ufeff\U000e0041", `\u202ex\u2028\ufeff\U000e0041`, `\u202ex\u2028\ufeff\U000e0041`},
		{"bad \xff byte", "bad \ufffd byte", "bad \ufffd byte"},
	} {
		if got := safetext.Show(test.in); got != test.show {
			t.Errorf("Show(%q) = %q, want %q", test.in, got, test.show)
		}
		if got := safetext.Cell(test.in); got != test.cell {
			t.Errorf("Cell(%q) = %q, want %q", test.in, got, test.cell)
		}
	}
}

// TestJSON changes what a terminal reads of a document, and not what the document means.
func TestJSON(t *testing.T) {
	t.Parallel()
	runner := safetext.RunnerOf(func(string) string { return "true" })
	want := "\u009b31m \u202e ##vso[x] section_start:1:a \U000e0041 \x7f"
	doc, err := json.MarshalIndent(map[string]string{"a": want}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	safe := runner.JSON(safetext.JSON(string(doc)))
	for _, bad := range []string{"\u009b", "\u202e", "##", "section_start", "\x7f"} {
		if strings.Contains(safe, bad) {
			t.Errorf("%q lets %q through", safe, bad)
		}
	}
	var got map[string]string
	if err := json.Unmarshal([]byte(safe), &got); err != nil || got["a"] != want {
		t.Errorf("got %q, %v", got["a"], err)
	}
}

func TestBreak(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ variable, in, want string }{
		{"", "::error::x ##[error]x", "::error::x ##[error]x"},
		{"GITHUB_ACTIONS", "::error::x", ": :error::x"},
		{"GITHUB_ACTIONS", "one\n   \u00a0\t::add-mask::x", "one\n   \u00a0\t: :add-mask::x"},
		{"GITHUB_ACTIONS", "\x1b[31m::error::x", "\x1b[31m: :error::x"},
		{"GITHUB_ACTIONS", "std::vector", "std::vector"},
		{"GITHUB_ACTIONS", "x ##[error]y ##[set-env]z", "x # #[error]y # #[set-env]z"},
		{"TF_BUILD", "x ##vso[task.setvariable]y ##VSO[a]", "x # #vso[task.setvariable]y # #VSO[a]"},
		{"TF_BUILD", "###[x]", "## #[x]"},
		{"GITLAB_CI", "section_start:1:a", "section_start :1:a"},
		{"TEAMCITY_VERSION", "##teamcity[x]", "# #teamcity[x]"},
		{"BUILDKITE", "--- group\n---no\n+++\n a --- b", " --- group\n---no\n +++\n a --- b"},
		{"TRAVIS", "travis_fold:start:x", "travis_fold :start:x"},
	} {
		runner := safetext.RunnerOf(func(name string) string {
			if name == test.variable {
				return "true"
			}
			return ""
		})
		if got := runner.Break(test.in); got != test.want {
			t.Errorf("%s: Break(%q) = %q, want %q", test.variable, test.in, got, test.want)
		}
		if again := runner.Break(test.want); again != test.want {
			t.Errorf("%s: Break(%q) = %q", test.variable, test.want, again)
		}
	}
}

// FuzzLine holds that cleaning twice changes nothing more, that no control character is left, and
// that what a runner obeys is broken.
func FuzzLine(f *testing.F) {
	f.Add("\x1b[31m\x1b]0;x\x07")
	f.Add(" \u2003##[a ##vso[ ::x")
	f.Add("\x1b[38;5;8;8;5m")
	sgr := regexp.MustCompile("\x1b\\[[0-9;:]*m")
	runner := safetext.RunnerOf(func(string) string { return "1" })
	f.Fuzz(func(t *testing.T, s string) {
		out := safetext.Line(s)
		if safetext.Line(out) != out {
			t.Errorf("not stable: %q", out)
		}
		shown := safetext.Show(s)
		for _, text := range []string{sgr.ReplaceAllString(out, ""), safetext.Strip(s), shown} {
			if strings.ContainsAny(text, "\x1b\x07\x08\x00\r\u009b\u202e") {
				t.Errorf("%q lets %q through", s, text)
			}
		}
		for line := range strings.Lines(runner.Break(shown)) {
			if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
				t.Errorf("%q is obeyed", line)
			}
		}
	})
}
