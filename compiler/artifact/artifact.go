// Package artifact is slugs at rest: it stores a slug where other machines find it ([Store]),
// fetches the slug of a release to this machine ([Fetch]), and keeps an app's slugs and segments
// in order ([Prune], [Verify]).
//
//	url, err := artifact.Store(ctx, open, reporter, file, digest)    // on the builder
//	file, moved, err := artifact.Fetch(ctx, open, release.Slug, app) // on a machine that runs the app
//
// What a slug holds is package slug's business; how a store moves bytes is package blobstore's.
package artifact

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"slugc/cache/digest"
	"slugc/compiler/artifact/blobstore"
	"slugc/compiler/report"
)

// suffix is that of every slug's file.
const suffix = ".tgz"

// Opener opens the store that a URL names, or for "" this machine's own, nil if it has none.
type Opener func(url string) (blobstore.Store, error)

// Store puts the slug in file into this machine's store, if there is one, and returns the URL under
// which a release names it: the store's, or without a store the file's own. open may be nil.
func Store(
	ctx context.Context, open Opener, r report.Reporter, file string, d digest.Digest,
) (url string, err error) {
	var store blobstore.Store
	if open != nil {
		if store, err = open(""); err != nil {
			return "", err
		}
	}
	if store == nil {
		return FileURL(file), nil
	}
	r.Step("Storing the slug")
	url, moved, err := store.Put(ctx, file, d)
	if err != nil {
		return "", err
	}
	r.Detail(fmt.Sprintf("%s  %s of %s moved", url, report.Bytes(moved.Bytes), report.Bytes(moved.Bytes+moved.Reused)))
	return url, nil
}

// FileName is the name of a slug among an app's slugs.
func FileName(d digest.Digest) string { return d.Hex() + suffix }

// FileURL is the URL of a slug's file on this machine.
func FileURL(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// IsFileURL reports whether a release's URL names a slug's file itself, as [FileURL] does, and not
// a slug in a store.
func IsFileURL(rawURL string) bool {
	u, err := url.Parse(rawURL)
	return err == nil && isFile(u)
}

func isFile(u *url.URL) bool { return u.Scheme == "file" && strings.HasSuffix(u.Path, suffix) }
