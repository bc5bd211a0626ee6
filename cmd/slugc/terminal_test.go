package main

import (
	"bytes"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"

	"slugc/cmd/slugc/slugctest"
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
