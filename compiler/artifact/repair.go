package artifact

import (
	"context"
	"errors"

	"slugc/cache/digest"
	"slugc/compiler/artifact/blobstore"
	"slugc/compiler/report"
)

// Repair puts the slug in file into the store that a release's URL names, if that does not hold all of it. It
// asks for the existence and the size of each part, and a store that does not answer is no error: what it holds may
// be whole. With contents, whatever the store can compare is compared. For the URL of a file it does nothing.
func Repair(
	ctx context.Context, open Opener, r report.Reporter, url, file string, d digest.Digest, contents bool,
) error {
	if open == nil || IsFileURL(url) {
		return nil
	}
	store, err := open(url)
	if contents && err != nil {
		return err
	}
	if !contents {
		if err == nil {
			err = store.Stat(ctx, url, d)
		}
		if !errors.Is(err, blobstore.ErrMissing) && !errors.Is(err, blobstore.ErrDamaged) {
			return ctx.Err()
		}
	}
	_, moved, err := store.Put(ctx, file, d)
	if err == nil && moved.Parts > 0 {
		r.Step("Repairing the slug in the store")
		r.Detail(url + "  " + report.Bytes(moved.Bytes) + " were missing or damaged")
	}
	return err
}
