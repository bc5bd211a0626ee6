package compiler

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slugc/cache"
	"slugc/cache/digest"
	"slugc/compiler/artifact/blobstore"
	"slugc/compiler/fault"
	"slugc/compiler/release"
	"slugc/compiler/slug"
)

// OpenStore opens the slug store that a URL names, or with "" the one that this machine is set up
// with, nil if with none.
type OpenStore func(url string) (blobstore.Store, error)

// maxHave is how many of an app's slugs, newest first, may spare a fetch parts.
const maxHave = 8

// Fetch gives the path of a release's slug on this machine. A slug that lies here is left where it
// is; any other is fetched from the store that the release's URL names, or from this machine's own
// store if the URL is a file of another machine's, into the app's slugs, which spare the fetch what
// they hold. It may run beside a build of the app. What is moved is in t, zero for nothing.
func Fetch(
	ctx context.Context,
	open OpenStore,
	ref release.SlugRef,
	app *cache.App,
) (path string, t blobstore.Transfer, err error) {
	u, err := url.Parse(ref.URL)
	if err != nil {
		return "", t, fmt.Errorf("finding slug %s: its URL is malformed", ref.Digest)
	}
	hex, ok := strings.CutPrefix(ref.Digest, "sha256:")
	if !ok || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return "", t, fmt.Errorf("finding slug %q: it is no digest", ref.Digest)
	}
	if isFile(u) && regular(u.Path) {
		return u.Path, t, nil
	}
	path = app.Path("slugs", hex+".tgz")
	if is, _, err := digest.File(path); err == nil && string(is) == ref.Digest {
		return path, t, nil
	}
	name := ref.URL
	if isFile(u) {
		name = ""
	}
	store, err := open(name)
	if err != nil {
		return "", t, err
	}
	if store == nil {
		return "", t, fault.New(
			fault.Usage,
			fault.ExitPack,
			"blobstore/no-store",
			fmt.Errorf("finding the slug %q: there is no such file on this machine", u.Path),
			"name the store that the builder uses with --store URL or SLUGC_STORE",
			"or build the app again",
		)
	}
	if err := os.MkdirAll(app.Path("slugs"), 0o700); err != nil {
		return "", t, fmt.Errorf("making the slug directory: %w", err)
	}
	sweepFetches(app)
	t, err = store.Get(ctx, name, digest.Digest(ref.Digest), path, kept(app))
	return path, t, err
}

// isFile says whether a release's URL names a slug's file itself, as [FileURL] does, and not a slug
// in a store.
func isFile(u *url.URL) bool { return u.Scheme == "file" && strings.HasSuffix(u.Path, ".tgz") }

func regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// kept lists the app's slugs, newest first.
func kept(app *cache.App) (paths []string) {
	files, _ := slugFiles(app) // they only save time
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, f := range files[:min(len(files), maxHave)] {
		paths = append(paths, app.Path("slugs", f.Name()))
	}
	return paths
}

// sweepFetches removes what fetches that were killed a day ago or earlier left.
func sweepFetches(app *cache.App) {
	left, _ := filepath.Glob(app.Path("slugs", slug.RebuildPrefix+"*"))
	for _, f := range left {
		if info, err := os.Lstat(f); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			_ = os.Remove(f)
		}
	}
}
