// Package archive is the source of most toolchains: a document lists versions, and for each there
// is an archive (a tarball, a zip, a jar) whose sha256 is published.
//
// [Source] is that source; a tool states where the list is, how a version's [File] is found and
// how its tree is made of it. [Index] does the first two where one document lists a file for each
// version, [Sums] reads lists of checksums as sha256sum(1) writes them, and [Download] fetches and
// verifies one file:
//
//	index := archive.Index{Env: env, Base: base, Addr: base + "/?mode=json", Parse: parse}
//	&archive.Source{
//		Env: env, Label: "go.dev", Base: base, Asks: index.Addr,
//		Versions: index.Versions, Compare: compare, File: index.File,
//		Place: func(ctx context.Context, path, version string, j *source.Job) error {
//			return archive.Unpack(ctx, path, j.Tree, 1)
//		},
//	}
//
// It knows no tool. Nothing is unpacked before its checksum holds.
package archive

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"path"
	"path/filepath"

	"slugc/buildpacks/toolchain/source"
	"slugc/cache/digest"
)

// File is one published archive.
type File struct {
	Name   string // for people; its last part is the file's name on disk
	Addr   string
	SHA256 string // 64 hexadecimal digits; without them the file is refused
}

// Source is a source of archives; see the package comment. With an empty Base it is switched
// off.
type Source struct {
	Env   *source.Env
	Label string // the source's name
	Base  string // address, without a slash at its end
	Asks  string // the document that shows that the source is there
	// MayRefuse is set where a server need not have the document Asks.
	MayRefuse bool

	// Versions lists the versions that may serve a constraint. With again it asks the source past
	// what is kept; asked reports whether the source has just answered.
	Versions func(ctx context.Context, c *source.Constraint, again bool) (l source.Listing, asked bool, err error)
	Compare  func(a, b string) int
	// None makes the error for a constraint that none of the versions serves. Nil names those that
	// come close.
	None func(versions []string) error
	// File finds the archive of a version.
	File func(ctx context.Context, version string) (File, error)
	// Place makes j.Tree of the verified archive at path.
	Place func(ctx context.Context, path, version string, j *source.Job) error
}

// Name returns the label.
func (s *Source) Name() string { return s.Label }

// Endpoints returns the base.
func (s *Source) Endpoints(context.Context) []source.Endpoint {
	if s.Base == "" {
		return source.Off(s.Label)
	}
	return []source.Endpoint{{Name: s.Label, Address: source.ShowAddress(s.Base), Check: s.check}}
}

func (s *Source) check(ctx context.Context) error {
	err := s.Env.Web.Check(ctx, s.Asks, nil)
	if s.MayRefuse && source.Refused(err) {
		return nil
	}
	return err
}

// Resolve chooses a version of the listing.
func (s *Source) Resolve(ctx context.Context, c *source.Constraint) (version, note string, err error) {
	if s.Base == "" {
		return "", "", source.ErrDisabled
	}
	none := s.None
	if none == nil {
		none = c.Nearest(s.Compare)
	}
	return c.Choose(func(again bool) (source.Listing, bool, error) { return s.Versions(ctx, c, again) }, none)
}

// Fetch downloads and verifies the archive of a version and makes the tree of it.
func (s *Source) Fetch(ctx context.Context, version string, j *source.Job) (string, error) {
	f, err := s.File(ctx, version)
	if err != nil {
		return "", err
	}
	packed, sum, err := Download(ctx, s.Env.Web, f, j)
	if err != nil {
		return "", err
	}
	return sum.String(), s.Place(ctx, packed, version, j)
}

// Download fetches a file into the job's directory for downloads and compares its sha256 with the
// published one.
func Download(ctx context.Context, web *source.Web, f File, j *source.Job) (file string, d digest.Digest, err error) {
	want, err := digest.FromHex(f.SHA256)
	if err != nil {
		return "", "", fmt.Errorf("verifying %s: the list states no sha256 for it", f.Name)
	}
	h := sha256.New()
	file = filepath.Join(j.Temp, path.Base(f.Name))
	err = web.Download(ctx, source.Download{Addr: f.Addr, File: file, Meter: j.Meter(), Sums: []hash.Hash{h}})
	if err != nil {
		return "", "", err
	}
	if got := digest.Sum(h); got != want {
		return "", "", &source.DigestError{What: f.Name, Want: want.String(), Got: got.String()}
	}
	return file, want, nil
}

// Unpack unpacks a verified archive into a directory without the first strip parts of its paths.
func Unpack(ctx context.Context, file, dir string, strip int) error {
	if err := source.Unpack(ctx, file, dir, strip); err != nil {
		return fmt.Errorf("unpacking %s: %w", filepath.Base(file), err)
	}
	return nil
}
