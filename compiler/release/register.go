package release

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"slugc/cache/digest"
	"slugc/compiler/procfile"
)

// Request is what a new release is made of.
type Request struct {
	Slug        SlugRef
	Processes   []procfile.Process // in order
	Addons      []string
	Commit      string   // of the source; may be empty
	Target      string   // what the slug was built for, such as "linux/amd64"; may be empty
	Description string   // "": "Deploy" and the commit's first 8 characters
	ConfigVars  []string // names of the config vars of the release process, sorted
	// Formation is how many of a process type run if this becomes the app's first current release; 0 to
	// [MaxQuantity]. Without it, web runs once, and others do not.
	Formation Formation
	// Key is an idempotency key of any form: another request with it returns the same release. "":
	// a random one.
	Key     string
	Pending bool // register it, and promote it later
}

// Register makes the next release of an app and returns it: current, or pending if the request says
// so. Called again with the same key, it returns the first call's release with its present status.
// It refuses with [ErrKeyReused] and [ErrCancelled]; "release/too-large" means more than the
// coordinator takes ([coordinator.MaxValue]).
func (r *Releases) Register(ctx context.Context, app string, q Request) (Release, error) {
	if _, err := digest.Parse(string(q.Slug.Digest)); err != nil {
		return Release{}, fmt.Errorf("registering a release of %q: %w", app, err)
	}
	for typ, n := range q.Formation {
		if err := checkQuantity(typ, n); err != nil {
			return Release{}, err
		}
	}
	if q.Description == "" {
		q.Description = "Deploy"
		if q.Commit != "" {
			q.Description += " " + q.Commit[:min(8, len(q.Commit))]
		}
	}
	key := hash(q.Key)
	var rel Release
	err := r.updateCached(ctx, app, idempotent, true, func(tx *transaction) (err error) {
		rel, err = r.register(tx, key, q.Pending, q.Target, Release{
			Slug:         q.Slug,
			ProcessTypes: slices.Clone(q.Processes),
			Addons:       q.Addons,
			Commit:       q.Commit,
			Description:  q.Description,
			ConfigVars:   q.ConfigVars,
			Formation:    q.Formation,
		})
		return err
	})
	return orZero(rel, err)
}

// register makes rel the next release, unless key has a release already, which it returns.
func (r *Releases) register(tx *transaction, key string, pending bool, target string, rel Release) (Release, error) {
	wanted := []string{tx.key(key), tx.next(), tx.keys.current(), tx.keys.configHead(), slugKey(rel.Slug.Digest)}
	if !pending {
		wanted = append(wanted, tx.row("web"))
	}
	if err := tx.load(wanted...); err != nil {
		return Release{}, err
	}
	var row versionRow
	if known, err := tx.get(tx.key(key), &row); err != nil || known {
		if err != nil {
			return Release{}, err
		}
		return tx.registered(row, rel)
	}
	began, err := tx.get(tx.next(), &row)
	if err != nil {
		return Release{}, err
	}
	rel.Version = row.Version + 1
	rel.Actor = r.o.Actor
	rel.CreatedAt = r.o.Now().UTC().Truncate(time.Second)
	status := statusRow{Status: Pending}
	if !pending {
		if status, err = tx.adoptConfig(rel); err != nil {
			return Release{}, err
		}
	}
	writes := []error{
		tx.create(tx.keys.release(rel.Version), rel),
		tx.create(tx.status(rel.Version), status),
		tx.put(tx.next(), versionRow{Version: rel.Version}),
		tx.put(tx.key(key), versionRow{Version: rel.Version}),
	}
	if tx.read[slugKey(rel.Slug.Digest)].Rev == 0 {
		writes = append(writes, tx.put(slugKey(rel.Slug.Digest), slugRow{
			Size: rel.Slug.Size, Content: rel.Slug.Content, URL: rel.Slug.URL,
			ProcessTypes: rel.ProcessTypes, Target: target, Commit: rel.Commit, CreatedAt: rel.CreatedAt,
		}))
	}
	// The app's first release writes its name; from then on next exists.
	if !began {
		writes = append(writes, tx.put(tx.name(), struct{}{}), tx.put(tx.meta(), metaRow{rel.CreatedAt}))
	}
	rel.Status = Pending
	if !pending {
		rel.Status, rel.ConfigRev = Current, *status.ConfigRev
		writes = append(writes, tx.makeCurrent(rel))
	}
	return rel, errors.Join(writes...)
}

// registered is the release that an idempotency key has already, for a caller that would register
// rel.
func (tx *transaction) registered(row versionRow, rel Release) (Release, error) {
	if row.Cancelled {
		return Release{}, cancelled(tx.app)
	}
	registered, err := tx.release(row.Version)
	if err == nil && registered.Slug.Digest != rel.Slug.Digest {
		return Release{}, refusal(ErrKeyReused, "use a new key for a new build",
			"the idempotency key belongs to v%d of %q, which has another slug", row.Version, tx.app)
	}
	return registered, err
}

// hash makes a key segment of an idempotency key.
func hash(key string) string {
	if key == "" {
		key = rand.Text()
	}
	return digest.Of([]byte(key)).Hex()
}

// Promote makes a pending release current, whatever its number: the last promotion wins, as the
// last move of a git ref does. So pushes must be promoted in the order in which they moved the ref.
// A release that was promoted before is returned unchanged, current or superseded. It refuses with
// [ErrUnknownVersion] and, for failed and abandoned releases, [ErrNotPending].
func (r *Releases) Promote(ctx context.Context, app string, version int) (rel Release, err error) {
	err = r.update(ctx, app, idempotent, func(tx *transaction) error {
		if rel, err = tx.release(version); err != nil {
			return err
		}
		switch rel.Status {
		case Current, Superseded:
			return nil
		case Pending:
			return tx.promote(&rel)
		}
		return notPending(app, rel)
	})
	return orZero(rel, err)
}

// promote makes a pending release current.
func (tx *transaction) promote(rel *Release) error {
	row, err := tx.adoptConfig(*rel)
	if err != nil {
		return err
	}
	if err := tx.put(tx.status(rel.Version), row); err != nil {
		return err
	}
	rel.Status, rel.ConfigRev = Current, *row.ConfigRev
	return tx.makeCurrent(*rel)
}

// Fail ends a pending release whose release process failed. A release that failed before is
// returned unchanged. It refuses with [ErrUnknownVersion] and [ErrNotPending].
func (r *Releases) Fail(ctx context.Context, app string, version int) (Release, error) {
	return r.endPending(ctx, app, version, Failed)
}

// Abandon ends a pending release that is no longer wanted, such as that of a rejected push. For the
// rest it does the same as [Releases.Fail].
func (r *Releases) Abandon(ctx context.Context, app string, version int) (Release, error) {
	return r.endPending(ctx, app, version, Abandoned)
}

// endPending sets the last status of a pending release.
func (r *Releases) endPending(ctx context.Context, app string, version int, status Status) (rel Release, err error) {
	err = r.update(ctx, app, idempotent, func(tx *transaction) error {
		if rel, err = tx.release(version); err != nil {
			return err
		}
		switch rel.Status {
		case status:
			return nil
		case Pending:
			rel.Status = status
			return tx.put(tx.status(version), statusRow{Status: status})
		}
		return notPending(app, rel)
	})
	return orZero(rel, err)
}
