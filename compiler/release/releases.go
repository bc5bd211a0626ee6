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
	Actor string           // who registers, as releases will say; may be empty
	// how long an unavailable coordinator is tried again; 0: 4 s, some two leader elections of etcd
	Patience time.Duration
	// Stale is called when List, Get, Current, Formation or Apps answers without a quorum of the
	// coordinator: what it says was true, and may not be any more. nil: they do not.
	Stale func()
}

// Releases are the releases of all apps in one coordinator. All methods may be called concurrently,
// by any number of processes.
//
// Their errors: a malformed app name is [CheckApp]'s fault. A coordinator that does not answer is a
// transient fault "release/coordinator-unavailable", one where others always came first until ctx
// ended "release/contended". What a method refuses is a fault with exit code [fault.ExitRelease];
// its ids stand at the method. Nothing was changed then.
type Releases struct {
	c     coordinator.Coordinator
	o     Options
	queue queue
}

// New returns the releases that c holds. Closing c is the caller's.
func New(c coordinator.Coordinator, o Options) *Releases {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Patience <= 0 {
		o.Patience = 4 * time.Second
	}
	return &Releases{c: c, o: o}
}

// List returns an app's releases, the newest first, as of one moment. An app without releases has
// none; that is no error.
func (r *Releases) List(ctx context.Context, app string) ([]Release, error) {
	if err := CheckApp(app); err != nil {
		return nil, err
	}
	k := keys{app}
	var entries []coordinator.Entry
	err := r.readTold(ctx, func(ctx context.Context, from coordinator.Reader) (err error) {
		entries, _, err = from.List(ctx, k.root())
		return err
	})
	if err != nil {
		return nil, err
	}
	var releases []Release
	var current currentRow
	stored := map[string]statusRow{} // by the number in the key
	for _, e := range entries {
		name := strings.TrimPrefix(e.Key, k.root())
		var err error
		switch kind, number, _ := strings.Cut(name, "/"); kind {
		case "releases":
			var one Release
			err = decode(e, &one)
			releases = append(releases, one)
		case "release-status":
			var row statusRow
			err = decode(e, &row)
			stored[number] = row
		case "current":
			err = decode(e, &current)
		}
		if err != nil {
			return nil, err
		}
	}
	for i := range releases {
		n := releases[i].Version
		releases[i].Status = stored[fmt.Sprintf("%010d", n)].seen(n, current)
	}
	slices.Reverse(releases)
	return releases, nil
}

// Get returns one release. It refuses with "release/unknown-version".
func (r *Releases) Get(ctx context.Context, app string, version int) (rel Release, err error) {
	err = r.readView(ctx, app, func(v *view) (err error) {
		rel, err = v.release(version)
		return err
	})
	return orNone(rel, err)
}

// Current returns the release that is current. It refuses with "release/no-releases".
func (r *Releases) Current(ctx context.Context, app string) (rel Release, err error) {
	err = r.readView(ctx, app, func(v *view) (err error) {
		rel, err = v.currentRelease()
		return err
	})
	return orNone(rel, err)
}

// Apps returns the names of all apps that ever had a release, sorted.
func (r *Releases) Apps(ctx context.Context) ([]string, error) {
	var entries []coordinator.Entry
	err := r.readTold(ctx, func(ctx context.Context, from coordinator.Reader) (err error) {
		entries, _, err = from.List(ctx, "/names/")
		return err
	})
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimPrefix(e.Key, "/names/"))
	}
	return names, err
}

// Formation returns how many of each process type of the current release run, "release" left out.
// It refuses with "release/no-releases".
func (r *Releases) Formation(ctx context.Context, app string) (f Formation, err error) {
	err = r.readView(ctx, app, func(v *view) error {
		rel, err := v.currentRelease()
		if err != nil {
			return err
		}
		rows, err := v.formation(rel.ProcessTypes)
		f = rows.of(rel.ProcessTypes)
		return err
	})
	return f, err
}

// of is the part of the formation that runs: the rows of the given process types.
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
