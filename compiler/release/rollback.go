package release

import (
	"context"
	"fmt"
)

// Rollback registers a new release that is current, or pending until it is promoted, and has the
// slug, process types, add-ons and commit of an earlier one; version 0 is the release that was
// current before the present one. key is an idempotency key as in [Request]. The formation stays as
// it is. It refuses with "release/no-releases", "release/unknown-version", and
// "release/not-rollbackable" for a release that is current or never was.
func (r *Releases) Rollback(
	ctx context.Context,
	app string,
	version int,
	key string,
	pending bool,
) (rel Release, err error) {
	hashed := hash(key)
	err = r.change(ctx, app, repeatable, func(v *view) (err error) {
		rel, err = r.rollback(v, hashed, version, pending)
		return err
	})
	return orNone(rel, err)
}

func (r *Releases) rollback(v *view, key string, version int, pending bool) (Release, error) {
	var done versionRow
	if known, err := v.get(v.key(key), &done); err != nil || known {
		if err != nil {
			return Release{}, err
		}
		if done.Cancelled {
			return Release{}, cancelled(v.app)
		}
		return v.release(done.Version) // an earlier attempt, whose outcome was unknown, did it
	}
	present, err := v.currentRelease()
	if err != nil {
		return Release{}, err
	}
	if version == 0 {
		row, err := v.current()
		if err != nil {
			return Release{}, err
		}
		if row.Previous == 0 {
			return Release{}, refuse(
				"not-rollbackable",
				fmt.Sprintf("v%d is the first release of %q that became current", present.Version, v.app),
				"there is nothing to go back to: build and release the version you want",
			)
		}
		version = row.Previous
	}
	target, err := v.release(version)
	if err != nil {
		return Release{}, err
	}
	switch target.Status {
	case Superseded:
	case Current:
		return Release{}, refuse(
			"not-rollbackable",
			fmt.Sprintf("v%d of %q is the current release", version, v.app),
			"name an earlier release",
		)
	default:
		return Release{}, refuse(
			"not-rollbackable",
			fmt.Sprintf("v%d of %q is %s and never was current", version, v.app, target.Status),
			"name a release that was current before",
		)
	}
	return r.register(v, key, Release{
		Slug: target.Slug, ProcessTypes: target.ProcessTypes, Addons: target.Addons, Commit: target.Commit,
		Description: fmt.Sprintf("Rollback to v%d", version), RollbackOf: version,
	}, "", pending)
}
