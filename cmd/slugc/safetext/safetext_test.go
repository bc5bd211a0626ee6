package safetext_test

import (
	"regexp"
	"strings"
	"testing"

	"slugc/cmd/slugc/safetext"
)

func TestClean(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"plain", "plain"},
		{"tab\tand\nnewline", "tab\tand\nnewline"},
		{"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"},
		{"\x1b[2Jgone\x1b[1;1H", "gone"},
		{"\x1b]0;title\x07text", "text"},
		{"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"},
		{"\x1bPdevice\x1b\\x", "x"},
		{"\x1b", ""},
		{"\x1b[31\x88m", "\ufffdm"},
		{"\x1b[3\x07m", "m"},
		{"\x1b[>4;2mkeys", "keys"},
		{"\x1b[ 0mx", "x"},
		{"\x1b[38:2::1:2:3mcolour", "\x1b[38:2::1:2:3mcolour"},
		{"\x1b[1;31\x1b[32mx", "\x1b[32mx"},
		{"back\x08space\x07bell\x00nul", "backspacebellnul"},
		{"a\rb", "ab"},
		{"\u202eright to left", "right to left"},
		{"bad \xff byte", "bad \ufffd byte"},
		{"\x9b31mC1", "\ufffd31mC1"},
		{"ünïcode ✓", "ünïcode ✓"},
	}
	for _, test := range tests {
		if got := safetext.Clean(test.in); got != test.want {
			t.Errorf("Clean(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

// FuzzClean holds that cleaning twice changes nothing more, and that no control character is left.
func FuzzClean(f *testing.F) {
	f.Add("\x1b[31m\x1b]0;x\x07")
	f.Fuzz(func(t *testing.T, s string) {
		out := safetext.Clean(s)
		if safetext.Clean(out) != out {
			t.Errorf("not stable: %q", out)
		}
		rest := regexp.MustCompile("\x1b\\[[0-?]*[ -/]*m").ReplaceAllString(out, "")
		if strings.ContainsAny(rest, "\x1b\x07\x08\x00\r") {
			t.Errorf("%q lets %q through", s, out)
		}
	})
}
