// Package blobstore keeps slugs where builders and runners of other machines find them: in a
// directory that they share, in an S3-compatible bucket, or in an OCI registry.
//
// A slug goes by part (see [slug.Part]: a section, or a run of some MB of one), and a part is named
// by the SHA-256 of its bytes, so a second slug that shares its runtime and its dependencies with a
// former one moves only what changed. What names a slug's parts is written last: an upload that was
// cut off leaves parts, but nothing that looks like a slug.
//
// # Directories and buckets
//
//	‹prefix›/parts/‹hex›        a part
//	‹prefix›/slugs/‹hex›.json   the index of the slug of that digest: its size and its parts
//
// A release names the index: file:///dir/slugs/‹hex›.json,
// s3://bucket/prefix/slugs/‹hex›.json?endpoint=…&region=….
//
// # Registries
//
// A slug is an OCI image whose layers are its parts, each as an archive of its own
// ([slug.Archive]): the compressed bytes are the slug's own, so the slug is rebuilt byte for byte.
// The image is tagged slug-‹hex›, and a release names it by its manifest's digest:
// oci://host/repository@sha256:….
//
// # Trust
//
// A store is believed in nothing. Every part is checked against its digest and the whole file
// against the slug's before it gets its name; no name that comes from a store is used as a path;
// what is read of it is bounded. Credentials go only to the host of the store that the settings are
// for, and never into an error or a URL: one that holds any is refused.
package blobstore

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"slugc/cache/digest"
	"slugc/compiler/fault"
	"slugc/detect/lazyregexp"
)

// Store is a slug store. It is safe for concurrent use, also by several processes: whoever puts the
// same slug at the same time is right. Errors are faults: "blobstore/unreachable" (transient, after
// a few tries), "blobstore/denied", "blobstore/missing", "blobstore/damaged" and others, none of
// which says anything secret.
type Store interface {
	// Put makes the slug durable in the store, uploading only the parts that the store lacks, and
	// returns the URL that a release names it by. The file is a whole, verified slug of that
	// digest. When Put returns nil, the slug is durably there, and what the store holds of it has
	// been checked against the digests as far as the store's protocol allows.
	Put(ctx context.Context, file string, d digest.Digest) (url string, t Transfer, err error)
	// Get fetches the slug that the URL names ("": the one of that digest in this store) into the
	// new file `to`, which is written beside, synced and renamed. It takes parts that the slugs in
	// have hold from there; those may be damaged or missing.
	Get(ctx context.Context, url string, d digest.Digest, to string, have []string) (Transfer, error)
	// Stat says, without fetching the slug, whether it is there with all its parts. For url see
	// Get.
	Stat(ctx context.Context, url string, d digest.Digest) error
}

// Transfer is what a Put or a Get moved.
type Transfer struct {
	Bytes, Reused      int64 // moved to or from the store; already there, or taken from slugs on this machine
	Parts, ReusedParts int   // of them, parts
}

// Options are how a store is opened.
type Options struct {
	// Settings are credentials, as the environment names them: AWS_ACCESS_KEY_ID,
	// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN for s3, SLUGC_REGISTRY_USER and
	// SLUGC_REGISTRY_PASSWORD for oci.
	Settings map[string]string
	// For is the URL of the store that the settings are for; "" is the one opened. Any other host
	// gets no credentials of theirs: a release's URL decides where a slug comes from, not who is
	// told secrets.
	For string
	// Machine lets s3 look for credentials on this machine where the settings have none: in the
	// client's own files and from the machine's role.
	Machine bool
	// Progress is called with the bytes done so far and in all, from several goroutines; nil for
	// none.
	Progress func(done, total int64)

	tries int           // of a request that fails for a while; 0: 4
	pause time.Duration // before the second; doubled each time; 0: 250 ms
	idle  time.Duration // after which a connection that moves no byte is given up; 0: a minute
}

// jobs is how many parts are moved at once.
const jobs = 4

// schemes are the kinds of stores.
var schemes = map[string]func(*url.URL, Options) (Store, error){"file": openDir, "s3": openS3, "oci": openOCI}

// Open opens the store that a URL names: its own, or that of a slug in it. Nothing is asked of the
// store yet. A URL that is wrong is a fault of id "usage/store".
//
//	file:///dir
//	s3://bucket/prefix?endpoint=https://host:port&region=name    without endpoint: Amazon's
//	oci://host:port/repository                                   plain HTTP for loopback addresses
func Open(rawURL string, o Options) (Store, error) {
	u, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	if o.tries == 0 {
		o.tries = 4
	}
	if o.pause == 0 {
		o.pause = 250 * time.Millisecond
	}
	if o.idle == 0 {
		o.idle = time.Minute
	}
	if o.For != "" {
		if f, err := parse(o.For); err != nil || !sameHost(f, u) {
			o.Settings, o.Machine = nil, false
		}
	}
	return schemes[u.Scheme](u, o)
}

// Check says whether a URL names a store, as [Open] does.
func Check(rawURL string) error {
	_, err := Open(rawURL, Options{})
	return err
}

// parse reads a store's URL and takes off what names a slug in it.
func parse(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errURL("it is malformed")
	}
	switch {
	case schemes[u.Scheme] == nil:
		return nil, errURL(fmt.Sprintf("the scheme %q is unknown", u.Scheme))
	case u.User != nil:
		return nil, errURL("it holds credentials")
	case u.Fragment != "":
		return nil, errURL("it has a fragment")
	}
	for name, values := range u.Query() {
		if u.Scheme != "s3" || !slices.Contains([]string{"endpoint", "region"}, name) || len(values) > 1 {
			return nil, errURL(fmt.Sprintf("the parameter %.40q is unknown or given twice", name))
		}
	}
	if u.Scheme == "oci" {
		u.Path = imageForm.ReplaceAllString(u.Path, "")
	} else {
		u.Path = indexForm.ReplaceAllString(u.Path, "")
	}
	u.RawPath = ""
	return u, nil
}

// How URLs of slugs end.
var (
	indexForm = lazyregexp.New(`/slugs/[0-9a-f]{64}\.json$`)
	imageForm = lazyregexp.New(`@sha256:[0-9a-f]{64}$`)
)

// sameHost says whether two stores' URLs lead to the same server.
func sameHost(a, b *url.URL) bool {
	return a.Scheme == b.Scheme &&
		(a.Scheme == "s3" && a.Query().Get("endpoint") == b.Query().Get("endpoint") || a.Scheme != "s3" && a.Host == b.Host)
}

// hexOf returns a digest's hexadecimal digits: the only part of a slug that becomes part of a name.
func hexOf(d digest.Digest) (string, error) {
	if !valid(d) {
		return "", fmt.Errorf("naming a slug in the store: %q is not a digest", d)
	}
	return d.Hex(), nil
}

// valid reports whether a digest from outside is well-formed.
func valid(d digest.Digest) bool {
	_, err := digest.Parse(string(d))
	return err == nil
}

func errURL(why string) error {
	return fault.UsageError(
		"usage/store",
		fmt.Errorf("choosing the slug store: the URL is not one of a store: %s", why),
		"use file:///dir, s3://bucket/prefix?endpoint=https://host&region=name or oci://host/repository",
		"credentials come from the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; SLUGC_REGISTRY_USER, SLUGC_REGISTRY_PASSWORD",
	)
}
