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

// State is how far a push has come.
type State string

// The states, in order. The state of a ref's move is the ref's own: see [Move].
const (
	Building    State = "building"    // nothing has been registered
	Registering State = "registering" // a release may have been registered under the key
	Accepted    State = "accepted"    // the release is pending; git decides about the refs
	Promoted    State = "promoted"    // a ref has moved, and the release has become current
	Abandoned   State = "abandoned"   // no ref can move any more, and there is no release
)

// Move is how far a ref has come in a transaction of the push's receive-pack.
type Move string

// The moves.
const (
	Untried  Move = ""
	Prepared Move = "prepared" // git held the ref's lock, and the ref had its old value
	Aborted  Move = "aborted"  // the transaction ended without moving the ref
)

// Ref is a deploy branch that a push is to move.
type Ref struct {
	Update
	Move Move `json:"move,omitempty"`
}

// Record is a push under way, as kept in ‹repository›/slugc/pushes/‹id›.json until it is settled.
type Record struct {
	ID       string  `json:"id"`
	App      string  `json:"app"`
	Refs     []Ref   `json:"refs"`
	Key      string  `json:"key"` // idempotency key of the registration
	State    State   `json:"state"`
	Version  int     `json:"version,omitempty"` // of the release, once known
	Receiver Process `json:"receiver"`          // git receive-pack
	Hook     Process `json:"hook"`              // pre-receive
	// git tells of transactions, so that a ref without a move was not moved by this push
	ByMoves    bool      `json:"by_moves"`
	Quarantine string    `json:"quarantine,omitempty"`
	Report     []string  `json:"report,omitempty"` // what the pusher is told at the end
	Began      time.Time `json:"began"`

	// Locks are git's lock files of the refs in the push's transactions, as they were when git held
	// them, by ref.
	Locks map[string]inode `json:"locks,omitempty"`
}

// alive says whether the push can still move a ref or register a release.
func (r *Record) alive() bool { return r.Receiver.Alive() || r.Hook.Alive() }

// commit is what all deploy branches of the push are to name.
func (r *Record) commit() string { return r.Refs[0].New }

// touches says whether the push is to move the ref.
func (r *Record) touches(ref string) bool {
	for _, own := range r.Refs {
		if own.Ref == ref {
			return true
		}
	}
	return false
}

// settled says whether there is nothing left to decide.
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

// load reads a record; it is nil if the push has been settled.
func (r *Repository) load(id string) (*Record, error) {
	data, err := os.ReadFile(r.path("pushes", id+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the record of a push: %w", err)
	}
	var rec Record
	if err := json.Unmarshal(data, &rec); err != nil || len(rec.Refs) == 0 {
		return nil, fault.New(
			fault.Slugc,
			0,
			"push/record-damaged",
			fmt.Errorf("reading the record of a push: %q is damaged", r.path("pushes", id+".json")),
			"remove it; `slugc hook status` says whether the branch and the current release agree",
		)
	}
	return &rec, nil
}

// Pushes returns the records of all pushes that are not settled, the oldest first.
func (r *Repository) Pushes() ([]*Record, error) {
	entries, err := os.ReadDir(r.path("pushes"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the pushes under way: %w", err)
	}
	var list []*Record
	for _, e := range entries { // sorted by name, which begins with the time
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

// remove ends a record, with what a process killed while it wrote it may have left.
func (r *Repository) remove(rec *Record) error {
	left, err := filepath.Glob(r.path("pushes", "."+rec.ID+".json*"))
	for _, file := range append(left, r.path("pushes", rec.ID+".json")) {
		if rerr := os.Remove(file); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("ending the record of a push: %w", rerr))
		}
	}
	return errors.Join(err, disk.SyncDir(r.path("pushes")))
}

// newID is the name of a record; a later push's sorts after an earlier's.
func newID(now time.Time) string {
	return now.UTC().Format("20060102T150405.000000") + "-" + strings.ToLower(rand.Text()[:8])
}

// lockWait bounds the wait for the repository's lock: longer than a coordinator is waited for.
const lockWait = 30 * time.Second

// lock takes the repository's lock, under which pushes are settled. It dies with the process.
func (r *Repository) lock(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock := flock.New(r.path("lock"), flock.SetPermissions(0o600))
	if ok, err := lock.TryLockContext(ctx, 10*time.Millisecond); !ok {
		return nil, fault.TransientError(
			"push/locked",
			fmt.Errorf("locking the pushes of %q: %w", r.Dir, err),
			"try again",
		)
	}
	return func() { _ = lock.Unlock() }, nil
}
