// Package release numbers releases and keeps formations: written once, over any coordinator.
//
// A release is immutable: number N of an app names a slug and its process types. Numbers are 1, 2, 3 … per app without gap or duplicate under
// any number of concurrent registrars. Registration is idempotent under retry by an idempotency key. The formation (type → quantity) survives
// releases: a new type starts at 1 if it is "web" and it is the app's first release naming it, else at 0. Rollback is a new release naming an old slug.
//
// # Keys
//
//	/apps/‹app›/releases/‹%010d›   Release as JSON, create-only
//	/apps/‹app›/status/‹%010d›     {"status": …}
//	/apps/‹app›/current            {"version": N}
//	/apps/‹app›/next               {"version": N}  the last number given out
//	/apps/‹app›/formation          {"web":1,"worker":0}
//	/apps/‹app›/keys/‹hash›        {"version": N}  idempotency
package release

import (
	"time"

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
	URL     string `json:"url"`     // where it is kept: file:///…
}

// Release is one numbered release of an app.
type Release struct {
	Version      int                `json:"version"`
	Status       Status             `json:"status"`
	Slug         SlugRef            `json:"slug"`
	ProcessTypes []procfile.Process `json:"-"` // in JSON: "process_types", an object in the Procfile's order
	Addons       []string           `json:"addons,omitempty"`
	Commit       string             `json:"commit,omitempty"`
	Description  string             `json:"description"`
	RollbackOf   int                `json:"rollback_of,omitempty"`
	CreatedAt    time.Time          `json:"created_at"` // UTC, seconds
}

// Formation is how many of each process type run.
type Formation map[string]int
