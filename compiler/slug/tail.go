package slug

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"strings"

	"slugc/cache/digest"
)

// The tail of a slug is, from the end: the gzip trailer; the last stored block, which holds the
// last tar block of slug.json and the two zero blocks that end a tar; before it, other stored
// blocks. The text of slug.json ends with the member "tail", which has a fixed length and so a
// fixed distance from the end of the file. It holds the offset of the tail and the CRC-32 of the
// tail's tar bytes before the member.
const (
	tailFormat  = `"tail":"%020d %08x"}` + "\n"
	tailLength  = 8 + 20 + 1 + 8 + 3
	trailerSize = 8
	lastStored  = block + endOfTar
	maxStored   = 120 * block // per stored block; deflate allows 65535 bytes
	maxTail     = 64 << 20
)

var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}

// tailBytes returns the compressed bytes of a slug's tail, which lies at the offset, and its tar
// bytes.
func tailBytes(m *Manifest, offset int64) (compressed, tarBytes []byte, err error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, nil, fmt.Errorf("writing slug.json: %w", err)
	}
	text = append(bytes.TrimSuffix(text, []byte("}")), ",\n"...)
	text = append(text, strings.Repeat(" ", int(-int64(len(text)+tailLength)&(block-1)))...)
	var b bytes.Buffer
	e := entry{path: manifestPath, kind: tar.TypeReg, size: int64(len(text) + tailLength)}
	if err := appendHeader(&b, e); err != nil {
		return nil, nil, err
	}
	b.Write(text)
	fmt.Fprintf(&b, tailFormat, offset, crc32.ChecksumIEEE(b.Bytes()))
	b.Write(make([]byte, endOfTar))
	return stored(b.Bytes()), b.Bytes(), nil
}

// stored returns b in stored deflate blocks. The last one is final and holds lastStored bytes.
func stored(b []byte) []byte {
	var out []byte
	for rest := b; len(rest) > 0; {
		n, final := min(maxStored, len(rest)-lastStored), byte(0)
		if n == 0 {
			n, final = lastStored, 1
		}
		out = append(out, final)
		out = binary.LittleEndian.AppendUint16(out, uint16(n))
		out = binary.LittleEndian.AppendUint16(out, ^uint16(n))
		out, rest = append(out, rest[:n]...), rest[n:]
	}
	return out
}

// unstored is the inverse of stored. It refuses what stored does not write.
func unstored(b []byte) ([]byte, error) {
	var out []byte
	for rest := b; ; {
		if len(rest) < 5 {
			return nil, errors.New("its tail is cut short")
		}
		n := int(binary.LittleEndian.Uint16(rest[1:]))
		if len(rest) < 5+n || n == 0 {
			return nil, errors.New("its tail is cut short")
		}
		out = append(out, rest[5:5+n]...)
		if rest = rest[5+n:]; len(rest) == 0 {
			break
		}
	}
	if len(out) < 2*lastStored-endOfTar || !bytes.Equal(stored(out), b) {
		return nil, errors.New("its tail does not have a slug's form")
	}
	return out, nil
}

// tail is a slug's tail as read.
type tail struct {
	manifest Manifest
	offset   int64
	tar      []byte
	crc      uint32 // of the whole file, as its trailer says
	length   uint32 // of the whole tar, as its trailer says
}

// readTail finds and reads the tail of a slug of that size, and checks it against its own checksum.
func readTail(r io.ReaderAt, size int64) (*tail, error) {
	if size < int64(len(gzipHeader)+lastStored+trailerSize) {
		return nil, errors.New("it is too short for a slug")
	}
	var end [tailLength + endOfTar + trailerSize]byte
	if _, err := r.ReadAt(end[:], size-int64(len(end))); err != nil {
		return nil, fmt.Errorf("reading its tail: %w", err)
	}
	t := tail{
		crc:    binary.LittleEndian.Uint32(end[len(end)-trailerSize:]),
		length: binary.LittleEndian.Uint32(end[len(end)-trailerSize+4:]),
	}
	var sum uint32
	member := string(end[:tailLength])
	if _, err := fmt.Sscanf(member, tailFormat, &t.offset, &sum); err != nil ||
		fmt.Sprintf(tailFormat, t.offset, sum) != member {
		return nil, errors.New("it is not a slug, or its end is missing or followed by something else")
	}
	n := size - trailerSize - t.offset
	if t.offset < int64(len(gzipHeader)) || n <= lastStored || n > maxTail {
		return nil, errors.New("it states that its tail lies outside the file")
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, t.offset); err != nil {
		return nil, fmt.Errorf("reading its tail: %w", err)
	}
	var err error
	if t.tar, err = unstored(b); err != nil {
		return nil, err
	}
	return &t, t.parse(sum)
}

// parse reads slug.json from the tail's tar bytes.
func (t *tail) parse(sum uint32) error {
	end := len(t.tar) - endOfTar
	if crc32.ChecksumIEEE(t.tar[:end-tailLength]) != sum {
		return errors.New("its slug.json is damaged")
	}
	for _, b := range t.tar[end:] {
		if b != 0 {
			return errors.New("its archive does not end where it should")
		}
	}
	e, n, err := readHeader(t.tar[:end])
	if err != nil {
		return fmt.Errorf("reading its slug.json: %w", err)
	}
	if e.path != manifestPath || e.kind != tar.TypeReg || e.exec || e.size != int64(end-n) {
		return errors.New("its last entry is not slug.json")
	}
	if err := json.Unmarshal(t.tar[n:end], &t.manifest); err != nil {
		return fmt.Errorf("reading its slug.json: %w", err)
	}
	if t.manifest.Format != FormatVersion {
		return fmt.Errorf("it is of format %d, this slugc reads format %d", t.manifest.Format, FormatVersion)
	}
	if dir := t.manifest.Directory; dir != "" && !fs.ValidPath(dir) {
		return fmt.Errorf("its directory %q is not one below ./app", dir)
	}
	return t.checkLayout()
}

// checkLayout checks that the segments lie one after another from the gzip header to the tail, and
// that their digests are well-formed.
func (t *tail) checkLayout() error {
	at := int64(len(gzipHeader))
	next := func(s Segment) bool {
		ok := s.Offset == at && s.Size > 0 && s.Size <= maxRead && s.Tar > 0 && s.Tar <= maxRead && s.Part >= 0
		at += s.Size
		_, err := digest.Parse(string(s.Digest))
		return ok && err == nil
	}
	ok := next(t.manifest.Dirs) && t.manifest.Dirs.Part == 0
	for _, section := range t.manifest.Sections {
		for i, s := range section.Segments {
			ok = ok && next(s) && (s.Part == 0 || i > 0 && section.Segments[i-1].Part == s.Part-1)
		}
	}
	if !ok || at != t.offset {
		return errors.New("its segments do not lie where they should")
	}
	return nil
}
