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
	"runtime"
	"slugc/cache/digest"

	"golang.org/x/sync/errgroup"
)

// Archive is a part of a slug as a gzip-compressed tar archive of its own, which is what an OCI
// layer is: the part's compressed bytes as they lie in the slug, between a gzip header and a final
// block. Extracted one after another, a slug's archives give what the slug gives.
type Archive struct {
	Part   Part
	Digest digest.Digest // of the archive's bytes
	Diff   digest.Digest // of its tar: OCI's DiffID
	Size   int64         // bytes

	head, tail   []byte
	offset, size int64 // of the bytes in the slug between them
}

// How many bytes an archive has before and after those of its part.
const (
	archiveHead = 10
	archiveTail = 5 + endOfTar + trailerSize // the end of the archive in a stored block, and the gzip trailer
)

// Open gives the archive's bytes; f is the slug.
func (a Archive) Open(f io.ReaderAt) io.Reader {
	return io.MultiReader(bytes.NewReader(a.head), io.NewSectionReader(f, a.offset, a.size), bytes.NewReader(a.tail))
}

// Archives gives the archives of a slug's parts, in order, the digest of its file, and the 8 bytes
// that end it. Everything is inflated and checked on the way.
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
	group.SetLimit(min(runtime.GOMAXPROCS(0), maxDefaultWorkers))
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

// archive makes an archive of a part that is made of segments.
func archive(f *os.File, p Part) (Archive, error) {
	a := Archive{Part: p, head: gzipHeader, offset: p.Offset, size: p.Size}
	if p.Offset == 0 {
		a.head = nil // it lies in the part
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
	return a, a.finish(
		f,
		append([]byte{1, endOfTar & 0xff, endOfTar >> 8, ^endOfTar & 0xff, ^endOfTar >> 8 & 0xff}, end...),
		crc,
		length,
	)
}

// archive makes an archive of the last part.
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

// ArchivedSize is the size of the part that the i-th of n archives of a slug holds, from the
// archive's size.
func ArchivedSize(i, n int, size int64) int64 {
	switch i {
	case 0:
		return size - archiveTail
	case n - 1:
		return size - archiveHead
	}
	return size - archiveHead - archiveTail
}

// FromArchive gives a part's own bytes from the i-th of n archives, whose bytes are r's; trailer is
// what the slug's file ends with. Nothing is checked: [Rebuild.Write] does that.
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
