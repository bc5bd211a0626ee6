package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Command is one run of a program.
type Command struct {
	Program string // its path, absolute
	Args    []string
	Shown   string // the command line as people are told it
	Dir     string
	Env     []string               // all of its environment, "NAME=value" each
	Stdout  io.Writer              // gets its standard output, which then is neither shown nor kept; nil for none
	Quiet   bool                   // nothing is shown
	Drop    func(line string) bool // reports lines that are kept but not shown; nil drops none
}

// afterlife is how long output is read after a program has ended, or was told to: a daemon that it
// has started may hold the pipes open.
var afterlife = 10 * time.Second

// Run runs a command to its end, which it shows in the log as it goes. It returns the last 256 KiB
// of what the command has said, colours included. A program that ends with another status than 0
// gives a [*Failure]; one that can't be run, and a canceled context, give another error.
func (l *Log) Run(ctx context.Context, c Command) (tail []byte, err error) {
	out := &stream{out: l.Out, secrets: l.Secrets, drop: c.Drop}
	if c.Quiet {
		out.out = io.Discard
	}
	cmd := exec.CommandContext(ctx, c.Program, c.Args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = c.Dir, c.Env, out, out, afterlife
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	if err = cmd.Run(); errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the program itself has ended well
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		return out.last(), &Failure{Command: c.Shown, Status: exit.String(), Tail: out.last()}
	}
	if err != nil {
		return out.last(), fmt.Errorf("running %q: %w", c.Shown, err)
	}
	return out.last(), nil
}

// Look finds a program on a search path, which is a build's own and not this process's: directories
// that are relative are passed over. A name that is an absolute path is looked at itself. It
// returns "" where there is none.
func Look(path, name string) string {
	if filepath.IsAbs(name) {
		found, _ := exec.LookPath(name)
		return found
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return found
		}
	}
	return ""
}

// Environ is an environment as [Command] wants it, sorted by name.
func Environ(vars map[string]string) []string {
	list := make([]string, 0, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		list = append(list, name+"="+vars[name])
	}
	return list
}

// Before puts directories in front of a search path, which may be empty.
func Before(path string, dirs ...string) string {
	if path != "" {
		dirs = append(slices.Clone(dirs), path)
	}
	return strings.Join(dirs, string(filepath.ListSeparator))
}
