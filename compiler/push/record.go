package push

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"slugc/cache/disk"
	"slugc/compiler/fault"
)

// State is how far a push has got.
type State string

// The states, in order. Each ref has a [Phase] of its own.
const (
	Building    State = "building"    // nothing has been registered
	Registering State = "registering" // a release may have been registered under the key
	Accepted    State = "accepted"    // the release is pending; git decides about the refs
	Promoted    State = "promoted"    // a ref has moved, and the release has become current
	Abandoned   State = "abandoned"   // no ref can move, and there is no release
)

// Phase is how far a ref has got in a reference transaction of the push's receive-pack.
type Phase string

// The phases.
const (
	NotPrepared Phase = ""
	Prepared    Phase = "prepared" // git held the ref's lock, and the ref had its old value
	Aborted     Phase = "aborted"  // the transaction ended without moving the ref
)

// Ref is a deploy branch that a push would move.
type Ref struct {
	Update
	Phase Phase `json:"move,omitempty"`
}

// Record is a push under way, kept in ‹repository›/slugc/pushes/‹id›.json until it is settled.
type Record struct {
	ID          string  `json:"id"`
	App         string  `json:"app"`
	Refs        []Ref   `json:"refs"`
	Key         string  `json:"key"` // idempotency key of the registration
	State       State   `json:"state"`
	Version     int     `json:"version,omitempty"` // of the release, once known
	ReceivePack Process `json:"receiver"`
	Hook        Process `json:"hook"` // pre-receive
	// Transactions says that git calls the reference-transaction hook, so a ref that is not
	// Prepared was not moved by this push.
	Transactions bool      `json:"by_moves"`
	Quarantine   string    `json:"quarantine,omitempty"`
	Report       []string  `json:"report,omitempty"` // for the pusher, at the end
	Began        time.Time `json:"began"`
	// Locks are git's lock files of the refs in the push's transactions, by ref, as they were while
	// git held them.
	Locks map[string]inode `json:"locks,omitempty"`
}

// alive reports whether the push can still move a ref or register a release.
func (r *Record) alive() bool { return r.ReceivePack.Alive() || r.Hook.Alive() }

// commit is the new commit of all deploy branches of the push.
func (r *Record) commit() string { return r.Refs[0].New }

// touches reports whether the push would move the ref.
func (r *Record) touches(ref string) bool {
	for _, own := range r.Refs {
		if own.Ref == ref {
			return true
		}
	}
	return false
}

// settled reports whether the fate of the push is decided.
func (r *Record) settled() bool { return r.State == Promoted || r.State == Abandoned }

// path returns a path in slugc's own directory of the repository.
func (r *Repository) path(elem ...string) string {
	return filepath.Join(append([]string{r.Dir, "slugc"}, elem...)...)
}

// save writes a record so that it survives a crash of the machine.
func (r *Repository) save(rec *Record) error {
	data, err := json.MarshalIndent(rec, "", "\t")
	if err != nil {
		return fmt.Errorf("encoding the record of a push: %w", err)
	}
	return disk.WriteFile(r.path("pushes", rec.ID+".json"), data, 0o600)
}

// load reads a record. It is nil if the push has been settled.
func (r *Repository) load(id string) (*Record, error) {
	data, err := disk.ReadRegular(r.path("pushes", id+".json"), 16<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the record of a push: %w", err)
	}
	var rec Record
	if err := json.Unmarshal(data, &rec); err != nil || len(rec.Refs) == 0 {
		return nil, fault.New(fault.Slugc, 0, "push/record-damaged",
			fmt.Errorf("reading the record of a push: %q is damaged", r.path("pushes", id+".json")),
			"remove it; `slugc hook status` says whether the branch and the current release agree")
	}
	return &rec, nil
}

// Pushes returns the records of all pushes that are not settled, the oldest first, and removes what killed
// processes were writing.
func (r *Repository) Pushes() ([]*Record, error) {
	disk.RemoveUnfinished(r.path("pushes"))
	entries, err := os.ReadDir(r.path("pushes"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the pushes under way: %w", err)
	}
	var list []*Record
	for _, e := range entries { // sorted by name, which starts with the time
		id, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || strings.HasPrefix(id, ".") {
			continue
		}
		rec, err := r.load(id)
		if err != nil {
			return nil, err
		}
		if rec != nil {
			list = append(list, rec)
		}
	}
	return list, nil
}

// remove removes a record, and the temporary files of processes that were killed while writing it.
func (r *Repository) remove(rec *Record) error {
	left, err := filepath.Glob(r.path("pushes", "."+rec.ID+".json*"))
	for _, file := range append(left, r.path("pushes", rec.ID+".json")) {
		if rerr := os.Remove(file); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("ending the record of a push: %w", rerr))
		}
	}
	return errors.Join(err, disk.SyncDir(r.path("pushes")))
}

// newID is the id of a record. Ids sort by time.
func newID(now time.Time) string {
	return now.UTC().Format("20060102T150405.000000") + "-" + strings.ToLower(rand.Text()[:8])
}

// lockTimeout bounds the wait for the repository's lock. It is longer than requests to a
// coordinator are retried.
const lockTimeout = 30 * time.Second

// lock takes the repository's lock, under which pushes are settled. The kernel releases it when the
// process dies.
func (r *Repository) lock(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	lock := flock.New(r.path("lock"), flock.SetPermissions(0o600))
	if ok, err := lock.TryLockContext(ctx, 10*time.Millisecond); !ok {
		return nil, fault.TransientError("push/locked",
			fmt.Errorf("locking the pushes of %q: %w", r.Dir, err), "try again")
	}
	return func() { _ = lock.Unlock() }, nil
}
