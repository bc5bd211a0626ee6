// Package release numbers releases and keeps formations: written once, over any coordinator.
//
// A release is immutable: number N of an app names a slug and its process types. Numbers are 1, 2, 3 … per app without gap or duplicate under
// any number of concurrent registrars. Registration is idempotent under retry by an idempotency key. The formation (type → quantity) survives
// releases: a type without a row starts at 1 if it is "web", else at 0, when the release that names it becomes current; a type that a later
// release lacks keeps its row, for the day it comes back. "release" never has a row. Rollback is a new release naming an old slug.
//
// # Status
//
// A release is registered as current, or as pending and later promoted, failed or abandoned:
//
//	pending → current → superseded
//	pending → failed | abandoned
//
// One truth only: the key current says which release is current, and the status key says whether a release was ever promoted. So
// superseded is never written; a promoted release that is not current is superseded.
//
// # Keys
//
//	/apps/‹app›/releases/‹%010d›   Release as JSON without status, create-only
//	/apps/‹app›/status/‹%010d›     {"status": "pending" | "promoted" | "failed" | "abandoned"}
//	/apps/‹app›/current            {"version": N, "previous": M}  previous: what was current before; absent for the first
//	/apps/‹app›/next               {"version": N}  the last number given out
//	/apps/‹app›/formation          {"web":1,"worker":0}
//	/apps/‹app›/keys/‹hash›        {"version": N}  idempotency: sha256 of the key; {"version": 0, "cancelled": true}: see Cancel
//	/names/‹app›                   {}  the apps, so that listing them does not read their releases
//
// Whatever changes, changes in one commit that compares the revision of every key its outcome depends on. A commit that meets a conflict
// is tried again, with growing random pauses, until ctx ends (30 s if it has no deadline).
package release

import (
	"fmt"
	"regexp"
	"time"

	"slugc/compiler/fault"
	"slugc/compiler/procfile"
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
	URL     string `json:"url"`     // where it is kept: a file of the builder's, or in a slug store (compiler/blobstore)
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

// Formation is how many of each process type run.
type Formation map[string]int

// appName is the form of an app's name. It is a key segment, and a directory name that is neither hidden nor an option.
var appName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// CheckApp says whether name can be an app's: 1 to 63 characters of [a-z0-9._-], the first a letter or digit. Its error is a
// [fault.Error] with id "release/app-name".
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
func (k keys) status(n int) string    { return fmt.Sprintf("/apps/%s/status/%010d", k.app, n) }
func (k keys) current() string        { return k.root() + "current" }
func (k keys) next() string           { return k.root() + "next" }
func (k keys) formation() string      { return k.root() + "formation" }
func (k keys) key(hash string) string { return k.root() + "keys/" + hash }
func (k keys) name() string           { return "/names/" + k.app }
