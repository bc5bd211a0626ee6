package release

import (
	"context"
	"errors"
)

// Cancel ends what was begun under an idempotency key, which must not be empty. A pending release
// is abandoned. Where nothing was registered, nothing ever will be under this key, not even by a
// request that is still on its way: [Releases.Register] then refuses with [ErrCancelled]. Cancel
// returns the release with its present status, or one with version 0 if there is none. What was
// promoted or had failed before is returned unchanged.
func (r *Releases) Cancel(ctx context.Context, app, key string) (rel Release, err error) {
	if key == "" {
		return Release{}, errors.New("cancelling a registration: there is no key")
	}
	hashed := hash(key)
	err = r.update(ctx, app, idempotent, func(tx *transaction) error {
		rel = Release{}
		var row versionRow
		known, err := tx.get(tx.key(hashed), &row)
		switch {
		case err != nil || row.Cancelled:
			return err
		case !known:
			return tx.put(tx.key(hashed), versionRow{Cancelled: true})
		}
		if rel, err = tx.release(row.Version); err != nil || rel.Status != Pending {
			return err
		}
		rel.Status = Abandoned
		return tx.put(tx.status(rel.Version), statusRow{Status: Abandoned})
	})
	return orZero(rel, err)
}
