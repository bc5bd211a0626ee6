package reference

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"path/filepath"

	"slugc/buildpacks/toolchain/source"
	"slugc/cache/digest"
)

// fetchArchive fetches and unpacks an archive.
func (s *Store) fetchArchive(ctx context.Context, r Ref, f *fetched, to string) error {
	addr := s.address(r)
	f.source = shown(addr)
	file, sum := filepath.Join(f.staging, "archive"), sha256.New()
	s.o.Note("Fetching " + f.source)
	err := s.web.Download(ctx, source.Download{
		Addr: addr, File: file, Sums: []hash.Hash{sum}, Seen: &f.seen,
		Meter: func(done, total int64) { s.o.Progress("fetching "+f.source, done, total) },
	})
	if err != nil && r.ID != "" && (source.Absent(err) || source.Refused(err)) {
		return errNotFound(fmt.Errorf("there is no such directory, and Heroku's registry has no buildpack %q", r.ID),
			"for a Cloud Native Buildpack write urn:cnb:registry:"+r.ID, "for any other, write its address")
	}
	if err != nil {
		return errFetching(ctx, err)
	}
	if is := digest.Sum(sum); r.SHA256 != "" && is != r.SHA256 {
		return errDigest(is, r.SHA256)
	}
	return s.unpackFile(ctx, file, to)
}

// herokuRegistry is where Heroku keeps the buildpacks of everyone, by namespace and name.
const herokuRegistry = "https://buildpack-registry.s3.amazonaws.com/buildpacks"

// address is where an archive is.
func (s *Store) address(r Ref) string {
	if r.Addr == "" {
		return cmp.Or(s.o.Heroku, herokuRegistry) + "/" + r.ID + ".tgz"
	}
	return r.Addr
}

// errFetching is the error of a download.
func errFetching(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case source.Absent(err):
		return errNotFound(err, "see that the address is right")
	case source.IsTransient(err):
		return errUnreachable(err)
	case source.Refused(err):
		return failed(Writer, "buildpack/denied", err, "see that the address is right, and that its credentials are")
	}
	return err
}
