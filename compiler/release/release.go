// Package release numbers releases and keeps formations: written once, over any coordinator.
//
// A release is immutable: number N of an app names a slug and its process types. Numbers are 1, 2,
// 3 … per app without gap or duplicate under any number of concurrent registrars. Registration is
// idempotent under retry by an idempotency key. The formation (type → quantity) survives releases:
// "web" starts at 1 when a release that names it becomes current for the first time, every other
// type at 0; a type that a later release lacks keeps its row, for the day it comes back. "release"
// never has a row, and a type without one has none running. Rollback is a new release naming an old
// slug.
//
// # Status
//
// A release is registered as current, or as pending and later promoted, failed or abandoned:
//
//	pending → current → superseded
//	pending → failed | abandoned
//
// One truth only: the key current says which release is current, and the status key says whether a
// release was ever promoted. So superseded is never written; a promoted release that is not current
// is superseded.
//
// # Keys
//
//	/slugs/sha256:‹hex›                  what a slug is, as JSON; create-only, the first release of it writes it
//	/apps/‹app›/meta                     {"created_at": …}  of the first release
//	/apps/‹app›/releases/‹%010d›         Release as JSON without status, create-only
//	/apps/‹app›/release-status/‹%010d›   {"status": "pending" | "promoted" | "failed" | "abandoned"}
//	/apps/‹app›/current                  {"version": N, "previous": M}  previous: what was current before; absent for the first
//	/apps/‹app›/next                     {"version": N}  the last number given out
//	/apps/‹app›/formation/‹type›         {"quantity": N}
//	/apps/‹app›/keys/‹hash›              {"version": N}  idempotency: sha256 of the key; {"version": 0, "cancelled": true}: see Cancel
//	/apps/‹app›/lock                     not written here: held by the machine that builds the app, see [LockKey]
//	/names/‹app›                         {}  the apps, so that listing them does not read their releases
//
// There are no config sets: a release has the slug and the Procfile's commands, config vars are the
// runner's. Nor is there a list of live processes: nobody reads one.
//
// # Transactions
//
// Whatever changes, changes in one commit that compares the revision of every key its outcome
// depends on. All that a transaction reads is true at one moment: what it read before is read again
// with what it reads next. A commit that meets a conflict is tried again, with growing random
// pauses, until ctx ends (30 s if it has no deadline). The writers of one app queue within a
// process, and what the last one wrote is what the next one's commit compares with, without reading
// it again: a registration is one request while nobody else comes in between, and two or more
// otherwise.
package release

import (
	"fmt"
	"time"

	"slugc/compiler/fault"
	"slugc/compiler/procfile"
	"slugc/detect/lazyregexp"
)

// Status of a release.
type Status string

// The statuses. pending → current → superseded; pending → failed | abandoned.
const (
	Pending    Status = "pending"
	Current    Status = "current"
	Superseded Status = "superseded"
	Failed     Status = "failed"
	Abandoned  Status = "abandoned"
)

// SlugRef names a slug by content.
type SlugRef struct {
	Digest  string `json:"digest"`  // sha256:… of the file
	Content string `json:"content"` // sha256:… of its content
	Size    int64  `json:"size"`    // bytes of the file
	// where it is kept: a file of the builder's, or in a slug store (compiler/artifact/blobstore)
	URL string `json:"url"`
}

// Release is one numbered release of an app.
type Release struct {
	Version      int                 `json:"version"`
	Status       Status              `json:"status,omitempty"` // always set but in the store
	Slug         SlugRef             `json:"slug"`
	ProcessTypes procfile.ProcessMap `json:"process_types"` // an object in the Procfile's order
	Addons       []string            `json:"addons,omitempty"`
	Commit       string              `json:"commit,omitempty"`
	Description  string              `json:"description"`
	Actor        string              `json:"actor,omitempty"` // who registered it
	RollbackOf   int                 `json:"rollback_of,omitempty"`
	CreatedAt    time.Time           `json:"created_at"` // UTC, seconds
}

// slugRow is what the store says of a slug, whichever app releases it.
type slugRow struct {
	Size         int64               `json:"size"` // bytes of the file
	Content      string              `json:"content"`
	URL          string              `json:"url"`
	ProcessTypes procfile.ProcessMap `json:"process_types"`
	Target       string              `json:"target,omitempty"`
	Commit       string              `json:"commit,omitempty"`
	CreatedAt    time.Time           `json:"created_at"` // of the record
}

// Formation is how many of each process type run.
type Formation map[string]int

// appName is the form of an app's name. It is a key segment, and a directory name that is neither
// hidden nor an option.
var appName = lazyregexp.New(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// CheckApp says whether name can be an app's: 1 to 63 characters of [a-z0-9._-], the first a letter
// or digit. Its error is a [fault.Error] with id "release/app-name".
func CheckApp(name string) error {
	if appName.MatchString(name) {
		return nil
	}
	return fault.UsageError("release/app-name", fmt.Errorf("naming the app: %.80q is not an app's name", name),
		"write 1 to 63 lower-case letters, digits, `.`, `_` and `-`, beginning with a letter or digit")
}

// keys are an app's keys.
type keys struct{ app string }

func (k keys) root() string           { return "/apps/" + k.app + "/" }
func (k keys) release(n int) string   { return fmt.Sprintf("/apps/%s/releases/%010d", k.app, n) }
func (k keys) status(n int) string    { return fmt.Sprintf("/apps/%s/release-status/%010d", k.app, n) }
func (k keys) current() string        { return k.root() + "current" }
func (k keys) next() string           { return k.root() + "next" }
func (k keys) row(typ string) string  { return k.root() + "formation/" + typ }
func (k keys) meta() string           { return k.root() + "meta" }
func (k keys) key(hash string) string { return k.root() + "keys/" + hash }
func (k keys) name() string           { return "/names/" + k.app }

// slugKey is the key of a slug's record.
func slugKey(digest string) string { return "/slugs/" + digest }

// LockKey is the key of the lock that a machine holds while it builds the app.
func LockKey(app string) string { return keys{app}.root() + "lock" }
