package local

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// gate lets one caller of all processes in at a time, roughly in the order of arrival.
//
// flock alone is not fair: when it is released, whoever runs first takes it, and that is the
// process that just released it and wants it again, not one that has yet to wake up. So there are
// two locks. One waits for the turn, then, holding it, for the lock, and gives up the turn once
// inside. A process that leaves and wants in again finds the turn taken and queues like all others.
// The kernel releases both when a process dies.
type gate struct {
	turn, lock string
	own        chan struct{} // this handle's callers wait here, so that one handle blocks one thread
}

// newGate makes the lock files if they are not there yet.
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

// enter waits until the caller is in, or ctx ends, whose cause is then the error.
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
		// A blocked flock can't be called off. When it comes through, it is given back.
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
