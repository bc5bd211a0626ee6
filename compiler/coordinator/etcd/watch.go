package etcd

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
)

// Watch continues by itself after a lost connection, a lost leader or a restarted member, from the
// revision after the last it delivered. A member that is cut off from the others ends its stream,
// so that another member is asked.
func (h *handle) Watch(ctx context.Context, prefix string, from int64) <-chan coordinator.Delivery {
	return h.lifetime.Watch(ctx, prefix, from,
		func(ctx context.Context, prefix string, next int64, send func(coordinator.Delivery) bool) error {
			w := watch{handle: h, prefix: prefix, next: next, send: send}
			return w.follow(ctx)
		})
}

// watch is one Watch under way.
type watch struct {
	*handle
	prefix string
	next   int64 // all earlier revisions were delivered
	send   func(coordinator.Delivery) bool
}

// follow opens one stream after another until ctx ends or an error is final.
func (w *watch) follow(ctx context.Context) error {
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

// stream delivers until the stream ends, and returns why it ended.
func (w *watch) stream(ctx context.Context) error {
	client, err := w.connection(ctx)
	if err != nil {
		return err
	}
	// The client sends all watches over one gRPC stream and buffers for slow receivers. Ending ctx
	// ends this watch alone.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := client.Watch(clientv3.WithRequireLeader(ctx), w.key(w.prefix), clientv3.WithPrefix(),
		clientv3.WithRev(w.next), clientv3.WithProgressNotify(), clientv3.WithFragment())
	for answer := range answers {
		if err := answer.Err(); err != nil {
			return w.explain(ctx, err)
		}
		if !w.deliver(answer.Events) {
			return nil
		}
		if answer.IsProgressNotify() { // earlier revisions may be compacted without any loss
			w.next = max(w.next, answer.Header.Revision+1)
		}
	}
	// The client closes the channel of a watch that the cluster refuses without saying why. Reading
	// the same keys tells.
	return w.request(ctx, func(ctx context.Context, client *clientv3.Client) error {
		_, err := client.Get(clientv3.WithRequireLeader(ctx), w.key(w.prefix),
			clientv3.WithPrefix(), clientv3.WithCountOnly())
		return err
	})
}

// deliver sends the events, one revision at a time. It returns false when ctx has ended.
func (w *watch) deliver(events []*clientv3.Event) bool {
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
			write := coordinator.Write{Key: entry.Key, Value: entry.Value, Delete: e.Type == clientv3.EventTypeDelete}
			d.Events = append(d.Events, coordinator.Event{Write: write, Rev: rev})
		}
		slices.SortFunc(d.Events, func(a, b coordinator.Event) int { return strings.Compare(a.Key, b.Key) })
		if !w.send(d) {
			return false
		}
		w.next = rev + 1
	}
	return true
}
