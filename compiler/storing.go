package compiler

import (
	"context"
	"fmt"
	"net/url"

	"slugc/cache/digest"
	"slugc/compiler/artifact/blobstore"
)

// StoreSlug makes a slug durable where other machines find it, if this one is set up with a store,
// and gives the URL that a release names it by: without a store, its file's. open may be nil or
// give nil.
func StoreSlug(
	ctx context.Context,
	open func(context.Context) (blobstore.Store, error),
	report Reporter,
	file, sum string,
) (string, error) {
	var store blobstore.Store
	if open != nil {
		var err error
		if store, err = open(ctx); err != nil {
			return "", err
		}
	}
	if store == nil {
		return FileURL(file), nil
	}
	report.Step("Storing the slug")
	at, t, err := store.Put(ctx, file, digest.Digest(sum))
	if err != nil {
		return "", err
	}
	report.Detail(fmt.Sprintf("%s  %s of %s moved", at, Bytes(t.Bytes), Bytes(t.Bytes+t.Reused)))
	return at, nil
}

// FileURL is where a slug on this machine is kept.
func FileURL(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }
