// Package source is the environment in which sources of toolchains work, and the contract between
// them and the store.
//
// A [Source] knows which versions of one tool there are and fetches one. A [Tool] is a tool's
// grammar of versions with its sources, best first. [Env] is what a store lends its sources: the
// [Web], kept listings ([Document]), the target platform, locks. A source of an archive with a
// published checksum, whole:
//
//	func (s *example) Resolve(ctx context.Context, c *source.Constraint) (version, note string, err error) {
//		return c.Choose(func(again bool) (source.Listing, bool, error) {
//			all, asked, err := source.Document[[]string]{Addr: s.base + "/list", Parse: parse}.List(ctx, s.env, again)
//			return source.Listing{Versions: all}, asked, err
//		}, c.Nearest(source.CompareSemver))
//	}
//
//	func (s *example) Fetch(ctx context.Context, version string, j *source.Job) (string, error) {
//		file := archive.File{Name: version + ".tar.gz", Addr: s.base + "/" + version + ".tar.gz", SHA256: sum}
//		path, digest, err := archive.Download(ctx, s.env.Web, file, j)
//		…
//		return digest.String(), archive.Unpack(ctx, path, j.Tree, 1)
//	}
//
// Imports lead one way: the store (package toolchain) imports the tools, they import the shapes of
// sources that they share (packages archive and apt), and those import this package. It knows no
// tool and no particular source, puts no tree into the store and decides nothing about errors:
// that is the store's part.
package source

import (
	"context"
	"time"
)

// Source lists the versions of one tool and fetches one. It is safe for concurrent use.
type Source interface {
	// Name is what people and records call the source: "nodejs.org".
	Name() string
	// Endpoints are the places that the source depends on, the first under its own name. One that
	// is switched off is among them.
	Endpoints(ctx context.Context) []Endpoint
	// Resolve chooses a version, and returns it with a line for people, or "". The error is
	// ErrDisabled where the source is switched off, and a *NoVersionError where it has no version
	// that serves.
	Resolve(ctx context.Context, c *Constraint) (version, note string, err error)
	// Fetch makes the tree of a version that Resolve has chosen, verified, in j.Tree. It returns
	// the artefact's digest in the source's own form: "sha256:…", "sha512-…", "h1:…".
	Fetch(ctx context.Context, version string, j *Job) (digest string, err error)
}

// InPlace is a Source whose trees are used where they lie. The store does not call its Fetch.
type InPlace interface {
	Source
	// Root is the tree of a version, "" where the source does not have that version now.
	Root(version string) string
}

// Endpoint is one place that a source depends on.
type Endpoint struct {
	Name    string // of the source, or of what it asks besides: "checksum database"
	Address string // without credentials; "" where none is set
	// Check returns nil where the place answers, and the reason in one line where it does not. It
	// changes nothing. A nil Check means that the place is switched off or not set.
	Check func(context.Context) error
}

// Off is the endpoint of a source that is switched off or not set.
func Off(name string) []Endpoint { return []Endpoint{{Name: name}} }

// Tool is how one tool's versions are written, ordered and found.
type Tool struct {
	Name    string
	Parse   func(constraint string) (*Constraint, error)
	Compare func(a, b string) int
	Sources []Source // the best first
	// Verify refuses a tree that is not of the version it is kept as. Nil accepts every tree.
	Verify func(tree, version string) error
}

// Listing is what a source has.
type Listing struct {
	Versions  []string
	Codenames map[string]string // name of the LTS line by version, from sources that know; nil from others
	Tags      map[string]string // version by name, such as "latest"
}

// Job is one fetch.
type Job struct {
	Tree  string            // the directory to make and fill; the one above exists
	Temp  string            // an existing directory for downloads
	Pins  []string          // set by Fetch: digests of all that an app may pin, as "sha512.‹hex›"
	Meter func() Meter      // returns the progress of one more download
	Note  func(line string) // receives one line for people
}

// Meter receives how far one download is, in bytes. total is 0 while it is unknown.
type Meter func(done, total int64)

// Env is what a store lends its sources. Its fields are not changed while sources work.
type Env struct {
	OS, Arch string // of the target, Go's names: "linux", "amd64"
	Dir      string // the store's directory; a source keeps its state in a directory of its own below
	Web      *Web
	Now      func() time.Time
	Fresh    bool // ask sources again, whatever was listed within the last day

	// Lock waits for a lock by name, across processes, and returns what releases it.
	Lock func(ctx context.Context, name string) (unlock func(), err error)

	listings listings
}
