package main

import (
	"bytes"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"slugc/cmd/slugc/slugctest"

	"github.com/creack/pty"
)

// onTerminal runs slugc with a terminal as stderr and returns what it drew.
func onTerminal(t *testing.T, home string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.Command(slugctest.Binary(t), args...)
	cmd.Env = append(
		append([]string{"HOME=" + home, "SLUGC_HOME=" + home, "TERM=xterm-256color"}, slugctest.Settings(t)...),
		env...)
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = slave
	var drawn bytes.Buffer
	done := make(chan struct{})
	go func() { _, _ = io.Copy(&drawn, master); close(done) }()
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
	slave.Close()
	<-done
	return drawn.String()
}

// screen plays what was drawn and returns the lines that stay, without colours.
func screen(drawn string) []string {
	var lines []string
	for _, l := range strings.Split(strings.ReplaceAll(drawn, "\r\n", "\n"), "\n") {
		if i := strings.LastIndex(l, "\r\x1b[K"); i >= 0 {
			l = l[i+len("\r\x1b[K"):]
		}
		lines = append(lines, regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(l, ""))
	}
	return lines
}

func TestTerminal(t *testing.T) {
	t.Parallel()
	home, dir := slugctest.WarmHome(t, "go", "x"), t.TempDir()
	slugctest.GoApp(t, dir, "x")
	drawn := onTerminal(t, home, nil, "build", dir, "--app", "x")
	if !strings.Contains(drawn, "\x1b[1m----->") {
		t.Errorf("no colour on a terminal: %q", drawn)
	}
	if !strings.Contains(drawn, "running slugc/go") || !strings.ContainsAny(drawn, string(spinner)) {
		t.Errorf("no live progress on a terminal: %q", drawn)
	}
	if stays := strings.Join(screen(drawn), "\n"); strings.ContainsAny(stays, string(spinner)+"█") ||
		!strings.Contains(stays, "-----> Released x v1") {
		t.Errorf("what stays on the screen:\n%s", stays)
	}
	for name, env := range map[string]string{"NO_COLOR": "NO_COLOR=1", "dumb": "TERM=dumb"} {
		slugctest.GoApp(t, dir, name)
		drawn := onTerminal(t, home, []string{env}, "build", dir, "--app", "x")
		if regexp.MustCompile("\x1b\\[[0-9;]*m").MatchString(drawn) {
			t.Errorf("%s: colour: %q", name, drawn)
		}
	}
	slugctest.GoApp(t, dir, "plain")
	if drawn := onTerminal(t, home, nil, "build", dir, "--app", "x", "--plain"); strings.Contains(drawn, "\x1b") {
		t.Errorf("--plain: escape sequences: %q", drawn)
	}
	slugctest.GoApp(t, dir, "no terminal")
	o := slugctest.RunIn(t, "", home, []string{"TERM=xterm"}, "build", dir, "--app", "x")
	if strings.Contains(o.Stderr+o.Stdout, "\x1b") {
		t.Errorf("without a terminal: escape sequences: %q", o.Stderr)
	}
	if o := slugctest.Run(t, home, "build", dir, "--app", "x", "--quiet"); o.Stderr != "" {
		t.Errorf("--quiet says %q", o.Stderr)
	}
}

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
		{"back\x08space\x07bell\x00nul", "backspacebellnul"},
		{"a\rb", "ab"},
		{"\u202eright to left", "right to left"},
		{"bad \xff byte", "bad \ufffd byte"},
		{"\x9b31mC1", "\ufffd31mC1"},
		{"ünïcode ✓", "ünïcode ✓"},
	}
	for _, test := range tests {
		if got := clean(test.in); got != test.want {
			t.Errorf("clean(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[31m\x1b]0;x\x07")
	f.Fuzz(func(t *testing.T, s string) {
		out := clean(s)
		if clean(out) != out {
			t.Errorf("not stable: %q", out)
		}
		rest := regexp.MustCompile("\x1b\\[[0-?]*[ -/]*m").ReplaceAllString(out, "")
		if strings.ContainsAny(rest, "\x1b\x07\x08\x00\r") {
			t.Errorf("%q lets %q through", s, out)
		}
	})
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{
		"0": 0, "12": 12, "500MB": 500e6, "1GiB": 1 << 30, "2k": 2000, "3KiB": 3072, "1T": 1e12,
	} {
		if got, err := parseSize(in); err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "x", "-1", "1.5GB", "1PB", "99999999999999999999"} {
		if _, err := parseSize(in); err == nil {
			t.Errorf("parseSize(%q) gives no error", in)
		}
	}
}
