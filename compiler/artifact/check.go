package artifact

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"slugc/cache"
	"slugc/cache/digest"
	"slugc/compiler/release"
)

// ErrDamaged is wrapped by the error of [Check] for a slug that is here and not what it should be.
var ErrDamaged = errors.New("the file is damaged")

// Check returns nil if [Fetch] would return the slug of a release whole: every byte of a file on this
// machine is read; of a slug in a store its parts are counted, not fetched. An error that names
// [ErrDamaged] or no owner is final; that of a store has its owner.
func Check(ctx context.Context, open Opener, ref release.SlugRef, app *cache.App) error {
	u, err := url.Parse(ref.URL)
	if err != nil {
		return fmt.Errorf("finding slug %s: its URL is malformed", ref.Digest)
	}
	want, err := digest.Parse(string(ref.Digest))
	if err != nil {
		return fmt.Errorf("finding slug %q: %w", ref.Digest, err)
	}
	if isFile(u) && isRegular(u.Path) {
		return checkFile(u.Path, want)
	}
	if path := app.Path("slugs", FileName(want)); isRegular(path) && checkFile(path, want) == nil {
		return nil // a damaged copy would be fetched again
	}
	name := ref.URL
	if isFile(u) {
		name = ""
	}
	store, err := open(name)
	if err != nil {
		return err
	}
	if store == nil {
		return noStore(u.Path)
	}
	return store.Stat(ctx, name, want)
}

func checkFile(path string, want digest.Digest) error {
	is, _, err := digest.File(path)
	if err != nil {
		return err
	}
	if is != want {
		return fmt.Errorf("reading the slug %q: %w: its digest is %s, the release's is %s", path, ErrDamaged, is, want)
	}
	return nil
}

// IsHere reports whether a file of the release's slug lies on this machine, without reading it.
func IsHere(ref release.SlugRef, app *cache.App) bool {
	if u, err := url.Parse(ref.URL); err == nil && isFile(u) && isRegular(u.Path) {
		return true
	}
	d, err := digest.Parse(string(ref.Digest))
	return err == nil && isRegular(app.Path("slugs", FileName(d)))
}
