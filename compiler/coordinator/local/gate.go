package local

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// gate admits one caller of all processes at a time, roughly in the order of arrival.
//
// flock alone is not fair: when it is released, the process that runs first takes it, and that is
// usually the one that just released it and wants it again. So there are two locks. A caller waits
// for the turn; holding the turn, it waits for the lock; holding the lock, it releases the turn. A
// process that leaves and wants to enter again finds the turn taken and queues like all others.
// When a process dies, the kernel releases both.
type gate struct {
	turn, lock string
	own        chan struct{} // this handle's callers wait here, so that one handle blocks one thread
}

// newGate creates the lock files if they are missing.
func newGate(path string) (gate, error) {
	g := gate{turn: path + ".turn", lock: path + ".lock", own: make(chan struct{}, 1)}
	for _, name := range []string{g.turn, g.lock} {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return gate{}, err
		}
		f.Close()
	}
	return g, nil
}

// enter waits until the caller is admitted, or returns ctx's cause.
func (g gate) enter(ctx context.Context) (leave func(), err error) {
	select {
	case g.own <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	type entered struct {
		file *os.File
		err  error
	}
	in := make(chan entered, 1)
	go func() {
		file, err := g.take()
		in <- entered{file, err}
	}()
	select {
	case e := <-in:
		if e.err != nil {
			<-g.own
			return nil, e.err
		}
		return func() {
			e.file.Close()
			<-g.own
		}, nil
	case <-ctx.Done():
		// A blocked flock can't be cancelled. When it succeeds, it is released at once.
		go func() {
			if e := <-in; e.err == nil {
				e.file.Close()
			}
		}()
		<-g.own
		return nil, context.Cause(ctx)
	}
}

// take blocks until it holds the lock.
func (g gate) take() (*os.File, error) {
	turn, err := flock(g.turn)
	if err != nil {
		return nil, err
	}
	defer turn.Close()
	return flock(g.lock)
}

// flock opens a file, locks it exclusively and returns it. Closing it releases the lock.
func flock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EINTR) {
			f.Close()
			return nil, &os.PathError{Op: "flock", Path: path, Err: err}
		}
	}
}
