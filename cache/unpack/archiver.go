package unpack

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/zip"
	"github.com/klauspost/compress/zstd"
	"github.com/mholt/archiver/v4"
)

// Only this file imports archiver. It does not use archiver's Identify, which tries all formats in
// random order, recognises brotli by guessing, and also accepts rar and 7z.

// window bounds how far back a zstd frame may refer, and so the memory of its decoder: 64 MiB,
// which archiver also allows for xz and which `zstd --ultra -21` uses.
const window = 64 << 20

// sniffLen is how many bytes of a file show its format.
const sniffLen = 6

// compressions are the supported compressions, in the order in which they are tried.
var compressions = []archiver.Compression{
	archiver.Gz{},
	archiver.Zstd{DecoderOptions: []zstd.DOption{
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window),
	}},
	archiver.Xz{},
	archiver.Bz2{},
}

// isZip reports whether a file starts like a zip. An empty zip starts with its end record.
func isZip(head []byte) bool {
	m, err := archiver.Zip{}.Match(context.Background(), "", bytes.NewReader(head))
	return err == nil && m.ByStream || bytes.HasPrefix(head, []byte("PK\x05\x06"))
}

// readTar calls handle for each entry of a tar, compressed or not, and reads to the end of r.
func readTar(ctx context.Context, head []byte, r io.Reader, l Limits, handle func(entry) error) error {
	compressed := false
	for _, c := range compressions {
		m, err := c.Match(ctx, "", bytes.NewReader(head))
		if err != nil || !m.ByStream {
			continue
		}
		d, err := c.OpenReader(r)
		if err != nil {
			return err
		}
		defer d.Close()
		r, compressed = d, true
		break
	}
	in := &limitedStream{ctx: ctx, r: r, left: l.stream(), max: l.stream()}
	entries := 0
	err := archiver.Tar{}.Extract(ctx, in, func(_ context.Context, f archiver.FileInfo) error {
		entries++
		return handle(tarEntry(f))
	})
	notTar := errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case err == nil && in.seen == 0:
		return ErrFormat
	case entries == 0 && notTar && !(compressed && in.seen == 0):
		return ErrFormat
	case err != nil:
		return err
	}
	// In a plain tar the end marker is the only sign that nothing is missing. Compressed ones have
	// checksums, and some tools write them without the marker.
	if !compressed && !in.ended() {
		return fmt.Errorf("%w: %w", ErrDamaged, io.ErrUnexpectedEOF)
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// tarEntry translates a tar header by its type flag: archiver itself takes a hard link for a
// regular file.
func tarEntry(f archiver.FileInfo) entry {
	h, ok := f.Header.(*tar.Header)
	if !ok {
		return entry{name: f.NameInArchive, kind: kindOther, what: "of an unknown type"}
	}
	e := entry{
		name:   h.Name,
		mode:   fs.FileMode(h.Mode & 0o777),
		size:   h.Size,
		target: h.Linkname,
		mtime:  h.ModTime,
		open:   open(f),
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		e.kind = kindFile
	case tar.TypeDir:
		e.kind = kindDir
	case tar.TypeSymlink:
		e.kind = kindSymlink
	case tar.TypeLink:
		e.kind = kindHardlink
	case tar.TypeChar, tar.TypeBlock:
		e.kind, e.what = kindOther, "a device"
	case tar.TypeFifo:
		e.kind, e.what = kindOther, "a FIFO"
	default:
		e.kind, e.what = kindOther, fmt.Sprintf("an entry of type %q, which is unknown", h.Typeflag)
	}
	return e
}

func open(f archiver.FileInfo) opener {
	return func() (io.ReadCloser, error) {
		r, err := f.Open()
		if err != nil {
			return nil, contentError{err}
		}
		return content{r}, nil
	}
}

// readZip calls handle for each entry of a zip.
func readZip(ctx context.Context, at *inputAt, size int64, l Limits, handle func(entry) error) error {
	counting := &directory{ReaderAt: at, left: l.Files + slack}
	var own error // archiver wraps it with the unchecked name
	err := archiver.Zip{}.Extract(
		ctx,
		io.NewSectionReader(counting, 0, size),
		func(_ context.Context, f archiver.FileInfo) error {
			counting.done = true
			e, err := zipEntry(f, l)
			if err == nil {
				err = handle(e)
			}
			own = err
			return err
		},
	)
	if own != nil {
		return own
	}
	return err
}

// zipEntry translates a zip header. It reads the target of a symbolic link, which is its content;
// archiver does not.
func zipEntry(f archiver.FileInfo, l Limits) (entry, error) {
	h, ok := f.Header.(zip.FileHeader)
	if !ok {
		return entry{name: f.NameInArchive, kind: kindOther, what: "of an unknown type"}, nil
	}
	switch {
	case h.Flags&1 != 0:
		return entry{}, refuse(h.Name, "is encrypted")
	case h.Method != zip.Store && h.Method != zip.Deflate:
		// archiver registers other methods, with decoders that use any amount of memory.
		return entry{}, refuse(h.Name, "is compressed by method %d; only 0 and 8 are read", h.Method)
	case h.UncompressedSize64 > 1<<62:
		return entry{}, tooLarge(h.Name, "brings the content above %s, the limit", Size(l.Bytes))
	}
	// Some tools on Windows write backslashes, which the format does not allow.
	name := strings.ReplaceAll(h.Name, `\`, "/")
	mode := h.Mode()
	e := entry{name: name, mode: mode.Perm(), size: int64(h.UncompressedSize64), mtime: h.Modified, open: open(f)}
	switch mode.Type() {
	case 0:
		if strings.HasSuffix(name, "/") {
			e.kind = kindDir
		}
	case fs.ModeDir:
		e.kind = kindDir
	case fs.ModeSymlink:
		target, err := linkTarget(e, l)
		if err != nil {
			return entry{}, err
		}
		e.kind, e.target = kindSymlink, target
	case fs.ModeNamedPipe:
		e.kind, e.what = kindOther, "a FIFO"
	case fs.ModeSocket:
		e.kind, e.what = kindOther, "a socket"
	default:
		e.kind, e.what = kindOther, "a device"
	}
	return e, nil
}

func linkTarget(e entry, l Limits) (string, error) {
	r, err := e.open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	target, err := io.ReadAll(io.LimitReader(r, int64(l.PathLen)+1))
	return string(target), err
}

// slack is how many entries a zip's directory may have above the limit before reading it ends,
// because the end of the directory is read twice. The Writer checks the limit itself.
const slack = 4096

// directory counts the entries of a zip's directory while archiver reads it, which it does to the
// end before it handles the first entry. A directory of millions of entries must not fill the
// memory.
type directory struct {
	io.ReaderAt
	left int
	done bool
	last [3]byte // a signature may lie across two reads
}

func (d *directory) ReadAt(p []byte, off int64) (int, error) {
	n, err := d.ReaderAt.ReadAt(p, off)
	if d.done {
		return n, err
	}
	signature := []byte("PK\x01\x02")
	d.left -= bytes.Count(p[:n], signature)
	edge := append(d.last[:len(d.last):len(d.last)], p[:min(n, 3)]...)
	d.left -= bytes.Count(edge, signature)
	if n >= 3 {
		copy(d.last[:], p[n-3:n])
	}
	if d.left < 0 {
		return 0, tooLarge("archive", "has too many entries")
	}
	return n, err
}
