package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"slugc/compiler/coordinator"
)

// Watch reads the log, waits until the file changes, and reads on.
func (s *store) Watch(ctx context.Context, prefix string, from int64) <-chan coordinator.Delivery {
	out := make(chan coordinator.Delivery)
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.ctx.Err() != nil {
		close(out)
		return out
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	s.watches.Go(func() {
		defer close(out)
		defer cancel()
		defer stop()
		if err := s.follow(ctx, prefix, from, out); err != nil && ctx.Err() == nil {
			send(ctx, out, coordinator.Delivery{Err: err})
		}
	})
	return out
}

// follow delivers until ctx ends or something breaks.
func (s *store) follow(ctx context.Context, prefix string, next int64, out chan<- coordinator.Delivery) error {
	if err := coordinator.CheckPrefix(prefix); err != nil {
		return err
	}
	if next < 1 {
		return fmt.Errorf("watching from revision %d, which is not positive", next)
	}
	for {
		// Both are taken before the log is read: a commit in between is noticed by one look too
		// many, never missed.
		rung, seen := s.bell.heard(), s.head()
		deliveries, after, err := s.readLog(ctx, prefix, next)
		if err != nil {
			return err
		}
		for _, d := range deliveries {
			if !send(ctx, out, d) {
				return nil
			}
		}
		if after > next {
			next = after
			continue
		}
		if !s.sleep(ctx, rung, seen) {
			return nil
		}
	}
}

// readLog waits for its turn for as long as ctx lasts: a watch has time.
func (s *store) readLog(
	ctx context.Context,
	prefix string,
	next int64,
) (deliveries []coordinator.Delivery, after int64, err error) {
	for {
		err = s.view(ctx, func(tx *bolt.Tx) (err error) {
			deliveries, after, err = readLog(tx, prefix, next)
			return err
		})
		if !errors.Is(err, errBusy) {
			return deliveries, after, err
		}
	}
}

// sleep returns true when the store may have changed, false when ctx ended.
func (s *store) sleep(ctx context.Context, rung <-chan struct{}, seen []byte) bool {
	tick := time.NewTicker(s.options.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-rung:
			return true
		case <-tick.C:
			if now := s.head(); now == nil || !bytes.Equal(now, seen) {
				return true
			}
		}
	}
}

// head is the file's first two pages, nil if they can't be read. bbolt's commits write their number
// into one of them, in turn, as the last thing they do. (The file's times would not tell two
// commits in one clock tick apart.)
func (s *store) head() []byte {
	f, err := os.Open(s.path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, 2*os.Getpagesize())
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	return b[:n]
}

func send(ctx context.Context, out chan<- coordinator.Delivery, d coordinator.Delivery) bool {
	select {
	case out <- d:
		return true
	case <-ctx.Done():
		return false
	}
}

// bell tells this handle's watches of this handle's commits.
type bell struct {
	mu   sync.Mutex
	next chan struct{} // closed by the next ring; nil if nobody listens
}

// heard returns a channel that is closed by the next ring.
func (b *bell) heard() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}
