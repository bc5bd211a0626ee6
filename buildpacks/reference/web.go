package reference

import (
	"context"
	"crypto/sha256"
	"hash"
	"path/filepath"

	"slugc/buildpacks/toolchain/source"
	"slugc/cache/digest"
)

// fetchArchive fetches and unpacks an archive.
func (s *Store) fetchArchive(ctx context.Context, r Ref, f *fetched, to string) error {
	f.source = shown(r.Addr)
	file, sum := filepath.Join(f.staging, "archive"), sha256.New()
	s.o.Note("Fetching " + f.source)
	err := s.web.Download(ctx, source.Download{
		Addr: r.Addr, File: file, Sums: []hash.Hash{sum}, Seen: &f.seen, Meter: func(done, total int64) {},
	})
	if err != nil {
		return errFetching(ctx, err)
	}
	if is := digest.Sum(sum); r.SHA256 != "" && is != r.SHA256 {
		return errDigest(is, r.SHA256)
	}
	return s.unpackFile(ctx, file, to)
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
