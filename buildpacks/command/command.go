package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"sync"
	"time"

	"slugc/buildpacks/diagnosis"
)

// Command is one run of a program.
type Command struct {
	Program string // its absolute path
	Args    []string
	Shown   string // the command line as people see it
	Dir     string
	Env     []string               // its whole environment, "NAME=value" each
	Stdout  io.Writer              // takes its standard output, which is then neither shown nor kept; may be nil
	Network string                 // id of the diagnosis that it waits on the network; "" for none
	Asks    string                 // the hosts that it asks, for that diagnosis; "" if they are not known
	Stuck   Stuck                  // explains its silence by its last lines; may be nil
	Offline bool                   // it is a script of the app and not what fetches dependencies
	Quiet   bool                   // shows nothing
	Drop    func(line string) bool // reports lines that are kept but not shown; nil drops none
}

// outputGrace is how long output is read after a program has ended or was cancelled: a daemon that
// it started may hold the pipes open.
var outputGrace = 10 * time.Second

// Run runs a command to its end and shows its output in the log while it runs. It returns the last
// 256 KiB of that output, colours included. A program that ends with a status other than 0 returns
// a [*Failure], or a [*diagnosis.Diagnosis] if its output tells that the machine is in trouble. One that
// cannot be started, or whose context is cancelled, returns another error.
func (l *Log) Run(ctx context.Context, c Command) (tail []byte, err error) {
	out := &stream{out: l.Out, secrets: l.Secrets, drop: c.Drop}
	if c.Quiet {
		out.out = io.Discard
	}
	step := l.Online
	if c.Offline {
		step = l.Offline
	}
	argv := slices.Concat(step.Prefix, []string{c.Program}, c.Args)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = c.Dir, c.Env, out, out, outputGrace
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	if err = l.run(cmd, c, out); errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the program itself succeeded
	}
	if closed := out.Close(); err == nil {
		err = closed
	}
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		if d := diagnosis.OfOutput(c.Shown, string(out.last())); d != nil {
			return out.last(), d
		}
		return out.last(), &Failure{Command: c.Shown, Status: exit.String(), Tail: out.last(), Hint: step.Hint}
	}
	if err != nil {
		return out.last(), fmt.Errorf("running %q: %w", c.Shown, err)
	}
	return out.last(), nil
}

// run runs a program, and watches one that needs the network or whose silence can be explained.
func (l *Log) run(cmd *exec.Cmd, c Command, out *stream) error {
	if c.Network == "" && c.Stuck == nil || l.Report == "" {
		return cmd.Run()
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { l.watch(cmd.Process.Pid, c, out, ended) })
	err := cmd.Wait()
	close(ended)
	wg.Wait()
	return err
}
