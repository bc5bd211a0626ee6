package slug

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"

	"slugc/cache/digest"
)

// codec names everything that decides a segment's bytes, the layout of tar, the compressor and its
// level, and what is noted of its files. A store written with another codec is not used. A test
// fails if the compressed bytes change and codec does not.
const codec = "tar1 klauspost/compress/flate-1.20.3 level-6 random-stored align-4096 abi-1"

// level is the deflate level: the fastest that keeps a slug within 4 % of gzip -6.
const level = 6

// align divides the offset of every segment in a slug and in a store, so that file systems can
// share extents between the two.
const align = 4096

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	endOfFlush = []byte{0, 0, 0xff, 0xff}       // how a sync flush ends
	lastBlock  = []byte{1, 0, 0, 0xff, 0xff}    // an empty, final stored block
	pad5       = []byte{0, 0, 0, 0xff, 0xff}    // an empty stored block
	pad6       = []byte{2, 0, 0, 0, 0xff, 0xff} // an empty block of fixed codes and an empty stored one
)

// padding returns empty deflate blocks that bring size to a multiple of align.
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

// counter counts what is written through it, and computes its CRC-32C.
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

// maxRead bounds a segment's compressed and uncompressed size when it is read. It is twice what is
// written, because borders count long names only roughly.
const maxRead = 2 * maxSegment

// inflater reads segments. It is not safe for concurrent use.
type inflater struct {
	trusted         bool // the digests are known to be true: compare the checksums only
	compressed, tar []byte
	reader          io.ReadCloser
}

// read reads a segment from its offset in r and checks its sizes, sums and digest. The returned
// bytes are valid until the next call.
func (i *inflater) read(r io.ReaderAt, s Segment) ([]byte, error) {
	if s.Size < int64(len(endOfFlush)) || s.Size > maxRead || s.Tar < 0 || s.Tar > maxRead {
		return nil, fmt.Errorf("segment %s states a size of %d bytes, %d uncompressed", s.Digest, s.Size, s.Tar)
	}
	i.compressed = sized(i.compressed, int(s.Size)+len(lastBlock))
	if _, err := r.ReadAt(i.compressed[:s.Size], s.Offset); err != nil {
		return nil, fmt.Errorf("reading segment %s: %w", s.Digest, err)
	}
	if crc32.Checksum(i.compressed[:s.Size], castagnoli) != s.Sum {
		return nil, fmt.Errorf("segment %s is damaged", s.Digest)
	}
	if !bytes.HasSuffix(i.compressed[:s.Size], endOfFlush) {
		return nil, fmt.Errorf("segment %s does not end with a sync flush", s.Digest)
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
		return nil, fmt.Errorf("segment %s does not have the size that it states", s.Digest)
	}
	if crc32.ChecksumIEEE(i.tar) != s.CRC || !i.trusted && digest.Of(i.tar) != s.Digest {
		return nil, fmt.Errorf("segment %s does not have the digest that it states", s.Digest)
	}
	return i.tar, nil
}

// sized returns a slice of n bytes, in b's own memory if that suffices.
func sized(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}
