package etcd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
)

// Watch goes on by itself after a lost connection, a lost leader and a restarted member, from the
// revision after the last it delivered. A member that is cut off from the others ends the stream,
// so that another one is asked.
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
		w := watch{store: s, prefix: prefix, next: from, out: out}
		if err := w.follow(ctx); err != nil && ctx.Err() == nil {
			w.send(ctx, coordinator.Delivery{Err: err})
		}
	})
	return out
}

// watch is one Watch under way.
type watch struct {
	*store
	prefix string
	next   int64 // all earlier revisions were delivered
	out    chan<- coordinator.Delivery
}

// follow watches anew until ctx ends or going on is no use.
func (w *watch) follow(ctx context.Context) error {
	if err := coordinator.CheckPrefix(w.prefix); err != nil {
		return err
	}
	if w.next < 1 {
		return fmt.Errorf("watching from revision %d, which is not positive", w.next)
	}
	for failures := 0; ctx.Err() == nil; failures++ {
		before := w.next
		err := w.stream(ctx)
		if _, marked := errors.AsType[*fault.Error](err); marked || errors.Is(err, coordinator.ErrCompacted) {
			return err
		}
		if w.next > before {
			failures = 0
		}
		timer := time.NewTimer(rand.N(min(20*time.Millisecond<<min(failures, 10), time.Second)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return nil
}

// stream delivers until the stream ends, and returns why.
func (w *watch) stream(ctx context.Context) error {
	client, err := w.connected(ctx)
	if err != nil {
		return err
	}
	// A stream of its own: one that is cut off, or whose receiver is slow, concerns no other.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := client.Watch(
		clientv3.WithRequireLeader(ctx),
		w.key(w.prefix),
		clientv3.WithPrefix(),
		clientv3.WithRev(w.next),
		clientv3.WithProgressNotify(),
		clientv3.WithFragment(),
	)
	for answer := range answers {
		if err := answer.Err(); err != nil {
			return w.explain(ctx, err)
		}
		if !w.deliver(ctx, answer.Events) {
			return nil
		}
		if answer.IsProgressNotify() { // what lies before may be compacted without any loss
			w.next = max(w.next, answer.Header.Revision+1)
		}
	}
	// The client closes the channel of a watch that is refused from the start without a word.
	// Reading the same keys tells.
	return w.request(ctx, func(ctx context.Context, client *clientv3.Client) error {
		_, err := client.Get(
			clientv3.WithRequireLeader(ctx),
			w.key(w.prefix),
			clientv3.WithPrefix(),
			clientv3.WithCountOnly(),
		)
		return err
	})
}

// deliver sends the events, a revision at a time; false: ctx ended.
func (w *watch) deliver(ctx context.Context, events []*clientv3.Event) bool {
	for len(events) > 0 {
		rev := events[0].Kv.ModRevision
		n := slices.IndexFunc(events, func(e *clientv3.Event) bool { return e.Kv.ModRevision != rev })
		if n < 0 {
			n = len(events)
		}
		commit := events[:n]
		events = events[n:]
		if rev < w.next {
			continue
		}
		d := coordinator.Delivery{}
		for _, e := range commit {
			entry := w.entry(string(e.Kv.Key), e.Kv.Value, rev)
			d.Events = append(
				d.Events,
				coordinator.Event{
					Write: coordinator.Write{
						Key:    entry.Key,
						Value:  entry.Value,
						Delete: e.Type == clientv3.EventTypeDelete,
					},
					Rev: rev,
				},
			)
		}
		slices.SortFunc(d.Events, func(a, b coordinator.Event) int { return strings.Compare(a.Key, b.Key) })
		if !w.send(ctx, d) {
			return false
		}
		w.next = rev + 1
	}
	return true
}

func (w *watch) send(ctx context.Context, d coordinator.Delivery) bool {
	select {
	case w.out <- d:
		return true
	case <-ctx.Done():
		return false
	}
}
