package slug

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"golang.org/x/sync/errgroup"

	"slugc/cache/digest"
)

// Archive is a part of a slug as a gzip-compressed tar archive of its own, which is what an OCI
// layer is: a gzip header, the part's compressed bytes as they are in the slug, and a final block.
// Extracting a slug's archives one after another makes the same tree as extracting the slug.
type Archive struct {
	Part   Part
	Digest digest.Digest // of the archive's bytes
	Diff   digest.Digest // of its tar: OCI's DiffID
	Size   int64         // bytes

	head, tail   []byte
	offset, size int64 // of the bytes in the slug between them
}

// The numbers of bytes of an archive before and after those of its part.
const (
	archiveHead = 10
	archiveTail = 5 + endOfTar + trailerSize // the end of the archive in a stored block, and the gzip trailer
)

// Open returns a reader of the archive's bytes; f is the slug.
func (a Archive) Open(f io.ReaderAt) io.Reader {
	return io.MultiReader(bytes.NewReader(a.head), io.NewSectionReader(f, a.offset, a.size), bytes.NewReader(a.tail))
}

// Archives returns the archives of a slug's parts, in order, the digest of its file, and the 8
// bytes that end it. It inflates and checks everything.
func Archives(ctx context.Context, path string) (archives []Archive, sum digest.Digest, trailer []byte, err error) {
	parts, sum, err := Parts(ctx, path, true)
	if err != nil {
		return nil, "", nil, err
	}
	f, t, _, err := openSlug(path)
	if err != nil {
		return nil, "", nil, err
	}
	defer f.Close()
	archives = make([]Archive, len(parts))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(orDefault(0))
	for i, p := range parts {
		group.Go(func() (err error) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if i == len(parts)-1 {
				archives[i], err = t.archive(f, p)
			} else {
				archives[i], err = archive(f, p)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, "", nil, err
	}
	trailer = binary.LittleEndian.AppendUint32(nil, t.crc)
	return archives, sum, binary.LittleEndian.AppendUint32(trailer, t.length), nil
}

// archive makes the archive of a part that consists of segments.
func archive(f *os.File, p Part) (Archive, error) {
	a := Archive{Part: p, head: gzipHeader, offset: p.Offset, size: p.Size}
	if p.Offset == 0 {
		a.head = nil // it is in the part
	}
	diff, crc, length := sha256.New(), uint32(0), int64(endOfTar)
	var in inflater
	for _, s := range p.segments {
		b, err := in.read(f, s)
		if err != nil {
			return a, errDamaged(f.Name(), err)
		}
		diff.Write(b)
		crc, length = combineCRC(crc, s.CRC, s.Tar), length+s.Tar
	}
	end := make([]byte, endOfTar)
	diff.Write(end)
	a.Diff = digest.Sum(diff)
	crc = combineCRC(crc, crc32.ChecksumIEEE(end), endOfTar)
	final := []byte{1, endOfTar & 0xff, endOfTar >> 8, ^endOfTar & 0xff, ^endOfTar >> 8 & 0xff} // a stored block
	return a, a.finish(f, append(final, end...), crc, length)
}

// archive makes the archive of the last part.
func (t *tail) archive(f *os.File, p Part) (Archive, error) {
	a := Archive{Part: p, head: gzipHeader, offset: p.Offset, size: p.Size - trailerSize, Diff: digest.Of(t.tar)}
	return a, a.finish(f, nil, crc32.ChecksumIEEE(t.tar), int64(len(t.tar)))
}

// finish sets the archive's end and digest.
func (a *Archive) finish(f *os.File, end []byte, crc uint32, length int64) error {
	a.tail = binary.LittleEndian.AppendUint32(end, crc)
	a.tail = binary.LittleEndian.AppendUint32(a.tail, uint32(length))
	var err error
	if a.Digest, a.Size, err = digest.Read(a.Open(f)); err != nil {
		return fmt.Errorf("reading slug %q: %w", f.Name(), err)
	}
	return nil
}

// ArchivedSize returns the size of the part in the i-th of n archives of a slug, from the archive's
// size.
func ArchivedSize(i, n int, size int64) int64 {
	switch i {
	case 0:
		return size - archiveTail
	case n - 1:
		return size - archiveHead
	}
	return size - archiveHead - archiveTail
}

// FromArchive returns a reader of a part's own bytes, from a reader of the i-th of n archives; size
// is the part's, trailer the last bytes of the slug's file. It checks nothing: [Rebuild.Write]
// does.
func FromArchive(i, n int, r io.Reader, size int64, trailer []byte) (io.Reader, error) {
	if i > 0 {
		if _, err := io.CopyN(io.Discard, r, archiveHead); err != nil {
			return nil, err
		}
	}
	if i < n-1 {
		return io.LimitReader(r, size), nil
	}
	return io.MultiReader(io.LimitReader(r, size-int64(len(trailer))), bytes.NewReader(trailer)), nil
}
