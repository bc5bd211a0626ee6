// Package local is a coordinator in one bbolt file: no server, no daemon, any number of processes
// on one machine.
//
//	c, err := local.Open("/var/lib/slugc/coordinator.db", local.Options{})
//	if errors.Is(err, local.ErrDamaged) { … }
//	defer c.Close()
//
// [Open] returns the handle, [Options] are its settings. The package does not work over a network:
// flock on NFS cannot be trusted. For several machines there is package etcd.
//
// # Sharing
//
// bbolt lets one process at a time have the file open, so no call holds it for longer than its own
// transaction. Each call takes its turn (see gate.go), opens the file, runs one transaction and
// closes it: less than 0.1 ms for a read and 1 ms for a commit on a small machine. Processes that
// contend queue, readers and writers alike; none is starved. A process that is killed releases its
// turn at that moment.
//
// # Durability
//
// Commit returns after fdatasync. A process killed at any instruction, or a power cut, leaves the
// state before the commit or after it. The file is created under another name and renamed when it
// is complete. So a file that is empty or cut short is damaged: it is reported and never replaced
// by an empty store. Every value carries a CRC-32C of its key and itself, which is checked when it is
// read; a key that is not found, by those of its neighbours. List checks all values and their number.
//
// # Watching
//
// The last revisions are kept in a log (see [Options]) that watches read. A watch learns of its own
// handle's commits at once. For those of other handles and processes it compares the file's first
// two pages, one of which every commit changes, every [Options.Poll]: 8 KiB read from the page
// cache, without a lock.
package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"slugc/compiler/coordinator"
)

// Options are the settings of a handle. The zero value is useful.
type Options struct {
	// History is how many revisions this handle's commits keep for watches, in at most 64 MiB; 0:
	// 10,000.
	History int
	// Wait is the longest wait for a turn at the file before coordinator.ErrUnavailable; 0: 10 s.
	Wait time.Duration
	// Poll is how often a watch looks for commits of others; 0: 50 ms.
	Poll time.Duration
}

// handle is a coordinator.Coordinator. It holds no file open.
type handle struct {
	path     string
	options  Options
	gate     gate
	commits  notifier
	lifetime *coordinator.Lifetime
}

// Open returns a handle onto the store in the file at path. It creates the file (mode 0600) and its
// directory (0700) if they are missing. Beside the file it keeps two lock files, path.lock and
// path.turn, which must never be deleted, and path.begun, which says that there is a store and what its
// last revision was: a file that has gone is not silently made again, and an older one not taken for it.
// For such a file the error wraps [ErrMissing] or [ErrOlder], for one that is damaged or no store
// [ErrDamaged]. Any number of handles may be open in any number of processes.
func Open(path string, o Options) (coordinator.Coordinator, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("opening the coordinator %q: %w", path, err)
	}
	o.History = positive(o.History, 10_000)
	o.Wait = positive(o.Wait, 10*time.Second)
	o.Poll = positive(o.Poll, 50*time.Millisecond)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, explain(path, err)
	}
	gate, err := newGate(path)
	if err != nil {
		return nil, explain(path, err)
	}
	h := &handle{path: path, options: o, gate: gate, lifetime: coordinator.NewLifetime()}
	err = h.locked(h.lifetime.Context(), func() error { return create(path) })
	if err == nil {
		err = h.view(h.lifetime.Context(), func(*bolt.Tx) error { return nil })
	}
	if err != nil {
		h.lifetime.Close()
		return nil, err
	}
	return h, nil
}

func positive[N int | time.Duration](n, fallback N) N {
	if n <= 0 {
		return fallback
	}
	return n
}

func (h *handle) Get(ctx context.Context, keys ...string) ([]coordinator.Entry, error) {
	if err := coordinator.CheckKeys(keys...); err != nil {
		return nil, err
	}
	entries := make([]coordinator.Entry, len(keys))
	err := h.view(ctx, func(tx *bolt.Tx) (err error) {
		for i, key := range keys {
			if entries[i], err = get(tx, key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

func (h *handle) List(ctx context.Context, prefix string) (entries []coordinator.Entry, rev int64, err error) {
	if err := coordinator.CheckPrefix(prefix); err != nil {
		return nil, 0, err
	}
	err = h.view(ctx, func(tx *bolt.Tx) error {
		st, err := readState(tx)
		if err != nil {
			return err
		}
		rev = st.rev
		entries, err = list(tx, prefix, st)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return entries, rev, nil
}

func (h *handle) Commit(
	ctx context.Context, compares []coordinator.Compare, writes []coordinator.Write,
) (int64, error) {
	if err := coordinator.CheckCommit(compares, writes); err != nil {
		return 0, err
	}
	var rev int64
	commit := func(tx *bolt.Tx) (err error) {
		rev, err = apply(tx, compares, writes, h.options.History)
		return err
	}
	var err error
	if len(writes) == 0 {
		err = h.view(ctx, commit)
	} else {
		err = h.update(ctx, commit)
	}
	if err != nil {
		return 0, err
	}
	h.commits.notify()
	return rev, nil
}

// Close ends watches and waits for them.
func (h *handle) Close() error {
	h.lifetime.Close()
	return nil
}

// locked calls do while no other handle of any process does.
func (h *handle) locked(ctx context.Context, do func() error) error {
	if err := h.lifetime.Err(); err != nil {
		return fmt.Errorf("using the coordinator %q: %w", h.path, err)
	}
	if err := ctx.Err(); err != nil {
		return contextError(h.path, err)
	}
	waiting, cancel := context.WithTimeoutCause(ctx, h.options.Wait, errBusy)
	defer cancel()
	leave, err := h.gate.enter(waiting)
	if err != nil {
		return explain(h.path, err)
	}
	defer leave()
	return do()
}

func (h *handle) view(ctx context.Context, do func(*bolt.Tx) error) error {
	return h.locked(ctx, func() error {
		return transact(h.path, true, func(db *bolt.DB) error { return run(h.path, db.View, do) })
	})
}

func (h *handle) update(ctx context.Context, do func(*bolt.Tx) error) error {
	return h.locked(ctx, func() error {
		return transact(h.path, false, func(db *bolt.DB) error { return run(h.path, db.Update, do) })
	})
}
