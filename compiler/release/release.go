// Package release numbers releases and keeps formations: written once, over any coordinator.
//
//	releases := release.New(c, release.Options{Actor: "ana"})
//	rel, err := releases.Register(ctx, "blog", release.Request{
//		Slug:      release.SlugRef{Digest: "sha256:…", Content: "sha256:…", Size: 1234, URL: "file:///…"},
//		Processes: []procfile.Process{{Type: "web", Command: "bin/web"}},
//		Key:       "build-17", // again with the same key: the same release
//	})
//	…
//	formation, err := releases.Scale(ctx, "blog", release.Change{Type: "web", Quantity: 2})
//	rel, err = releases.Rollback(ctx, "blog", 0, "", false) // to the release before
//	for u := range releases.Follow(ctx, "blog") { … }        // what should run, whenever it changes
//
// [Releases] has all the methods, [Release] is what they return, a [Refusal] is why one refused.
// The package builds no slugs, stores none and runs no processes.
//
// A release is immutable: number N of an app names a slug and its process types. An app's numbers
// are 1, 2, 3 … without gap or duplicate under any number of concurrent registrars. An idempotency
// key makes registration safe to retry. The [Formation] (process type → quantity) survives
// releases: "web" starts with 1 when a release that has it becomes current for the first time,
// every other type with 0. A type that a later release lacks keeps its row and gets its quantity
// back when it returns. "release" never has a row. A rollback is a new release of an old slug.
//
// # Status
//
// A release is registered as current, or as pending and later promoted, failed or abandoned:
//
//	pending → current → superseded
//	pending → failed | abandoned
//
// Each fact is stored once: the key current says which release is current, and the status key says
// whether a release was ever promoted. So superseded is never written: it is the status of a
// promoted release that is not current.
//
// # Keys
//
//	/slugs/sha256:‹hex›                  a slug, as JSON; create-only, written with its first release
//	/apps/‹app›/meta                     {"created_at": …}  of the first release
//	/apps/‹app›/releases/‹%010d›         Release as JSON without status, create-only
//	/apps/‹app›/release-status/‹%010d›   {"status": "pending" | "promoted" | "failed" | "abandoned",
//	                                     "config_rev": N}  N from when the release becomes current
//	/apps/‹app›/current                  {"version": N, "previous": M}  M was current before; absent for the first
//	/apps/‹app›/next                     {"version": N}  the last number that was given
//	/apps/‹app›/formation/‹type›         {"quantity": N}
//	/apps/‹app›/keys/‹hash›              {"version": N}  idempotency, sha256 of the key;
//	                                     {"version": 0, "cancelled": true} after Cancel
//	/apps/‹app›/config-head              {"rev": N, "last": M}  the set that is the app's own, the last revision
//	/apps/‹app›/config/‹%010d›           a config set: values by name, create-only; values may be secrets
//	/apps/‹app›/lock                     held by the machine that builds the app, see [LockKey]
//	/names/‹app›                         {}  the apps, so that listing them reads no releases
//
// There is no list of running processes.
//
// # Config vars
//
// An app's config vars are a set that never changes; a change ([Releases.Configure]) makes the next
// set, and a release of the current slug with it. A release gets the app's own set at the moment it
// becomes current, so that a change made while it was pending is not lost. A rollback makes the
// earlier release's set the app's own again. A set stays as long as a release that names it can be
// rolled back to, see [Releases.PruneConfig].
//
// # Transactions
//
// A change is one commit that compares the revision of every key its outcome depends on. All that a
// transaction reads is true at one moment: each read repeats the earlier ones and compares. A
// commit that meets a conflict is tried again, with growing random pauses, until ctx ends (after 30
// s if it has no deadline). The writers of one app queue within a process. What the last writer
// left is what the next one's commit compares with, without reading it again. So a registration is
// one request while no other process comes in between, and otherwise two or more.
package release

import (
	"fmt"
	"time"

	"slugc/cache"
	"slugc/cache/digest"
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
	Digest  digest.Digest `json:"digest"`  // of the file
	Content digest.Digest `json:"content"` // of its content
	Size    int64         `json:"size"`    // bytes of the file
	// URL is where the slug is kept: a file on the builder, or in a slug store (package blobstore).
	URL string `json:"url"`
}

// Release is one numbered release of an app.
type Release struct {
	Version      int                 `json:"version"`
	Status       Status              `json:"status,omitempty"` // empty only in the store
	Slug         SlugRef             `json:"slug"`
	ProcessTypes procfile.ProcessMap `json:"process_types"` // an object in the Procfile's order
	Addons       []string            `json:"addons,omitempty"`
	Commit       string              `json:"commit,omitempty"`
	Description  string              `json:"description"`
	Actor        string              `json:"actor,omitempty"` // who registered it
	RollbackOf   int                 `json:"rollback_of,omitempty"`
	// ConfigVars are the names of the config vars that its release process had, sorted; never a value.
	ConfigVars []string `json:"config_vars,omitempty"`
	// Formation is how many of each process type run once this is the app's first current release. Of a later
	// one it means nothing.
	Formation Formation `json:"formation,omitempty"`
	// ConfigRev is the revision of its set of config vars, 0 for none; its status row has it in the store.
	ConfigRev int       `json:"config_rev,omitempty"`
	CreatedAt time.Time `json:"created_at"` // UTC, seconds
}

// slugRow describes a slug in the store, whichever app releases it.
type slugRow struct {
	Size         int64               `json:"size"` // bytes of the file
	Content      digest.Digest       `json:"content"`
	URL          string              `json:"url"`
	ProcessTypes procfile.ProcessMap `json:"process_types"`
	Target       string              `json:"target,omitempty"`
	Commit       string              `json:"commit,omitempty"`
	CreatedAt    time.Time           `json:"created_at"` // of the record
}

// Formation is how many of each process type run.
type Formation map[string]int

// CheckApp checks an app's name, see [cache.IsAppName]. Its error is a [fault.Error] with id "release/app-name".
func CheckApp(name string) error {
	if cache.IsAppName(name) {
		return nil
	}
	return fault.UsageError("release/app-name", fmt.Errorf("naming the app: %.80q is not an app's name", name),
		"write 1 to 63 lower-case letters, digits, `.`, `_` and `-`, starting with a letter or digit")
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
func (k keys) configHead() string     { return k.root() + "config-head" }
func (k keys) configSets() string     { return k.root() + "config/" }
func (k keys) configSet(n int) string { return fmt.Sprintf("%s%010d", k.configSets(), n) }

// slugKey is the key of a slug's record.
func slugKey(d digest.Digest) string { return "/slugs/" + string(d) }

// LockKey is the key of the lock that a machine holds while it builds the app.
func LockKey(app string) string { return keys{app}.root() + "lock" }
