package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"slugc/cmd/slugc/safetext"
	"slugc/compiler/fault"
)

// TestForeignCommands has GitHub's runner obey nothing between a build's first line and slugc's end.
func TestForeignCommands(t *testing.T) {
	t.Parallel()
	tokens := map[string]bool{}
	for range 2 {
		var said strings.Builder
		github := safetext.RunnerOf(
			func(name string) string { return map[string]string{"GITHUB_ACTIONS": "true"}[name] },
		)
		u := &ui{err: &said, runner: github}
		u.Step("Installing")
		out := u.Output("node")
		fmt.Fprintln(out, "  ::error::injected")
		fmt.Fprintln(out, "x ##[error]y")
		u.endForeign()
		u.fault(fault.AppError("build/x", errors.New("it says\n::error::z"), "::add-mask::a"))
		u.close()
		form := regexp.MustCompile(`^-----> Installing\n::stop-commands::(\S{20,})\n` +
			`         : :error::injected\n       x # #\[error\]y\n::(\S+)::\n` +
			` !     it says\n !     ::error::z\n !     hint: ::add-mask::a\n !     \[build/x\]\n$`)
		m := form.FindStringSubmatch(said.String())
		if m == nil || m[1] != m[2] || tokens[m[1]] {
			t.Fatalf("it says\n%s", said.String())
		}
		tokens[m[1]] = true
	}
}

// TestForeignText shows what steers a terminal in messages and tables, and lets colours of a build
// pass to the end of their line.
func TestForeignText(t *testing.T) {
	t.Parallel()
	var said, printed strings.Builder
	u := &ui{err: &said, out: &printed}
	u.Detail("a\x1b[8mb")
	u.Warn("\u202ec")
	u.errorf("d\x1b[31m")
	fmt.Fprintln(u.Output("go"), "\x1b[31mred\x1b[5m \x1b[2Jx")
	u.close()
	want := "       a\\x1b[8mb\n !     \\u202ec\n !     d\\x1b[31m\n       \x1b[31mred x\x1b[0m\n"
	if got := said.String(); got != want {
		t.Errorf("it says\n%q, want\n%q", got, want)
	}
	list := newTable("TYPE", "COMMAND")
	list.row("web", "a\tb\nc\x1b[8m")
	err := errors.Join(u.result(list.String()), u.output("\x1b[31mlog"), u.document("{\"a\": \"\u009b\"}"))
	if err != nil {
		t.Fatal(err)
	}
	want = "TYPE  COMMAND\nweb   a\\tb\\nc\\x1b[8m\nlog\n{\"a\": \"\\u009b\"}\n"
	if got := printed.String(); got != want {
		t.Errorf("it prints\n%q, want\n%q", got, want)
	}
}
