package ruby

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"slugc/buildpacks/diagnosis"
)

// killed is what exec says of a process that the kernel ended for want of memory.
const killed = "signal: killed"

// command is one run of a program in the app's root.
type command struct {
	argv   []string
	all    bool          // with all of the user's configuration, for the app's own programs
	env    []string      // further variables, "NAME=value"
	stdout *bytes.Buffer // gets standard output instead of the log
	quiet  bool          // nothing is passed on
	drop   func([]byte) bool
}

// failure is a program that ended with another status than 0.
type failure struct {
	command, status string
	tail            []byte
}

func (f *failure) Error() string { return fmt.Sprintf("`%s` failed (%s)", f.command, f.status) }

// reason is the line that says what went wrong: what follows an "ERROR:" or an "aborted!", else the last.
func (f *failure) reason() string {
	var lines []string
	for line := range strings.Lines(string(bytes.ToValidUTF8(f.tail, nil))) {
		if line = strings.TrimSpace(line); line != "" && !backtrace.MatchString(line) {
			lines = append(lines, line)
		}
	}
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
		return f.status
	}
	return lines[len(lines)-1]
}

// run runs a command to its end, its output passed on. A program that fails gives a *failure; the log's tail is returned either way.
func (b *work) run(c command) ([]byte, error) {
	shown := strings.Join(append([]string{filepath.Base(c.argv[0])}, c.argv[1:]...), " ")
	program := c.argv[0]
	if program == "bundle" && b.bundleAt != "" {
		program = b.bundleAt
	} else if !filepath.IsAbs(program) {
		if program = b.env.look(program); program == "" {
			return nil, fmt.Errorf("running %q: not found on PATH", shown)
		}
	}
	log := &stream{out: b.say.out, secrets: b.say.secrets, drop: c.drop}
	if c.quiet {
		log.out = io.Discard
	}
	cmd := exec.CommandContext(b.ctx, program, c.argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = b.dir, append(b.env.list(c.all), c.env...), log, log, 10*time.Second
	if c.stdout != nil {
		cmd.Stdout = c.stdout
	}
	err := cmd.Run()
	if closed := log.Close(); err == nil {
		err = closed
	}
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		return log.last(), &failure{command: shown, status: exit.String(), tail: log.last()}
	}
	if err != nil {
		return log.last(), fmt.Errorf("running %q: %w", shown, err)
	}
	return log.last(), nil
}

// diagnose makes a diagnosis of a command's failure: one of the known ones, or id with the command, its status and its last lines.
func (b *work) diagnose(id string, err error, known []diagnosis.Pattern) error {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return err
	}
	if d := diagnosis.Recognise(known, f.tail); d != nil {
		return d
	}
	return unrecognised(id, f)
}

// unrecognised is the diagnosis of a failure that no pattern knows.
func unrecognised(id string, f *failure) *diagnosis.Diagnosis {
	if f.status == killed {
		return &diagnosis.Diagnosis{
			ID: "ruby/out-of-memory", Summary: fmt.Sprintf("`%s` was killed, most likely because memory ran out.", f.command),
			Hints: []string{"give the build more memory, or set BUNDLE_JOBS=1 so that fewer gems are compiled at once"},
		}
	}
	d := &diagnosis.Diagnosis{ID: id, Summary: fmt.Sprintf("`%s` failed (%s).", f.command, f.status)}
	var lines []string
	for line := range strings.Lines(string(bytes.ToValidUTF8(f.tail, nil))) {
		if line = strings.TrimSpace(line); line != "" && !backtrace.MatchString(line) {
			lines = append(lines, line)
		}
	}
	for _, line := range lines[max(0, len(lines)-5):] {
		d.Hints = append(d.Hints, "it said: "+line[:min(len(line), 300)])
	}
	return d
}
