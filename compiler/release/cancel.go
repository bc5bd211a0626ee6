package release

import (
	"context"
	"errors"
	"fmt"
)

// Cancel ends what was begun under an idempotency key, which must not be empty: a pending release
// is abandoned, and where nothing was registered, nothing ever will be under this key, not even by
// a request that is still on its way: [Releases.Register] then refuses with "release/cancelled". It
// returns the release as it is now, or one with version 0 if there is none. What was promoted or
// had failed before is returned as it is.
func (r *Releases) Cancel(ctx context.Context, app, key string) (rel Release, err error) {
	if key == "" {
		return Release{}, errors.New("cancelling a registration: there is no key")
	}
	hashed := hash(key)
	err = r.change(ctx, app, repeatable, func(v *view) error {
		rel = Release{}
		var row versionRow
		known, err := v.get(v.key(hashed), &row)
		switch {
		case err != nil || row.Cancelled:
			return err
		case !known:
			return v.put(v.key(hashed), versionRow{Cancelled: true})
		}
		if rel, err = v.release(row.Version); err != nil || rel.Status != Pending {
			return err
		}
		rel.Status = Abandoned
		return v.put(v.status(rel.Version), statusRow{Abandoned})
	})
	return orNone(rel, err)
}

// cancelled is the refusal of a key that was cancelled.
func cancelled(app string) error {
	return refuse(
		"cancelled",
		fmt.Sprintf("this registration of a release of %q was cancelled", app),
		"release the app again",
	)
}
