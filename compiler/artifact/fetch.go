package artifact

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"

	"slugc/cache"
	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/artifact/blobstore"
	"slugc/compiler/fault"
	"slugc/compiler/release"
	"slugc/compiler/slug"
)

// maxHave is how many of an app's slugs, newest first, a fetch looks at for parts that need not be
// moved.
const maxHave = 8

// Fetch returns the path of a release's slug on this machine. A slug that lies here is left where
// it is. Any other is fetched into the app's slugs: from the store that the release's URL names, or
// from this machine's own store if the URL is a file of another machine. Parts that the app's slugs
// hold are not moved. Fetch may run beside a build of the app. It also returns what was moved, zero
// if nothing was.
func Fetch(
	ctx context.Context, open Opener, ref release.SlugRef, app *cache.App,
) (path string, moved blobstore.Transfer, err error) {
	u, err := url.Parse(ref.URL)
	if err != nil {
		return "", moved, fmt.Errorf("finding slug %s: its URL is malformed", ref.Digest)
	}
	want, err := digest.Parse(string(ref.Digest))
	if err != nil {
		return "", moved, fmt.Errorf("finding slug %q: %w", ref.Digest, err)
	}
	defer func() {
		if err == nil {
			app.MarkServed(path)
		}
	}()
	if isFile(u) && isRegular(u.Path) {
		return u.Path, moved, nil
	}
	path = app.Path("slugs", FileName(want))
	if is, err := app.Digests().File(path, want); err == nil && is == want {
		return path, moved, nil
	}
	name := ref.URL
	if isFile(u) {
		name = ""
	}
	store, err := open(name)
	if err != nil {
		return "", moved, err
	}
	if store == nil {
		return "", moved, noStore(u.Path)
	}
	if err := os.MkdirAll(app.Path("slugs"), 0o700); err != nil {
		return "", moved, fmt.Errorf("making the slug directory: %w", err)
	}
	disk.RemoveStale(app.Path("slugs"), slug.RebuildPrefix)
	moved, err = store.Get(ctx, name, want, path, newest(app, maxHave))
	return path, moved, err
}

func noStore(path string) error {
	return fault.New(fault.Usage, fault.ExitPack, "blobstore/no-store",
		fmt.Errorf("finding the slug %q: there is no such file on this machine", path),
		"name the store that the builder uses with --store URL or SLUGC_STORE",
		"or build the app again")
}

func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// newest lists at most n of the app's slugs, newest first. None is listed if they cannot be read:
// they only save time.
func newest(app *cache.App, n int) (paths []string) {
	files, _ := slugFiles(app)
	files = slices.DeleteFunc(files, func(f slugFile) bool { return f.damaged })
	slices.SortFunc(files, func(a, b slugFile) int { return b.info.ModTime().Compare(a.info.ModTime()) })
	for _, f := range files[:min(len(files), n)] {
		paths = append(paths, f.path)
	}
	return paths
}

// slugFile is one of an app's slugs on this machine.
type slugFile struct {
	path    string
	digest  digest.Digest
	damaged bool // it was put aside
	info    fs.FileInfo
}
