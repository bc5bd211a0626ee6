// Package reference turns what people write to name a buildpack into directories that hold it.
//
//	ref, err := reference.Parse("https://example.com/python.git#v12", dir)
//	store, err := reference.Open(home.Path("foreign"), reference.Options{})
//	defer store.Close()
//	pack, err := store.Take(ctx, ref)
//	pack.Buildpacks[0].Dir // has bin/detect and bin/build, or bin/compile
//
// A buildpack comes from a directory, an archive, a git repository or an image ([Parse] has the forms). [Store.Take]
// copies it into a directory of the machine, by the digest of its files. What can move (a branch, a tag, an address)
// is fetched once: from then on the store's copy serves, without network, until [Store.Update] fetches it again.
// Directories and archives of this machine are read each time.
//
// Everything fetched is hostile. It is unpacked by package unpack, below a directory of its own, with limits; no
// program of it runs here. Builds never write to the store.
//
//	‹foreign›/
//	  ‹hex digest›/      one package; its users hold its lock shared
//	    tree/            the files of its buildpacks
//	    manifest         digest and stat of every file (package manifest)
//	    about.json       what it is; its modification time is the last use
//	  .pins/             what a reference led to, by the digest of its text without credentials
//	  .seen/             stats of the directories of this machine that were taken lately
//	  .locks/            never deleted
//	  .staging/          what is being fetched
package reference

import "slugc/cache/digest"

// Kind is the contract of a buildpack.
type Kind string

// The kinds.
const (
	// CNB is a Cloud Native Buildpack: buildpack.toml with bin/detect and bin/build, or an order of others.
	CNB Kind = "cnb"
	// Classic is a Heroku buildpack: bin/detect, bin/compile and bin/release.
	Classic Kind = "classic"
)

// Buildpack is one buildpack in the store.
type Buildpack struct {
	Dir  string // absolute; has buildpack.toml, or bin/compile
	Kind Kind
	// ID and Version are those of buildpack.toml. A classic one has the last name of its reference,
	// "heroku-buildpack-python", and the first digits of its files' digest.
	ID, Version string
}

// Package is what a reference leads to.
type Package struct {
	Ref    string        // as written, credentials removed
	Source string        // where it came from, exactly: "/srv/bp", "https://host/bp.git#‹commit›", "host/name@sha256:…"
	Digest digest.Digest // of its files: names, modes and contents
	Moved  string        // where a reference that can move leads now, if that is not Source; else ""
	// Buildpacks are the one that the reference names, and then those that a composite one consists of.
	Buildpacks []Buildpack
}
