package sandbox

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"slugc/compiler/sandbox/supervise"
)

const (
	grace = 2 * time.Second // from SIGTERM to SIGKILL

	// drainTimeout is how long Run waits for output after the child's end: an escaped process may hold
	// the pipe open, or a writer may block.
	drainTimeout = 2 * time.Second

	maxOpenFiles = 16384 // of one child
)

// stdio are the child's ends of its standard streams.
type stdio struct{ in, out, err *os.File }

// child is a started child. To end it twice, or after it has ended, does nothing.
type child interface {
	terminate()            // SIGTERM to all its processes
	kill()                 // SIGKILL to all its processes
	done() <-chan struct{} // closed when all its processes have ended
	result() error         // after done: nil, *ExitError, or what went wrong
	root() int             // pid that all its processes descend from
	made() []string        // directories on disk that were made for it to write
}

// Run runs one child and returns when the child and all that it started have ended. It returns nil when
// the child exits with code 0, an [*ExitError] when it ends otherwise, a [*LimitError] when a limit ended
// it, and the context's cause when the context did. Any other error is about starting it or about a
// writer. A limit or the context ends a child by SIGTERM to all its processes, and SIGKILL after 2
// seconds. Many goroutines may call Run at once.
func (s *Sandbox) Run(ctx context.Context, spec Spec) error {
	spec.Binds = withoutShown(spec.Binds)
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
	out := newOutputLimiter(spec.Limits.Log)
	drained := pipes.copy(out, spec)
	b, ready := s.take(spec.Limits)
	b.before(spec.writable())
	c, err := s.start(spec, pipes.theirs, b.isolation(s), ready)
	pipes.started()
	var stopped error
	if err == nil {
		b.start(c.root(), c.made())
		stopped = watch(ctx, c, out, spec.Limits, b.found)
	}
	if met := b.release(err == nil && stopped == nil && c.result() != nil); met != nil {
		stopped = met
	}
	select {
	case <-drained:
	case <-time.After(drainTimeout):
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
	return out.writeError()
}

// watch waits for the child's end and returns what ended it early.
func watch(ctx context.Context, c child, out *outputLimiter, limits Limits, met <-chan *LimitError) error {
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
			if left := limits.Idle - out.idle(); left > 0 {
				idle = time.After(left)
			} else {
				stop(&LimitError{Which: LimitIdle, Limit: limits.Idle})
			}
		case limit := <-met:
			// There may be no room left in which to end in order.
			if stopped == nil {
				stopped = limit
			}
			c.kill()
		case <-kill:
			c.kill()
		}
	}
}

// pipes are both ends of the child's standard streams.
type pipes struct {
	theirs   stdio
	feed     *os.File // our end of its input, nil when the child has the file itself
	out, err *os.File // our ends of its output; err is nil when both are one
	isFile   bool     // its input is the caller's own file
}

func openPipes(spec Spec) (*pipes, error) {
	p := &pipes{}
	var err error
	switch in := spec.Stdin.(type) {
	case nil:
		p.theirs.in, err = os.Open(os.DevNull)
	case *os.File:
		p.theirs.in, p.isFile = in, true
	default:
		p.theirs.in, p.feed, err = os.Pipe()
	}
	if err == nil {
		p.out, p.theirs.out, err = os.Pipe()
	}
	// One pipe for one writer keeps the order of stdout and stderr.
	if p.theirs.err = p.theirs.out; err == nil && !supervise.SameWriter(spec.Stdout, spec.Stderr) {
		p.err, p.theirs.err, err = os.Pipe()
	}
	if err != nil {
		p.started()
		p.close()
		return nil, err
	}
	return p, nil
}

// started closes the ends that the child now has.
func (p *pipes) started() {
	if p.theirs.in != nil && !p.isFile {
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

// copy starts copying and returns a channel that is closed when all output was copied.
func (p *pipes) copy(out *outputLimiter, spec Spec) <-chan struct{} {
	if p.feed != nil {
		go func() {
			io.Copy(p.feed, spec.Stdin)
			p.feed.Close()
		}()
	}
	var copying sync.WaitGroup
	copying.Go(func() { out.copy(spec.Stdout, p.out) })
	if p.err != nil {
		copying.Go(func() { out.copy(spec.Stderr, p.err) })
	}
	drained := make(chan struct{})
	go func() {
		copying.Wait()
		close(drained)
	}()
	return drained
}
