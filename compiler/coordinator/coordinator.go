// Package coordinator is the contract of the small revisioned store that releases live in. The
// store has Doozer's data model (github.com/ha/doozerd: keys, revisions, compare-and-set, watches)
// and etcd's guarantees.
//
//	read, err := c.Get(ctx, "/apps/blog/current")
//	…
//	rev, err := c.Commit(ctx,
//		[]coordinator.Compare{{Key: "/apps/blog/current", Rev: read[0].Rev}},
//		[]coordinator.Write{{Key: "/apps/blog/current", Value: []byte(`{"version": 2}`)}})
//	if errors.Is(err, coordinator.ErrConflict) {
//		// somebody else wrote the key: read it again
//	}
//	for d := range c.Watch(ctx, "/apps/blog/", rev+1) { … }
//
// [Coordinator] is the store, [Reader] its reading half. Package local implements it in one bbolt
// file, package etcd in a cluster; both pass package coordinatortest. What only a cluster can do is
// an interface of its own: [StaleReader] and [Locker]. The store knows nothing of apps and
// releases: those are package release's.
//
// # Model
//
// The store maps keys to values. A key is a slash-separated path ("/apps/blog/current"). Each
// segment has 1 to 128 characters of [A-Za-z0-9._:-] and is not "." or ".."; a key has at most
// [MaxKey] characters. Every commit that writes raises the store's revision by one, and each key
// remembers the revision that wrote it last. Revisions are totally ordered and survive restarts.
// They may have gaps as seen through one store: etcd counts for the whole cluster, whatever prefix
// a commit wrote under. Deleting a key that does not exist writes nothing: it makes no event, and
// a commit that does nothing else leaves the revision unchanged.
//
// Commit is atomic, durable when it returns nil, and strictly serializable with every other call.
// When it returns an error other than [ErrConflict], the outcome is unknown: the caller reads back
// (an idempotency key helps) and tries again.
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
	ErrBadCommit   = errors.New("the commit is malformed") // too large, or a key is written twice
	// list, then watch from the list's revision + 1
	ErrCompacted = errors.New("the watched revision is no longer kept")
	ErrClosed    = errors.New("this handle is closed")
)

// The limits of a store. They keep a commit within etcd's default limits: 1.5 MiB and 128
// operations.
const (
	MaxKey      = 1024              // bytes of a key
	MaxValue    = 1 << 20           // bytes of a value
	MaxCommit   = MaxValue + 64<<10 // bytes of all keys and values of a commit
	MaxCompares = 128               // compares of a commit
	MaxKeys     = 1024              // keys of a Get
	MaxWrites   = 100               // writes of a commit
)

// Entry is a key's value and the revision that wrote it last.
type Entry struct {
	Key   string
	Value []byte
	Rev   int64 // 0: the key does not exist
}

// Compare is a condition of a commit: the key's revision is exactly Rev (0: the key does not
// exist).
type Compare struct {
	Key string
	Rev int64
}

// Write sets a key, or deletes it where Delete is true. A commit writes a key at most once.
type Write struct {
	Key    string
	Value  []byte // at most MaxValue
	Delete bool
}

// Event is one write as a watcher receives it. All writes of one commit have the same Rev.
type Event struct {
	Write
	Rev int64
}

// Reader is the part of a store that reads.
type Reader interface {
	// Get returns the entries of the keys, at most [MaxKeys], in the order of the arguments, as of
	// one moment. A missing key is an Entry with Rev 0 and no error.
	Get(ctx context.Context, keys ...string) ([]Entry, error)
	// List returns every entry whose key starts with prefix (which ends in "/"; "/" is everything),
	// sorted by key, as of one moment, and the store's revision at that moment.
	List(ctx context.Context, prefix string) ([]Entry, int64, error)
}

// Coordinator is a handle onto the store. All methods may be called concurrently. After Close they
// return [ErrClosed].
type Coordinator interface {
	Reader
	// Commit applies all writes if all compares hold, and returns the new revision. Otherwise it
	// returns ErrConflict. Without writes it returns the revision at which the compares held. A
	// commit that [CheckCommit] refuses changes nothing.
	Commit(ctx context.Context, compares []Compare, writes []Write) (int64, error)
	// Watch sends every event whose key lies under prefix and whose revision is at least from
	// (positive; it may be in the future), once each and in order. It ends with ctx, with Close or
	// with an error, which is sent last; then it closes the channel. A receiver that stops
	// receiving must end ctx. While a cluster cannot be reached, a watch waits and then continues
	// without loss; a caller that must know of the trouble reads from time to time.
	Watch(ctx context.Context, prefix string, from int64) <-chan Delivery
	// Close ends all watches and waits for them.
	Close() error
}

// Delivery is one commit's events under the watched prefix, sorted by key, or the error that ended
// the watch.
type Delivery struct {
	Events []Event
	Err    error
}

// StaleReader is a store that can be read while it cannot be written.
type StaleReader interface {
	// Stale returns a reader that any member answers on its own, without a quorum. What it returns
	// was true at some earlier time. Each call is consistent in itself; a later call's answer may
	// be older.
	Stale() Reader
}

// Lock is what a [Locker] is asked for.
type Lock struct {
	Key   string
	TTL   time.Duration       // how long others wait for a holder that has gone silent; at least a second
	Owner string              // the key's value while the lock is held
	Wait  func(holder string) // called with each holder that is waited for; may be nil
}

// Locker is a store that can keep two machines from doing the same work twice. Correctness must
// not depend on its locks: a holder that is slow or cut off may lose one without knowing it yet.
type Locker interface {
	// Lock waits until the caller holds the lock. lost is closed when the lock was held and no
	// longer is. The caller must call unlock once; it takes at most a moment. The error is ctx's,
	// or wraps [ErrUnavailable].
	Lock(ctx context.Context, l Lock) (lost <-chan struct{}, unlock func(), err error)
}
