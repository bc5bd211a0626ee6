// Package blobstore keeps slugs where builders and runners of other machines find them: in a
// directory that they share, in an S3-compatible bucket, or in an OCI registry.
//
//	store, err := blobstore.Open("s3://slugs/prod?endpoint=https://s3.example.com", options)
//	…
//	url, moved, err := store.Put(ctx, "blog.tgz", digest) // on the builder; the release keeps the URL
//	moved, err = store.Get(ctx, url, digest, "copy.tgz", []string{"older.tgz"}) // on a runner
//
// [Open] returns a [Store] for a URL; [Options] carry the credentials; a [Transfer] counts what was
// moved. The package does not decide which slugs to keep, and deletes none.
//
// A slug is stored in parts (see [slug.Part]: a section, or a piece of one of a few MB). A part's
// name is the SHA-256 of its bytes, so a slug that shares its runtime and its dependencies with an
// earlier one moves only what changed. The list of a slug's parts is written last: an interrupted
// upload leaves parts, but nothing that looks like a slug.
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
// A slug is an OCI image (OCI image and distribution specifications) whose layers are its parts,
// each as an archive of its own ([slug.Archive]). The compressed bytes are the slug's own, so the
// slug can be rebuilt byte for byte. The image has the tag slug-‹hex›; a release names it by its
// manifest's digest: oci://host/repository@sha256:….
//
// # Trust
//
// Nothing that a store says is trusted. Every part is checked against its digest, and the whole
// file against the slug's before the file gets its name. No name that comes from a store becomes a
// path. All reads are bounded. Credentials go only to the host they are for ([Options]), and never
// into an error or a URL; a URL that holds any is refused.
package blobstore

import (
	"context"
	"net/url"
	"slices"
	"time"

	"slugc/cache/digest"
	"slugc/detect/lazyregexp"
)

// Store is a slug store. It is safe for concurrent use, also by several processes: all may put the
// same slug at the same time. Errors are faults: "blobstore/unreachable" (transient, after a few
// attempts), "blobstore/denied", "blobstore/missing", "blobstore/damaged" and others. None holds a
// secret.
type Store interface {
	// Put makes the slug durable in the store, uploads only the parts that the store lacks, and
	// returns the URL for a release. The file must be a whole, verified slug of that digest. When
	// Put returns nil, the slug is durable, and the store's copy has been checked against the
	// digests as far as the store's protocol allows.
	Put(ctx context.Context, file string, d digest.Digest) (url string, t Transfer, err error)
	// Get fetches the slug that the URL names ("": the one of that digest in this store) into the
	// new file to, which it writes beside, syncs and renames. It takes parts from the slugs in have
	// where it can; those may be damaged or missing.
	Get(ctx context.Context, url string, d digest.Digest, to string, have []string) (Transfer, error)
	// Stat returns nil if the slug is in the store with all its parts. It does not fetch them. For
	// url see Get.
	Stat(ctx context.Context, url string, d digest.Digest) error
}

// Transfer counts what a Put or a Get moved.
type Transfer struct {
	Bytes       int64 // moved to or from the store
	Reused      int64 // bytes that were there already, or came from slugs on this machine
	Parts       int   // moved
	ReusedParts int
}

// Options are the settings of [Open]. The zero value is useful.
type Options struct {
	// Credentials are named as the environment names them: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
	// and AWS_SESSION_TOKEN for s3, SLUGC_REGISTRY_USER and SLUGC_REGISTRY_PASSWORD for oci.
	Credentials map[string]string
	// CredentialsFor is the URL of the store that the credentials are for; "" is the one opened. No
	// other host gets them: a release's URL decides where a slug comes from, but not who is told
	// secrets.
	CredentialsFor string
	// MachineCredentials lets s3 use this machine's credentials where Credentials has none: those
	// in the client's own files and those of the machine's role.
	MachineCredentials bool
	// Progress is called with the bytes done so far and in all, by several goroutines; nil for
	// none.
	Progress func(done, total int64)

	tries int           // of a request while the store is unreachable; 0: 4
	pause time.Duration // before the second; doubled each time; 0: 250 ms
	idle  time.Duration // after which a connection that moves no byte is closed; 0: a minute
}

// jobs is how many parts are moved at the same time.
const jobs = 4

// schemes are the kinds of stores, by the scheme of their URL.
var schemes = map[string]func(*url.URL, Options) (Store, error){"file": openDir, "s3": openS3, "oci": openOCI}

// Open opens the store that a URL names: the store's own URL, or that of a slug in it. It sends no
// request. A wrong URL is a fault of id "usage/store".
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
	if o.CredentialsFor != "" {
		if own, err := parse(o.CredentialsFor); err != nil || !sameServer(own, u) {
			o.Credentials, o.MachineCredentials = nil, false
		}
	}
	return schemes[u.Scheme](u, o)
}

// Check returns the error of [Open] for a URL.
func Check(rawURL string) error {
	_, err := Open(rawURL, Options{})
	return err
}

// parse reads a store's URL, without what names a slug in it.
func parse(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, badURL("it is malformed")
	}
	switch {
	case schemes[u.Scheme] == nil:
		return nil, badURL("the scheme %q is unknown", u.Scheme)
	case u.User != nil:
		return nil, badURL("it holds credentials")
	case u.Fragment != "":
		return nil, badURL("it has a fragment")
	}
	for name, values := range u.Query() {
		if u.Scheme != "s3" || !slices.Contains([]string{"endpoint", "region"}, name) || len(values) > 1 {
			return nil, badURL("the parameter %.40q is unknown or given twice", name)
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

// sameServer reports whether two stores' URLs lead to the same server.
func sameServer(a, b *url.URL) bool {
	if a.Scheme != b.Scheme {
		return false
	}
	if a.Scheme == "s3" {
		return a.Query().Get("endpoint") == b.Query().Get("endpoint")
	}
	return a.Host == b.Host
}
