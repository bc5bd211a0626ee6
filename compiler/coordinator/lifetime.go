package coordinator

import (
	"context"
	"fmt"
	"sync"
)

// Lifetime is the time from a handle's opening to its Close, and the watches that end with it.
// Implementations of [Coordinator] share it. Its methods may be called concurrently.
type Lifetime struct {
	ctx     context.Context
	cancel  context.CancelFunc
	mu      sync.Mutex // guards watches against Add after Wait
	watches sync.WaitGroup
}

// NewLifetime returns the lifetime of a handle that is being opened.
func NewLifetime() *Lifetime {
	l := &Lifetime{}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// Context ends with Close.
func (l *Lifetime) Context() context.Context { return l.ctx }

// Err is [ErrClosed] after Close.
func (l *Lifetime) Err() error {
	if l.ctx.Err() != nil {
		return ErrClosed
	}
	return nil
}

// Close ends the context and waits for the watches.
func (l *Lifetime) Close() {
	l.mu.Lock()
	l.cancel()
	l.mu.Unlock()
	l.watches.Wait()
}

// A Follower reads a handle's events under prefix from revision next on and passes them to send, in
// order, until ctx ends (the error then does not matter) or an error ends the watch. send returns
// false when ctx has ended.
type Follower func(ctx context.Context, prefix string, next int64, send func(Delivery) bool) error

// Watch is [Coordinator].Watch around what the implementation does differently: it checks the
// arguments, runs follow in a goroutine, sends its error last and closes the channel.
func (l *Lifetime) Watch(ctx context.Context, prefix string, from int64, follow Follower) <-chan Delivery {
	out := make(chan Delivery)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		close(out)
		return out
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ctx, cancel)
	send := func(d Delivery) bool {
		select {
		case out <- d:
			return true
		case <-ctx.Done():
			return false
		}
	}
	l.watches.Go(func() {
		defer close(out)
		defer cancel()
		defer stop()
		err := checkWatch(prefix, from)
		if err == nil {
			err = follow(ctx, prefix, from, send)
		}
		if err != nil && ctx.Err() == nil {
			send(Delivery{Err: err})
		}
	})
	return out
}

func checkWatch(prefix string, from int64) error {
	if from < 1 {
		return fmt.Errorf("watching from revision %d, which is not positive", from)
	}
	return CheckPrefix(prefix)
}
