package sandbox

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// How a child is ended, and how long its output is waited for after that.
const (
	grace    = 2 * time.Second // from SIGTERM to SIGKILL
	draining = 2 * time.Second // for output that an escaped process holds open, or a writer that takes nothing
)

// openFiles is the most files a child may have open.
const openFiles = 16384

// stdio are the child's ends.
type stdio struct{ in, out, err *os.File }

// child is a started child. Ending it twice, or when it has ended, does nothing.
type child interface {
	terminate()            // SIGTERM to all of it
	kill()                 // SIGKILL to all of it
	done() <-chan struct{} // closed when nothing of it is left
	result() error         // after done: nil, *ExitError, or what went wrong
}

// Run runs one child to its end and returns when nothing of it is left. It returns nil when the
// child exits with code 0, *ExitError when it ends otherwise, *LimitError when a limit ended it,
// the context's cause when the context did; any other error is about starting it or about a writer.
// Whatever ends it early sends SIGTERM to everything of it and SIGKILL after 2 seconds. Run may be
// called by many goroutines at a time.
func (s *Sandbox) Run(ctx context.Context, spec Spec) error {
	if err := spec.check(s.level); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	pipes, err := openPipes(spec)
	if err != nil {
		return fmt.Errorf("running %q: %w", spec.Args[0], err)
	}
	out := newSink(spec.Limits.Log)
	drained := pipes.copy(out, spec)
	c, err := s.start(spec, pipes.theirs)
	pipes.started()
	var stopped error
	if err == nil {
		stopped = watch(ctx, c, out, spec.Limits)
	}
	select {
	case <-drained:
	case <-time.After(draining):
	}
	pipes.close()
	if err != nil {
		return err
	}
	if stopped != nil {
		return stopped
	}
	if err := c.result(); err != nil {
		return err
	}
	return out.failure()
}

// watch waits for the child's end and returns what ended it early.
func watch(ctx context.Context, c child, out *sink, limits Limits) error {
	var deadline, idle, kill <-chan time.Time
	if limits.Deadline > 0 {
		timer := time.NewTimer(limits.Deadline)
		defer timer.Stop()
		deadline = timer.C
	}
	if limits.Idle > 0 {
		idle = time.After(limits.Idle)
	}
	cancelled := ctx.Done()
	var stopped error
	stop := func(why error) {
		stopped = why
		c.terminate()
		deadline, idle, cancelled = nil, nil, nil
		kill = time.After(grace)
	}
	for {
		select {
		case <-c.done():
			return stopped
		case <-cancelled:
			stop(context.Cause(ctx))
		case <-deadline:
			stop(&LimitError{Which: LimitDeadline, Limit: limits.Deadline})
		case <-idle:
			if left := limits.Idle - out.silence(); left > 0 {
				idle = time.After(left)
			} else {
				stop(&LimitError{Which: LimitIdle, Limit: limits.Idle})
			}
		case <-kill:
			c.kill()
		}
	}
}

// pipes are both ends of the child's standard streams.
type pipes struct {
	theirs   stdio
	feed     *os.File // our end of its input, nil when it has the file itself
	out, err *os.File // our ends of its output; err is nil when both are one
	passed   bool     // its input is the caller's own file
}

func openPipes(spec Spec) (*pipes, error) {
	p := &pipes{}
	var err error
	switch in := spec.Stdin.(type) {
	case nil:
		p.theirs.in, err = os.Open(os.DevNull)
	case *os.File:
		p.theirs.in, p.passed = in, true
	default:
		p.theirs.in, p.feed, err = os.Pipe()
	}
	if err == nil {
		p.out, p.theirs.out, err = os.Pipe()
	}
	// One pipe for one writer keeps the order of what is written to both.
	if p.theirs.err = p.theirs.out; err == nil && !same(spec.Stdout, spec.Stderr) {
		p.err, p.theirs.err, err = os.Pipe()
	}
	if err != nil {
		p.started()
		p.close()
		return nil, err
	}
	return p, nil
}

// same compares two writers, of which either may be of a type that cannot be compared.
func same(a, b io.Writer) (equal bool) {
	defer func() { recover() }()
	return a == b
}

// started closes the child's ends, which the child has now.
func (p *pipes) started() {
	if p.theirs.in != nil && !p.passed {
		p.theirs.in.Close()
	}
	p.theirs.out.Close()
	if p.theirs.err != p.theirs.out {
		p.theirs.err.Close()
	}
}

func (p *pipes) close() {
	for _, f := range []*os.File{p.feed, p.out, p.err} {
		if f != nil {
			f.Close()
		}
	}
}

// copy starts copying and returns a channel that is closed when all output was passed on.
func (p *pipes) copy(out *sink, spec Spec) <-chan struct{} {
	if p.feed != nil {
		go func() {
			io.Copy(p.feed, spec.Stdin)
			p.feed.Close()
		}()
	}
	var copying sync.WaitGroup
	copying.Go(func() { out.pump(p.out, spec.Stdout) })
	if p.err != nil {
		copying.Go(func() { out.pump(p.err, spec.Stderr) })
	}
	drained := make(chan struct{})
	go func() {
		copying.Wait()
		close(drained)
	}()
	return drained
}
