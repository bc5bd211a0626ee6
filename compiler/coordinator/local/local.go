// Package local is a coordinator in one bbolt file: no server, no daemon, any number of processes
// on one machine.
//
// # Sharing
//
// bbolt lets one process at a time have the file open. So no call holds it for longer than its own
// transaction: each takes its turn (see gate.go), opens the file, does one transaction, and closes
// it: on a small machine, below 0.1 ms for a read and 1 ms for a commit. Processes that contend
// queue, readers and writers alike, none is starved, and one that is killed lets go of its turn at
// that moment. The file must lie on a local file system: flock over NFS is not to be trusted.
//
// # Durability
//
// Commit returns after fdatasync. A process killed at any instruction, or a power cut, leaves the
// state before the commit or after it. The file is created under another name and renamed when
// complete, so a file that is empty or cut short is damage, and is reported as such instead of
// beginning anew. Every value carries a CRC-32C, checked when it is read.
//
// # Watching
//
// The last revisions are kept in a log (see [Options]) which watches read. A watch sees a commit of
// its own handle at once, and those of other handles and processes by comparing the file's first
// two pages, one of which every commit changes, every [Options.Poll]: 8 KiB read from the page
// cache, without a lock.
package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"

	"slugc/compiler/coordinator"
)

// Options are the settings of a handle. The zero value is useful.
type Options struct {
	History int           // revisions kept for watches by this handle's commits; 0: 10,000 (and at most 64 MiB of them)
	Wait    time.Duration // the longest wait for a turn at the file before coordinator.ErrUnavailable; 0: 10 s
	Poll    time.Duration // how often a watch looks for commits of others; 0: 50 ms
}

// store is a handle. It holds no file open.
type store struct {
	path    string
	options Options
	gate    gate
	bell    bell
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	watches sync.WaitGroup
	closing sync.Mutex // guards watches against Add after Wait
}

// Open returns a handle onto the store in the file at path, which it creates, with its directory,
// if there is none (modes 0600 and 0700). Beside the file it keeps two locks, path.lock and
// path.turn, which must never be deleted. A file that is not such a store, or damaged, gives an
// error wrapping [ErrDamaged]. Any number of handles may be open in any number of processes; all
// methods may be called concurrently.
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
	s := &store{path: path, options: o, gate: gate}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.locked(s.ctx, func() error { return create(path) }); err != nil {
		s.cancel()
		return nil, err
	}
	if err := s.view(s.ctx, func(*bolt.Tx) error { return nil }); err != nil {
		s.cancel()
		return nil, err
	}
	return s, nil
}

func positive[N int | time.Duration](n, otherwise N) N {
	if n <= 0 {
		return otherwise
	}
	return n
}

func (s *store) Get(ctx context.Context, keys ...string) ([]coordinator.Entry, error) {
	if err := coordinator.CheckKeys(keys...); err != nil {
		return nil, err
	}
	entries := make([]coordinator.Entry, len(keys))
	err := s.view(ctx, func(tx *bolt.Tx) (err error) {
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

func (s *store) List(ctx context.Context, prefix string) (entries []coordinator.Entry, rev int64, err error) {
	if err := coordinator.CheckPrefix(prefix); err != nil {
		return nil, 0, err
	}
	err = s.view(ctx, func(tx *bolt.Tx) error {
		st, err := readState(tx)
		if err != nil {
			return err
		}
		rev = st.rev
		entries, err = list(tx, prefix)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return entries, rev, nil
}

func (s *store) Commit(ctx context.Context, compares []coordinator.Compare, writes []coordinator.Write) (int64, error) {
	if err := coordinator.CheckCommit(compares, writes); err != nil {
		return 0, err
	}
	var rev int64
	do := func(tx *bolt.Tx) (err error) {
		rev, err = apply(tx, compares, writes, s.options.History)
		return err
	}
	var err error
	if len(writes) == 0 {
		err = s.view(ctx, do)
	} else {
		err = s.update(ctx, do)
	}
	if err != nil {
		return 0, err
	}
	s.bell.ring()
	return rev, nil
}

// Close ends watches and waits for them. Calls made afterwards are errors.
func (s *store) Close() error {
	s.closing.Lock()
	s.cancel()
	s.closing.Unlock()
	s.watches.Wait()
	return nil
}

var errClosed = errors.New("this handle is closed")

// locked does something while no other handle of any process does.
func (s *store) locked(ctx context.Context, do func() error) error {
	if s.ctx.Err() != nil {
		return fmt.Errorf("using the coordinator %q: %w", s.path, errClosed)
	}
	if err := ctx.Err(); err != nil {
		return stopped(s.path, err)
	}
	waiting, cancel := context.WithTimeoutCause(ctx, s.options.Wait, errBusy)
	defer cancel()
	leave, err := s.gate.enter(waiting)
	if err != nil {
		return explain(s.path, err)
	}
	defer leave()
	return do()
}

func (s *store) view(ctx context.Context, do func(*bolt.Tx) error) error {
	return s.locked(ctx, func() error {
		return transact(s.path, true, func(db *bolt.DB) error { return db.View(do) })
	})
}

func (s *store) update(ctx context.Context, do func(*bolt.Tx) error) error {
	return s.locked(ctx, func() error {
		return transact(s.path, false, func(db *bolt.DB) error { return db.Update(do) })
	})
}
