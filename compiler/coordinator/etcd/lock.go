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

// Lock writes key with a lease that this process keeps alive. Whoever finds it written waits until
// it is gone and tries again.
func (s *store) Lock(
	ctx context.Context,
	key string,
	ttl time.Duration,
	owner string,
	waiting func(holder string),
) (<-chan struct{}, func(), error) {
	if err := coordinator.CheckKey(key); err != nil {
		return nil, nil, err
	}
	l, err := s.lease(ctx, ttl)
	if err != nil {
		return nil, nil, err
	}
	for told := ""; ; {
		holder, rev, err := s.tryLock(ctx, key, owner, l.id)
		if err == nil && holder == "" {
			return l.lost, l.end, nil
		}
		if err == nil && holder != told && waiting != nil {
			waiting(holder)
		}
		told = holder
		if err == nil {
			err = s.gone(ctx, key, rev, l.lost)
		}
		if err != nil {
			l.end()
			return nil, nil, err
		}
	}
}

// tryLock takes the lock, or returns who holds it, never "", and the revision at that point.
func (s *store) tryLock(
	ctx context.Context,
	key, owner string,
	id clientv3.LeaseID,
) (holder string, rev int64, err error) {
	err = s.request(ctx, func(ctx context.Context, client *clientv3.Client) error {
		answer, err := client.Txn(clientv3.WithRequireLeader(ctx)).
			If(clientv3.Compare(clientv3.CreateRevision(s.key(key)), "=", 0)).
			Then(clientv3.OpPut(s.key(key), owner, clientv3.WithLease(id))).
			Else(clientv3.OpGet(s.key(key))).Commit()
		if err != nil || answer.Succeeded {
			return err
		}
		rev, holder = answer.Header.Revision, "?"
		for _, kv := range answer.Responses[0].GetResponseRange().Kvs {
			if clientv3.LeaseID(kv.Lease) == id {
				holder = "" // an answer was lost, not the lock
			} else if len(kv.Value) > 0 {
				holder = string(kv.Value)
			}
		}
		return nil
	})
	return holder, rev, err
}

// gone waits for the key to be deleted after rev, while the caller's own lease lasts: it is lost
// when the cluster is.
func (s *store) gone(ctx context.Context, key string, rev int64, lost <-chan struct{}) error {
	client, err := s.connected(ctx)
	if err != nil {
		return err
	}
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := client.Watch(
		clientv3.WithRequireLeader(watching),
		s.key(key),
		clientv3.WithRev(rev+1),
		clientv3.WithFilterPut(),
	)
	for {
		select {
		case answer, ok := <-answers:
			if errors.Is(answer.Err(), rpctypes.ErrCompacted) {
				return nil
			}
			if err := answer.Err(); err != nil || !ok {
				return s.explain(ctx, cmp.Or(err, context.Canceled))
			}
			if len(answer.Events) > 0 {
				return nil
			}
		case <-lost:
			return fmt.Errorf(
				"using the coordinator %q: %w: it was gone while a lock was waited for",
				s.config,
				coordinator.ErrUnavailable,
			)
		}
	}
}

// lease is a lease that is kept alive.
type lease struct {
	id   clientv3.LeaseID
	lost chan struct{} // closed when it is no longer kept alive
	end  func()        // revokes it, and with it the lock
}

func (s *store) lease(ctx context.Context, ttl time.Duration) (*lease, error) {
	l := &lease{lost: make(chan struct{})}
	err := s.request(ctx, func(ctx context.Context, client *clientv3.Client) error {
		granted, err := client.Grant(clientv3.WithRequireLeader(ctx), max(1, int64(ttl/time.Second)))
		if err == nil {
			l.id = granted.ID
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	client, err := s.connected(ctx)
	if err != nil {
		return nil, err
	}
	keeping, cancel := context.WithCancel(s.ctx)
	alive, err := client.KeepAlive(keeping, l.id)
	if err != nil {
		cancel()
		return nil, s.explain(ctx, err)
	}
	go func() {
		defer close(l.lost)
		for range alive {
		}
	}()
	l.end = sync.OnceFunc(func() {
		cancel()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Timeout)
		defer cancel()
		// Where this fails, the lease ends by itself.
		_ = s.request(ctx, func(ctx context.Context, client *clientv3.Client) error {
			_, err := client.Revoke(ctx, l.id)
			return err
		})
		<-l.lost
	})
	return l, nil
}
