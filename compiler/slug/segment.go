package slug

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slugc/cache/digest"

	"github.com/klauspost/compress/flate"
)

// codec names everything that decides a segment's compressed bytes from its tar bytes and its tar
// bytes from a tree: a store written under another name is not used. It must change whenever the
// compressor's output, the level or the layout does; a test holds it to the bytes.
const codec = "tar1 klauspost/compress/flate-1.20.3 level-6 align-4096"

// level is the deflate level: the fastest that keeps a slug within 4 % of gzip -6.
const level = 6

// align is what every segment's place in a slug and in a store is a multiple of, so that file
// systems that can share extents between files do.
const align = 4096

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	endOfFlush = []byte{0, 0, 0xff, 0xff}       // how a sync flush ends
	lastBlock  = []byte{1, 0, 0, 0xff, 0xff}    // an empty, final stored block
	pad5       = []byte{0, 0, 0, 0xff, 0xff}    // an empty stored block
	pad6       = []byte{2, 0, 0, 0, 0xff, 0xff} // an empty block of fixed codes and an empty stored one
)

// deflate writes b as one segment: by a fresh writer, ended by a sync flush, then padded by empty
// blocks until its length and the bytes before it make a multiple of align. It gives the number of
// bytes written and their CRC-32C.
func deflate(w io.Writer, b []byte, before int64) (size int64, sum uint32, err error) {
	buffered := bufio.NewWriterSize(w, 64<<10) // the compressor writes a few hundred bytes at a time
	c := &counter{w: buffered}
	z, err := flate.NewWriter(c, level)
	if err != nil {
		return 0, 0, err
	}
	if _, err := z.Write(b); err != nil {
		return 0, 0, err
	}
	if err := z.Flush(); err != nil {
		return 0, 0, err
	}
	if _, err := c.Write(padding(before + c.n)); err != nil {
		return 0, 0, err
	}
	return c.n, c.sum, buffered.Flush()
}

// padding gives empty deflate blocks that bring size to a multiple of align.
func padding(size int64) []byte {
	n := int(-size & (align - 1))
	if n == 0 {
		return nil
	}
	if n < 4*len(pad5) { // some of the shorter lengths cannot be made from fives and sixes
		n += align
	}
	sixes := n % len(pad5)
	return append(bytes.Repeat(pad5, (n-sixes*len(pad6))/len(pad5)), bytes.Repeat(pad6, sixes)...)
}

// counter counts and sums up what is written through it.
type counter struct {
	w   io.Writer
	n   int64
	sum uint32
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n, c.sum = c.n+int64(n), crc32.Update(c.sum, castagnoli, b[:n])
	return n, err
}

// maxRead bounds a segment's compressed and uncompressed size when it is read: twice what is ever
// written, for names in PAX headers are not counted exactly.
const maxRead = 2 * maxSegment

// inflater reads segments. It is not safe for concurrent use.
type inflater struct {
	compressed, tar []byte
	reader          io.ReadCloser
}

// read reads the segment that lies at the offset in r and checks everything that is said of it. The
// bytes given are valid until the next call.
func (i *inflater) read(r io.ReaderAt, s Segment) ([]byte, error) {
	if s.Size < int64(len(endOfFlush)) || s.Size > maxRead || s.Tar < 0 || s.Tar > maxRead {
		return nil, fmt.Errorf("segment %s is said to be of %d bytes, %d uncompressed", s.Digest, s.Size, s.Tar)
	}
	i.compressed = sized(i.compressed, int(s.Size)+len(lastBlock))
	if _, err := r.ReadAt(i.compressed[:s.Size], s.Offset); err != nil {
		return nil, fmt.Errorf("reading segment %s: %w", s.Digest, err)
	}
	if crc32.Checksum(i.compressed[:s.Size], castagnoli) != s.Sum {
		return nil, fmt.Errorf("segment %s is damaged", s.Digest)
	}
	if !bytes.HasSuffix(i.compressed[:s.Size], endOfFlush) {
		return nil, fmt.Errorf("segment %s does not end at a byte's border", s.Digest)
	}
	copy(i.compressed[s.Size:], lastBlock)
	source := bytes.NewReader(i.compressed)
	if i.reader == nil {
		i.reader = flate.NewReader(source)
	} else if err := i.reader.(flate.Resetter).Reset(source, nil); err != nil {
		return nil, err
	}
	i.tar = sized(i.tar, int(s.Tar))
	if _, err := io.ReadFull(i.reader, i.tar); err != nil {
		return nil, fmt.Errorf("inflating segment %s: %w", s.Digest, err)
	}
	if n, err := i.reader.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) || source.Len() != 0 {
		return nil, fmt.Errorf("segment %s is longer or shorter than it is said to be", s.Digest)
	}
	if crc32.ChecksumIEEE(i.tar) != s.CRC || digest.Of(i.tar) != s.Digest {
		return nil, fmt.Errorf("segment %s does not have the content that it is said to have", s.Digest)
	}
	return i.tar, nil
}

// sized gives a slice of n bytes, b's own memory if that suffices.
func sized(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
