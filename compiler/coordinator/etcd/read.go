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

// page is how many entries one request of a List fetches.
const page = 2000

// reader reads, linearizably or from whichever member answers.
type reader struct {
	*store
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
		answer, err := client.Txn(r.scope(ctx)).Then(nested(ops)...).Commit()
		if err != nil {
			return err
		}
		for i, response := range flat(answer.Responses) {
			entries[i] = coordinator.Entry{Key: keys[i]}
			for _, kv := range response.GetResponseRange().Kvs {
				entries[i] = r.read(kv)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// nested packs operations into transactions within the transaction: one may have 128 less those of
// the one around it, and all are done at one moment.
func nested(ops []clientv3.Op) []clientv3.Op {
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

// flat undoes nested.
func flat(responses []*etcdserverpb.ResponseOp) (list []*etcdserverpb.ResponseOp) {
	for _, r := range responses {
		if inner := r.GetResponseTxn(); inner != nil {
			list = append(list, inner.Responses...)
		} else {
			list = append(list, r)
		}
	}
	return list
}

// List reads page by page as of the first page's revision, so that no answer grows beyond all
// bounds and each has its own time.
func (r reader) List(ctx context.Context, prefix string) (entries []coordinator.Entry, rev int64, err error) {
	if err := coordinator.CheckPrefix(prefix); err != nil {
		return nil, 0, err
	}
	for restart := true; restart; {
		entries, rev, restart, err = r.pages(ctx, r.key(prefix))
	}
	return entries, rev, err
}

// pages does one List, and says whether its revision was compacted meanwhile.
func (r reader) pages(
	ctx context.Context,
	from string,
) (entries []coordinator.Entry, rev int64, again bool, err error) {
	next, end := from, clientv3.GetPrefixRangeEnd(from)
	for more := true; more; {
		options := append(r.options(), clientv3.WithRange(end), clientv3.WithRev(rev))
		if !r.stale { // the next page might come from a member that is not that far yet
			options = append(options, clientv3.WithLimit(page))
		}
		err := r.request(ctx, func(ctx context.Context, client *clientv3.Client) error {
			answer, err := client.Get(r.scope(ctx), next, options...)
			if err != nil {
				return err
			}
			if rev == 0 {
				rev = answer.Header.Revision
			}
			for _, kv := range answer.Kvs {
				entries = append(entries, r.read(kv))
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

func (r reader) read(kv *mvccpb.KeyValue) coordinator.Entry {
	return r.entry(string(kv.Key), kv.Value, kv.ModRevision)
}

func (r reader) options() []clientv3.OpOption {
	if r.stale {
		return []clientv3.OpOption{clientv3.WithSerializable()}
	}
	return nil
}

// scope asks a member that knows no leader to refuse at once, unless it need not know one.
func (r reader) scope(ctx context.Context) context.Context {
	if r.stale {
		return ctx
	}
	return clientv3.WithRequireLeader(ctx)
}
