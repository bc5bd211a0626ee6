package program

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"slugc/buildpacks/diagnosis"
	"slugc/cache/beneath"
	"slugc/compiler/sandbox"
	"slugc/detect/lazyregexp"
)

// The most bytes of a program's text in a message.
const (
	maxName = 80
	maxLine = 300
)

// Because is the error for a program that has exited, with the last that it said.
func Because(doing string, exit *sandbox.ExitError, output string) error {
	if said := LastLine(output); said != "" {
		return fmt.Errorf("%s: %w: %s", doing, exit, said)
	}
	return fmt.Errorf("%s: %w", doing, exit)
}

// Plain returns text without what terminals take for commands.
func Plain(text string) string { return escape.ReplaceAllString(text, "") }

// escape matches what terminals take for commands: colours, for the most part.
var escape = lazyregexp.New("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[@-_])")

// LastLine returns the last line of an output that says something. In Heroku's style an error is a block of lines
// that start with "!": of such a block at the end it is the first.
func LastLine(output string) string {
	output = Plain(output)
	lines := strings.FieldsFunc(output, func(r rune) bool { return r == '\n' || r == '\r' })
	last := ""
	for _, l := range slices.Backward(lines) {
		text, marked := strings.CutPrefix(strings.TrimLeft(l, " \t"), "!")
		if last != "" && !marked {
			break
		}
		if line := diagnosis.Line(strings.TrimLeft(text, " \t!>-"), maxLine); line != "" {
			last = line
		}
		if last != "" && !marked {
			break
		}
	}
	return last
}

// starter is the script that starts a program: with sh, a program without an interpreter's line is a shell
// script, as on Heroku.
const starter = `umask 022; exec "$0" "$@"`

// Start returns the command line that starts a program by the shell. It ends with 126 or 127 where the program cannot
// be started.
func Start(file string, args ...string) []string {
	return append([]string{"/bin/sh", "-c", starter, file}, args...)
}

// The shell's exit codes for a program that cannot be started.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
)

// Missing returns the interpreter that the program which has exited names and the machine lacks, or "". file is the
// program, below dir. run runs a command where the program ran.
func Missing(exit *sandbox.ExitError, dir, file string, run func(args ...string) error) string {
	if exit.Code != exitNotExecutable && exit.Code != exitNotFound {
		return ""
	}
	wanted := interpreter(dir, file)
	if wanted == "" || run("/bin/sh", "-c", `command -v "$1"`, "sh", wanted) == nil {
		return ""
	}
	return diagnosis.Line(wanted, maxName)
}

// interpreter returns the program in the first line of a script: "/bin/bash", or "ruby" of "/usr/bin/env ruby".
func interpreter(dir, file string) string {
	own, err := beneath.Open(dir)
	if err != nil {
		return ""
	}
	defer own.Close()
	f, err := own.OpenFile(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	start := make([]byte, 256) // the kernel reads no more (BINPRM_BUF_SIZE)
	n, _ := io.ReadFull(f, start)
	line, _, _ := strings.Cut(string(start[:n]), "\n")
	line, script := strings.CutPrefix(line, "#!")
	if !script {
		return ""
	}
	words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
	if len(words) > 1 && path.Base(words[0]) == "env" {
		words = slices.DeleteFunc(words[1:], func(w string) bool { return w[0] == '-' || strings.Contains(w, "=") })
	}
	if len(words) == 0 {
		return ""
	}
	return words[0]
}
