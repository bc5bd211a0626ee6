package release

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"slugc/compiler/procfile"
	"slugc/detect/lazyregexp"
)

// Request is what a new release is made of.
type Request struct {
	Slug        SlugRef
	Processes   []procfile.Process // in order
	Addons      []string
	Commit      string // of the source; may be empty
	Target      string // what the slug was built for, such as "linux/amd64"; may be empty
	Description string // "": "Deploy" and the commit's first 8 characters
	// idempotency key, of any form: whoever comes with it again gets the same release; "": a random
	// one
	Key     string
	Pending bool // register it, and promote it later
}

var sha256Ref = lazyregexp.New(`^sha256:[0-9a-f]{64}$`)

// Register makes the next release of an app and returns it: current, or pending if the request says
// so. Called again with the same key, it returns the release of the first call as it is now. It
// refuses with "release/key-reused" (the key belongs to a release of another slug),
// "release/cancelled" (see [Releases.Cancel]) and "release/too-large" (more than the coordinator
// takes: [coordinator.MaxValue]).
func (r *Releases) Register(ctx context.Context, app string, q Request) (Release, error) {
	if !sha256Ref.MatchString(q.Slug.Digest) {
		return Release{}, fmt.Errorf(
			"registering a release of %q: the slug's digest %q is malformed",
			app,
			q.Slug.Digest,
		)
	}
	if q.Description == "" {
		q.Description = "Deploy"
		if q.Commit != "" {
			q.Description += " " + q.Commit[:min(8, len(q.Commit))]
		}
	}
	key := hash(q.Key)
	var rel Release
	err := r.changeKnown(ctx, app, repeatable, true, func(v *view) (err error) {
		rel, err = r.register(v, key, Release{
			Slug: q.Slug, ProcessTypes: slices.Clone(q.Processes), Addons: q.Addons, Commit: q.Commit, Description: q.Description,
		}, q.Target, q.Pending)
		return err
	})
	return orNone(rel, err)
}

// register gives rel the next number, unless key has a release already, which it returns.
func (r *Releases) register(v *view, key string, rel Release, target string, pending bool) (Release, error) {
	wanted := []string{v.key(key), v.next(), v.keys.current(), slugKey(rel.Slug.Digest)}
	if !pending {
		wanted = append(wanted, v.row("web"))
	}
	if err := v.load(wanted...); err != nil {
		return Release{}, err
	}
	var row versionRow
	if known, err := v.get(v.key(key), &row); err != nil || known {
		if err != nil {
			return Release{}, err
		}
		return v.former(row, rel)
	}
	began, err := v.get(v.next(), &row)
	if err != nil {
		return Release{}, err
	}
	rel.Version = row.Version + 1
	rel.Actor = r.o.Actor
	rel.CreatedAt = r.o.Now().UTC().Truncate(time.Second)
	status := promoted
	if pending {
		status = Pending
	}
	writes := []error{v.create(v.keys.release(rel.Version), rel), v.create(v.status(rel.Version), statusRow{status}),
		v.put(v.next(), versionRow{Version: rel.Version}), v.put(v.key(key), versionRow{Version: rel.Version})}
	if v.read[slugKey(rel.Slug.Digest)].Rev == 0 {
		writes = append(
			writes,
			v.put(slugKey(rel.Slug.Digest), slugRow{Size: rel.Slug.Size, Content: rel.Slug.Content, URL: rel.Slug.URL,
				ProcessTypes: rel.ProcessTypes, Target: target, Commit: rel.Commit, CreatedAt: rel.CreatedAt}),
		)
	}
	// An app's name is written with its first release only: from then on next exists.
	if !began {
		writes = append(writes, v.put(v.name(), struct{}{}), v.put(v.meta(), metaRow{rel.CreatedAt}))
	}
	rel.Status = Pending
	if !pending {
		rel.Status = Current
		writes = append(writes, v.makeCurrent(rel))
	}
	for _, err := range writes {
		if err != nil {
			return Release{}, err
		}
	}
	return rel, nil
}

// former is what an idempotency key that is known says to whoever comes with rel.
func (v *view) former(row versionRow, rel Release) (Release, error) {
	if row.Cancelled {
		return Release{}, cancelled(v.app)
	}
	former, err := v.release(row.Version)
	if err == nil && former.Slug.Digest != rel.Slug.Digest {
		return Release{}, refuse(
			"key-reused",
			fmt.Sprintf("the idempotency key belongs to v%d of %q, which has another slug", row.Version, v.app),
			"use a new key for a new build",
		)
	}
	return former, err
}

// hash makes a key segment of an idempotency key.
func hash(key string) string {
	if key == "" {
		key = rand.Text()
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// Promote makes a pending release current, whatever its number: the last promotion wins, as the
// last move of a git ref does, so whoever promotes after a push does so in the order of the ref's
// moves. A release that was promoted before is returned as it is (current, or superseded by now).
// It refuses with "release/unknown-version" and, for failed and abandoned releases,
// "release/not-pending".
func (r *Releases) Promote(ctx context.Context, app string, version int) (rel Release, err error) {
	err = r.change(ctx, app, repeatable, func(v *view) error {
		if rel, err = v.release(version); err != nil {
			return err
		}
		switch rel.Status {
		case Current, Superseded:
			return nil
		case Pending:
			rel.Status = Current
			if err := v.put(v.status(version), statusRow{promoted}); err != nil {
				return err
			}
			return v.makeCurrent(rel)
		}
		return notPending(app, rel)
	})
	return orNone(rel, err)
}

// Fail ends a pending release whose release phase did not succeed. A release that failed before is
// returned as it is. It refuses with "release/unknown-version" and "release/not-pending".
func (r *Releases) Fail(ctx context.Context, app string, version int) (Release, error) {
	return r.settle(ctx, app, version, Failed)
}

// Abandon ends a pending release that nobody wants any more, such as one of a push that was
// refused. Otherwise it is as Fail.
func (r *Releases) Abandon(ctx context.Context, app string, version int) (Release, error) {
	return r.settle(ctx, app, version, Abandoned)
}

func (r *Releases) settle(ctx context.Context, app string, version int, status Status) (rel Release, err error) {
	err = r.change(ctx, app, repeatable, func(v *view) error {
		if rel, err = v.release(version); err != nil {
			return err
		}
		switch rel.Status {
		case status:
			return nil
		case Pending:
			rel.Status = status
			return v.put(v.status(version), statusRow{status})
		}
		return notPending(app, rel)
	})
	return orNone(rel, err)
}

func notPending(app string, rel Release) error {
	return refuse(
		"not-pending",
		fmt.Sprintf("v%d of %q is %s, not pending", rel.Version, app, rel.Status),
		"release the app again",
	)
}
