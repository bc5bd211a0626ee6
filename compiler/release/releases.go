package release

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"slugc/compiler/coordinator"
	"slugc/compiler/procfile"
)

// Options are the settings of [New]. The zero value is useful.
type Options struct {
	Now   func() time.Time // for created_at; nil: time.Now
	Actor string           // who registers, recorded in releases; may be empty
	// RetryTime is how long requests to an unavailable coordinator are retried; 0: 4 s, about two
	// leader elections of etcd.
	RetryTime time.Duration
	// OnStale is called when List, Get, Current, Formation or Apps answers without a quorum of the
	// coordinator: the answer was true at some earlier time. nil: without a quorum they fail.
	OnStale func()
}

// Releases are the releases of all apps in one coordinator. All methods may be called concurrently,
// by any number of processes.
//
// Their errors are faults. A malformed app name: see [CheckApp]. A coordinator that does not
// answer: "release/coordinator-unavailable", transient. Conflicts with others until ctx ended:
// "release/contended", transient. What a method refuses is a [Refusal] with exit code
// [fault.ExitRelease], which changes nothing; each method names its own.
type Releases struct {
	c      coordinator.Coordinator
	o      Options
	queues queues
}

// New returns the releases in c. The caller closes c.
func New(c coordinator.Coordinator, o Options) *Releases {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.RetryTime <= 0 {
		o.RetryTime = 4 * time.Second
	}
	return &Releases{c: c, o: o}
}

// List returns an app's releases as of one moment, the newest first. No releases are no error.
func (r *Releases) List(ctx context.Context, app string) ([]Release, error) {
	if err := CheckApp(app); err != nil {
		return nil, err
	}
	k := keys{app}
	var entries []coordinator.Entry
	err := r.readOrStale(ctx, func(ctx context.Context, from coordinator.Reader) (err error) {
		entries, _, err = from.List(ctx, k.root())
		return err
	})
	if err != nil {
		return nil, err
	}
	return k.decodeList(entries)
}

// decodeList decodes the releases among an app's entries, the newest first.
func (k keys) decodeList(entries []coordinator.Entry) (releases []Release, err error) {
	var current currentRow
	statuses := map[string]statusRow{} // by the number in the key
	for _, e := range entries {
		switch kind, number, _ := strings.Cut(strings.TrimPrefix(e.Key, k.root()), "/"); kind {
		case "releases":
			var one Release
			err = decode(e, &one)
			releases = append(releases, one)
		case "release-status":
			var row statusRow
			err = decode(e, &row)
			statuses[number] = row
		case "current":
			err = decode(e, &current)
		}
		if err != nil {
			return nil, err
		}
	}
	for i := range releases {
		n := releases[i].Version
		row := statuses[fmt.Sprintf("%010d", n)]
		releases[i].Status = row.visible(n, current)
		if row.ConfigRev != nil {
			releases[i].ConfigRev = *row.ConfigRev
		}
	}
	slices.Reverse(releases)
	return releases, nil
}

// Get returns one release. It refuses with [ErrUnknownVersion].
func (r *Releases) Get(ctx context.Context, app string, version int) (rel Release, err error) {
	err = r.readApp(ctx, app, func(tx *transaction) (err error) {
		rel, err = tx.release(version)
		return err
	})
	return orZero(rel, err)
}

// Current returns the current release. It refuses with [ErrNoReleases].
func (r *Releases) Current(ctx context.Context, app string) (rel Release, err error) {
	err = r.readApp(ctx, app, func(tx *transaction) (err error) {
		rel, err = tx.currentRelease()
		return err
	})
	return orZero(rel, err)
}

// Apps returns the names of all apps that ever had a release or config vars, sorted.
func (r *Releases) Apps(ctx context.Context) ([]string, error) {
	var entries []coordinator.Entry
	err := r.readOrStale(ctx, func(ctx context.Context, from coordinator.Reader) (err error) {
		entries, _, err = from.List(ctx, "/names/")
		return err
	})
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimPrefix(e.Key, "/names/"))
	}
	return names, err
}

// Formation returns how many of each process type of the current release run, without "release". It
// refuses with [ErrNoReleases].
func (r *Releases) Formation(ctx context.Context, app string) (f Formation, err error) {
	err = r.readApp(ctx, app, func(tx *transaction) error {
		rel, err := tx.currentRelease()
		if err != nil {
			return err
		}
		rows, err := tx.formation(rel.ProcessTypes)
		f = rows.of(rel.ProcessTypes)
		return err
	})
	return f, err
}

// of returns the quantities of the given process types.
func (f Formation) of(types procfile.ProcessMap) Formation {
	running := Formation{}
	for _, p := range types {
		if p.Type != "release" {
			running[p.Type] = f[p.Type]
		}
	}
	return running
}

func decode(e coordinator.Entry, into any) error {
	if err := json.Unmarshal(e.Value, into); err != nil {
		return fmt.Errorf("reading the coordinator's key %q: %w", e.Key, err)
	}
	return nil
}
