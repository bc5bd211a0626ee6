package release

import (
	"context"
	"fmt"
)

// Rollback registers a new release with the slug, process types, add-ons, commit and names of config vars of an
// earlier one. The new release is current, or pending until it is promoted. Version 0 is the release that
// was current before the present one. When the new release becomes current, the config vars of the earlier
// one become the app's own again, see [Releases.RollbackConfig]. key is an idempotency key as in [Request].
// The formation does not change. It refuses with [ErrNoReleases], [ErrUnknownVersion], [ErrConfigGone], and
// [ErrNotRollbackable] for a release that is current or never was.
func (r *Releases) Rollback(
	ctx context.Context, app string, version int, key string, pending bool,
) (rel Release, err error) {
	hashed := hash(key)
	err = r.update(ctx, app, idempotent, func(tx *transaction) (err error) {
		rel, err = r.rollback(tx, hashed, version, pending)
		return err
	})
	return orZero(rel, err)
}

func (r *Releases) rollback(tx *transaction, key string, version int, pending bool) (Release, error) {
	var done versionRow
	if known, err := tx.get(tx.key(key), &done); err != nil || known {
		if err != nil {
			return Release{}, err
		}
		if done.Cancelled {
			return Release{}, cancelled(tx.app)
		}
		return tx.release(done.Version) // an earlier attempt, whose outcome was unknown, did it
	}
	target, err := tx.rollbackTarget(version)
	if err != nil {
		return Release{}, err
	}
	return r.register(tx, key, pending, "", Release{
		Slug:         target.Slug,
		ProcessTypes: target.ProcessTypes,
		Addons:       target.Addons,
		Commit:       target.Commit,
		Description:  fmt.Sprintf("Rollback to v%d", target.Version),
		RollbackOf:   target.Version,
		ConfigVars:   target.ConfigVars,
	})
}

// RollbackTarget returns the release whose slug [Releases.Rollback] would make current again. It
// refuses as that does.
func (r *Releases) RollbackTarget(ctx context.Context, app string, version int) (rel Release, err error) {
	err = r.readApp(ctx, app, func(tx *transaction) (err error) {
		rel, err = tx.rollbackTarget(version)
		return err
	})
	return orZero(rel, err)
}

func (tx *transaction) rollbackTarget(version int) (Release, error) {
	present, err := tx.currentRelease()
	if err != nil {
		return Release{}, err
	}
	if version == 0 {
		row, err := tx.current()
		if err != nil {
			return Release{}, err
		}
		if row.Previous == 0 {
			return Release{}, refusal(ErrNotRollbackable,
				"there is nothing to go back to: build and release the version you want",
				"v%d is the first release of %q that became current", present.Version, tx.app)
		}
		version = row.Previous
	}
	target, err := tx.release(version)
	if err != nil {
		return Release{}, err
	}
	switch target.Status {
	case Superseded:
		return target, nil
	case Current:
		return Release{}, refusal(ErrNotRollbackable, "name an earlier release",
			"v%d of %q is the current release", version, tx.app)
	}
	return Release{}, refusal(ErrNotRollbackable, "name a release that was current before",
		"v%d of %q is %s and never was current", version, tx.app, target.Status)
}
