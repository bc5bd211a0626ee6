package etcd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"slugc/compiler/coordinator"
)

// Lock writes the key with a lease that this process keeps alive. A caller that finds the key
// written waits until it is deleted and tries again.
func (h *handle) Lock(ctx context.Context, l coordinator.Lock) (<-chan struct{}, func(), error) {
	if err := coordinator.CheckKey(l.Key); err != nil {
		return nil, nil, err
	}
	lease, err := h.grant(ctx, l.TTL)
	if err != nil {
		return nil, nil, err
	}
	for waitedFor := ""; ; {
		holder, rev, err := h.tryLock(ctx, l, lease.id)
		if err == nil && holder == "" {
			return lease.lost, lease.end, nil
		}
		if err == nil && holder != waitedFor && l.Wait != nil {
			l.Wait(holder)
		}
		waitedFor = holder
		if err == nil {
			err = h.awaitDeletion(ctx, l.Key, rev, lease.lost)
		}
		if err != nil {
			lease.end()
			return nil, nil, err
		}
	}
}

// tryLock takes the lock, or returns its holder, never "", and the revision at that moment.
func (h *handle) tryLock(
	ctx context.Context, l coordinator.Lock, id clientv3.LeaseID,
) (holder string, rev int64, err error) {
	key := h.key(l.Key)
	err = h.request(ctx, func(ctx context.Context, client *clientv3.Client) error {
		answer, err := client.Txn(clientv3.WithRequireLeader(ctx)).
			If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
			Then(clientv3.OpPut(key, l.Owner, clientv3.WithLease(id))).
			Else(clientv3.OpGet(key)).Commit()
		if err != nil || answer.Succeeded {
			return err
		}
		rev, holder = answer.Header.Revision, "?"
		for _, kv := range answer.Responses[0].GetResponseRange().Kvs {
			if clientv3.LeaseID(kv.Lease) == id {
				holder = "" // an earlier attempt took the lock, and its answer was lost
			} else if len(kv.Value) > 0 {
				holder = string(kv.Value)
			}
		}
		return nil
	})
	return holder, rev, err
}

// awaitDeletion waits until the key is deleted after rev. It fails when the caller's own lease is
// lost, which happens when the cluster is gone.
func (h *handle) awaitDeletion(ctx context.Context, key string, rev int64, lost <-chan struct{}) error {
	client, err := h.connection(ctx)
	if err != nil {
		return err
	}
	watching, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	answers := client.Watch(watching, h.key(key), clientv3.WithRev(rev+1), clientv3.WithFilterPut())
	for {
		select {
		case answer, ok := <-answers:
			if errors.Is(answer.Err(), rpctypes.ErrCompacted) {
				return nil
			}
			if err := answer.Err(); err != nil || !ok {
				return h.explain(ctx, cmp.Or(err, context.Canceled))
			}
			if len(answer.Events) > 0 {
				return nil
			}
		case <-lost:
			return fmt.Errorf("using the coordinator %q: %w: it went away while a lock was waited for",
				h.config, coordinator.ErrUnavailable)
		}
	}
}

// lease is a lease that is kept alive.
type lease struct {
	id   clientv3.LeaseID
	lost chan struct{} // closed when it is no longer kept alive
	end  func()        // revokes it, and with it the lock
}

func (h *handle) grant(ctx context.Context, ttl time.Duration) (*lease, error) {
	l := &lease{lost: make(chan struct{})}
	err := h.request(ctx, func(ctx context.Context, client *clientv3.Client) error {
		granted, err := client.Grant(clientv3.WithRequireLeader(ctx), max(1, int64(ttl/time.Second)))
		if err == nil {
			l.id = granted.ID
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	client, err := h.connection(ctx)
	if err != nil {
		return nil, err
	}
	keeping, cancel := context.WithCancel(h.lifetime.Context())
	alive, err := client.KeepAlive(keeping, l.id)
	if err != nil {
		cancel()
		return nil, h.explain(ctx, err)
	}
	go func() {
		defer close(l.lost)
		for range alive {
		}
	}()
	l.end = sync.OnceFunc(func() {
		cancel()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.config.Timeout)
		defer cancel()
		// Where revoking fails, the lease expires by itself.
		_ = h.request(ctx, func(ctx context.Context, client *clientv3.Client) error {
			_, err := client.Revoke(ctx, l.id)
			return err
		})
		<-l.lost
	})
	return l, nil
}
