package local

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"slugc/cache/disk"
	"slugc/compiler/coordinator"
)

// Watch reads the log, waits until the file changes, and reads again.
func (h *handle) Watch(ctx context.Context, prefix string, from int64) <-chan coordinator.Delivery {
	return h.lifetime.Watch(ctx, prefix, from, h.follow)
}

func (h *handle) follow(
	ctx context.Context, prefix string, next int64, send func(coordinator.Delivery) bool,
) error {
	for {
		// Both are taken before the log is read, so a commit in between causes one read too many
		// and is never missed.
		committed, pages := h.commits.next(), h.metaPages()
		deliveries, after, err := h.readLog(ctx, prefix, next)
		if err != nil {
			return err
		}
		for _, d := range deliveries {
			if !send(d) {
				return nil
			}
		}
		if after > next {
			next = after
			continue
		}
		if !h.awaitChange(ctx, committed, pages) {
			return nil
		}
	}
}

// readLog waits for its turn at the file until ctx ends: a watch has no hurry.
func (h *handle) readLog(
	ctx context.Context, prefix string, next int64,
) (deliveries []coordinator.Delivery, after int64, err error) {
	for {
		err = h.view(ctx, func(tx *bolt.Tx) (err error) {
			deliveries, after, err = readLog(tx, prefix, next)
			return err
		})
		if !errors.Is(err, errBusy) {
			return deliveries, after, err
		}
	}
}

// awaitChange returns true when the store may have changed, false when ctx has ended.
func (h *handle) awaitChange(ctx context.Context, committed <-chan struct{}, pages []byte) bool {
	tick := time.NewTicker(h.options.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-committed:
			return true
		case <-tick.C:
			if now := h.metaPages(); now == nil || !bytes.Equal(now, pages) {
				return true
			}
		}
	}
}

// metaPages is the file's first two pages, nil if they can't be read. As its last step, every
// commit of bbolt writes its number into one of them, in turn. The file's times would not do: two
// commits may fall into one clock tick.
func (h *handle) metaPages() []byte {
	f, err := disk.OpenRegular(h.path)
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

// notifier tells a handle's watches of the handle's own commits.
type notifier struct {
	mu sync.Mutex
	ch chan struct{} // closed by the next commit; nil if nobody listens
}

// next returns a channel that the next commit closes.
func (n *notifier) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch == nil {
		n.ch = make(chan struct{})
	}
	return n.ch
}

func (n *notifier) notify() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch != nil {
		close(n.ch)
		n.ch = nil
	}
}
