package golang

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

// goCommand runs the go command in the app's root. Its standard error is passed on, its standard output returned. When it
// fails, the error is a diagnosis: one of the known ones, or go/build-failed with the last lines.
func (b *work) goCommand(argv ...string) ([]byte, error) {
	var out bytes.Buffer
	log := b.say.stream(unremarkable(b.app.Module))
	err := b.run(filepath.Join(b.goTool.Dir, "bin", "go"), argv, &out, log)
	if bytes.Contains(log.last(), []byte("go: downloading ")) {
		b.downloaded = true
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return out.Bytes(), err
	}
	if d := recognise(log.last(), b.dir, b.app.Module); d != nil {
		return nil, d
	}
	return nil, unrecognised("go "+argv[0], exit.String(), log.last())
}

// run runs a program to its end, with the build's environment. A failure is an *exec.ExitError or an error of ours.
func (b *work) run(program string, argv []string, stdout io.Writer, stderr *stream) error {
	found := b.env.look(program)
	if found == "" {
		return fmt.Errorf("running %q: no such program", program)
	}
	cmd := exec.CommandContext(b.ctx, found, argv...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = b.dir, b.env.list(), stdout, stderr, 10*time.Second
	err := cmd.Run()
	if closed := stderr.Close(); err == nil {
		err = closed
	}
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return fmt.Errorf("running %q: %w", filepath.Base(program)+" "+strings.Join(argv, " "), err)
	}
	return err
}

// unrecognised is the diagnosis of a failure that no pattern knows.
func unrecognised(command, status string, tail []byte) *diagnosis.Diagnosis {
	if status == killed {
		return &diagnosis.Diagnosis{
			ID: "go/out-of-memory", Summary: fmt.Sprintf("`%s` was killed, most likely because memory ran out.", command),
			Hints: []string{"give the build more memory, or set GOFLAGS=-p=1 so that fewer packages are compiled at once"},
		}
	}
	d := &diagnosis.Diagnosis{ID: "go/build-failed", Summary: fmt.Sprintf("`%s` failed (%s).", command, status)}
	lines := strings.Split(strings.TrimSpace(string(bytes.ToValidUTF8(tail, nil))), "\n")
	for _, line := range lines[max(0, len(lines)-5):] {
		if line = strings.TrimSpace(line); line != "" {
			d.Hints = append(d.Hints, "it said: "+line[:min(len(line), 300)])
		}
	}
	return d
}

// unremarkable reports the lines of `go build -v` that name a package of the standard library: a first build compiles 200 of them.
func unremarkable(module string) func(line []byte) bool {
	return func(line []byte) bool {
		text := string(line)
		if text == "" || strings.ContainsAny(text, " \t:") || module != "" && (text == module || strings.HasPrefix(text, module+"/")) {
			return false
		}
		first, _, _ := strings.Cut(text, "/")
		return !strings.Contains(first, ".")
	}
}
