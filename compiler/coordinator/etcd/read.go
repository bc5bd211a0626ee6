package etcd

import (
	"context"
	"errors"
	"slices"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"slugc/compiler/coordinator"
)

// pageSize is how many entries one request of a List fetches.
const pageSize = 2000

// reader reads linearizably or, if stale, from whichever member answers.
type reader struct {
	*handle
	stale bool
}

func (r reader) Get(ctx context.Context, keys ...string) ([]coordinator.Entry, error) {
	if err := coordinator.CheckKeys(keys...); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, nil
	}
	ops := make([]clientv3.Op, len(keys))
	for i, key := range keys {
		ops[i] = clientv3.OpGet(r.key(key), r.options()...)
	}
	entries := make([]coordinator.Entry, len(keys))
	err := r.request(ctx, func(ctx context.Context, client *clientv3.Client) error {
		answer, err := client.Txn(r.requireLeader(ctx)).Then(nest(ops)...).Commit()
		if err != nil {
			return err
		}
		for i, response := range flatten(answer.Responses) {
			entries[i] = coordinator.Entry{Key: keys[i]}
			for _, kv := range response.GetResponseRange().Kvs {
				entries[i] = r.entryOf(kv)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// nest packs operations into transactions within the transaction, all of which happen at one
// moment. etcd allows a transaction 128 operations, those of the ones around it included.
func nest(ops []clientv3.Op) []clientv3.Op {
	const most = 100
	if len(ops) <= most {
		return ops
	}
	var packed []clientv3.Op
	for part := range slices.Chunk(ops, most) {
		packed = append(packed, clientv3.OpTxn(nil, part, nil))
	}
	return packed
}

// flatten undoes nest.
func flatten(responses []*etcdserverpb.ResponseOp) (list []*etcdserverpb.ResponseOp) {
	for _, r := range responses {
		if inner := r.GetResponseTxn(); inner != nil {
			list = append(list, inner.Responses...)
		} else {
			list = append(list, r)
		}
	}
	return list
}

// List reads page by page as of the first page's revision, so that answers are bounded and each
// has its own timeout.
func (r reader) List(ctx context.Context, prefix string) (entries []coordinator.Entry, rev int64, err error) {
	if err := coordinator.CheckPrefix(prefix); err != nil {
		return nil, 0, err
	}
	for restart := true; restart; {
		entries, rev, restart, err = r.pages(ctx, r.key(prefix))
	}
	return entries, rev, err
}

// pages reads all pages. restart says that the first page's revision was compacted meanwhile.
func (r reader) pages(
	ctx context.Context, from string,
) (entries []coordinator.Entry, rev int64, restart bool, err error) {
	next, end := from, clientv3.GetPrefixRangeEnd(from)
	for more := true; more; {
		options := append(r.options(), clientv3.WithRange(end), clientv3.WithRev(rev))
		if !r.stale { // the next page might come from a member that lags behind
			options = append(options, clientv3.WithLimit(pageSize))
		}
		err := r.request(ctx, func(ctx context.Context, client *clientv3.Client) error {
			answer, err := client.Get(r.requireLeader(ctx), next, options...)
			if err != nil {
				return err
			}
			if rev == 0 {
				rev = answer.Header.Revision
			}
			for _, kv := range answer.Kvs {
				entries = append(entries, r.entryOf(kv))
				next = string(kv.Key) + "\x00"
			}
			more = answer.More
			return nil
		})
		if err != nil {
			return nil, 0, errors.Is(err, coordinator.ErrCompacted) && next != from, err
		}
	}
	return entries, rev, false, nil
}

func (r reader) entryOf(kv *mvccpb.KeyValue) coordinator.Entry {
	return r.entry(string(kv.Key), kv.Value, kv.ModRevision)
}

func (r reader) options() []clientv3.OpOption {
	if r.stale {
		return []clientv3.OpOption{clientv3.WithSerializable()}
	}
	return nil
}

// requireLeader makes a member that knows no leader refuse at once, except for stale reads.
func (r reader) requireLeader(ctx context.Context) context.Context {
	if r.stale {
		return ctx
	}
	return clientv3.WithRequireLeader(ctx)
}
