// Package coordinator is the contract of the small revisioned store that releases live in: Doozer's
// idea with etcd's guarantees.
//
// # Model
//
// The store maps keys to values. A key is a slash-separated path ("/apps/blog/current"), each
// segment of [A-Za-z0-9._:-], 1 to 128 characters, not "." or ".."; a key has at most [MaxKey]
// characters. Every commit that writes raises the store's revision by one; each key remembers the
// revision that last wrote it. Revisions are totally ordered and survive restarts. They need not be
// this store's alone: etcd counts for the whole cluster, whatever prefix a commit wrote under.
// Deleting a key that does not exist writes nothing: it makes no event, and a commit that does
// nothing else leaves the revision as it is.
//
// Commit is atomic, durable when it returns nil, and strictly serializable with every other call.
// When it returns an error that is not [ErrConflict] the outcome is unknown: the caller reads back
// (an idempotency key tells) and tries again.
//
// Implementations: local (bbolt) and etcd. Both pass coordinatortest. What only a cluster can do is
// an interface of its own: [Staler] and [Locker].
package coordinator

import (
	"context"
	"errors"
	"time"
)

// Errors that callers branch on.
var (
	ErrConflict    = errors.New("a compared revision no longer holds") // Commit wrote nothing
	ErrUnavailable = errors.New("the coordinator is not available")    // wrapped with the reason; trying again may help
	ErrBadKey      = errors.New("the key is malformed")
	// a value or the whole is too large, or a key is written twice
	ErrBadCommit = errors.New("the commit is malformed")
	// list anew, then watch from the list's revision + 1
	ErrCompacted = errors.New("the watched revision is no longer kept")
)

// The limits of a store. They keep a commit within what etcd takes by default: 1.5 MiB and 128
// operations.
const (
	MaxKey      = 1024              // bytes of a key
	MaxValue    = 1 << 20           // bytes of a value
	MaxCommit   = MaxValue + 64<<10 // bytes of all keys and values of a commit
	MaxCompares = 128               // compares of a commit
	MaxKeys     = 1024              // keys of a Get
	MaxWrites   = 100               // writes of a commit
)

// Entry is a key's value and the revision that last wrote it.
type Entry struct {
	Key   string
	Value []byte
	Rev   int64 // 0: the key does not exist
}

// Compare is a condition of a commit: the key's Rev is exactly Rev (0: the key does not exist).
type Compare struct {
	Key string
	Rev int64
}

// Write sets a key, or deletes it where Delete is true. One commit writes a key at most once.
type Write struct {
	Key    string
	Value  []byte // at most 1 MiB
	Delete bool
}

// Event is one write seen by a watcher. All writes of one commit have the same Rev.
type Event struct {
	Write
	Rev int64
}

// Reader is the part of a store that reads.
type Reader interface {
	// Get returns the entries of the keys, at most [MaxKeys], in the order of the arguments: one
	// consistent view. A missing key is an Entry with Rev 0 and no error.
	Get(ctx context.Context, keys ...string) ([]Entry, error)
	// List returns every entry whose key starts with prefix (which ends in "/"; "/" is everything),
	// sorted by key, and the store's revision at that point: one consistent view.
	List(ctx context.Context, prefix string) ([]Entry, int64, error)
}

// Coordinator is the store. All methods may be called concurrently. Close ends watches.
type Coordinator interface {
	Reader
	// Commit applies all writes if all compares hold, and returns the new revision; else
	// ErrConflict. Without writes it returns the revision at which the compares held. What
	// [CheckCommit] refuses is refused before anything is done.
	Commit(ctx context.Context, compares []Compare, writes []Write) (int64, error)
	// Watch sends every event with a key under prefix and a revision of at least from (which is
	// positive; it may lie in the future), once each, in order, until ctx or the coordinator is
	// closed, or an error, which is sent last. The channel is closed afterwards. A receiver that
	// stops receiving ends ctx. While a cluster cannot be reached a watch waits, and goes on
	// without loss; whoever must know meanwhile reads now and then.
	Watch(ctx context.Context, prefix string, from int64) <-chan Delivery
	Close() error
}

// Delivery is one commit's events under the watched prefix, sorted by key, or the error that ended
// the watch.
type Delivery struct {
	Events []Event
	Err    error
}

// Staler is a store that can be read while it cannot be written.
type Staler interface {
	// Stale returns a reader that any member answers on its own, without a quorum. What it gives
	// was true at some earlier time; each call's view is consistent, and a later call's may be
	// older.
	Stale() Reader
}

// Locker is a store that can keep two machines from doing the same work twice. Its locks are never
// relied on for correctness: a holder that is slow or cut off may lose one without knowing yet.
type Locker interface {
	// Lock waits until it holds key, whose value is then owner, until unlock, or until the holder
	// has been silent for ttl. waiting, which may be nil, is called with each holder that is waited
	// for. lost is closed when the lock was held and is no longer; unlock must be called, once, and
	// takes at most a moment. An error is ctx's, or wraps [ErrUnavailable].
	Lock(
		ctx context.Context,
		key string,
		ttl time.Duration,
		owner string,
		waiting func(holder string),
	) (lost <-chan struct{}, unlock func(), err error)
}
