package ruby

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
)

// call is one run of a program in the app's root.
type call struct {
	argv   []string
	all    bool      // with all of the user's configuration, for the app's own programs
	stdout io.Writer // gets standard output instead of the log
	quiet  bool      // nothing is passed on
	drop   func(line string) bool
}

// run runs a program to its end, its output passed on. A program that fails gives a
// [*command.Failure]; the log's tail is returned either way.
func (b *work) run(c call) ([]byte, error) {
	shown := strings.Join(append([]string{filepath.Base(c.argv[0])}, c.argv[1:]...), " ")
	program := c.argv[0]
	if program == "bundle" && b.bundleAt != "" {
		program = b.bundleAt
	} else if program = b.env.look(program); program == "" {
		return nil, fmt.Errorf("running %q: not found on PATH", shown)
	}
	return b.say.Run(b.ctx,
		command.Command{Program: program, Args: c.argv[1:], Shown: shown, Dir: b.dir, Env: b.env.list(c.all),
			Stdout: c.stdout, Quiet: c.quiet, Drop: c.drop})
}

// reason is the line of a failure's output that says what went wrong: what follows an "ERROR:" or
// an "aborted!", else the last.
func reason(f *command.Failure) string {
	lines := f.Lines(backtrace.MatchString)
	for i, line := range lines {
		switch {
		case strings.HasSuffix(line, "aborted!") && i+1 < len(lines):
			return lines[i+1]
		case strings.HasPrefix(line, "ERROR:") && strings.Contains(line, "While executing gem") && i+1 < len(lines):
			return lines[i+1]
		case strings.HasPrefix(line, "ERROR:"):
			return strings.TrimSpace(strings.TrimPrefix(line, "ERROR:"))
		}
	}
	if len(lines) == 0 {
		return f.Status
	}
	return lines[len(lines)-1]
}

// diagnose makes a diagnosis of a command's failure: one of the known ones, or id with the command,
// its status and its last lines.
func diagnose(id string, err error, known []diagnosis.Pattern) error {
	return command.Explain(err, known, unknown(id))
}

// unknown is what is said of a failure that no pattern knows.
func unknown(id string) command.Unknown {
	return command.Unknown{
		ID:     id,
		Memory: "give the build more memory, or set BUNDLE_JOBS=1 so that fewer gems are compiled at once",
		Noise:  backtrace.MatchString,
	}
}
