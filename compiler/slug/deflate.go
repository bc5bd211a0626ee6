package slug

import (
	"bufio"
	"encoding/binary"
	"io"

	"github.com/klauspost/compress/flate"
)

// deflater compresses segments, one at a time. It uses its memory again for the next, of which the
// bytes do not depend on what came before.
type deflater struct {
	z        *flate.Writer
	buffered *bufio.Writer // the compressor writes a few hundred bytes at a time
}

// write writes b as one segment: compressed, ended by a sync flush, and padded by empty blocks until
// its length and the bytes before it are a multiple of align. Runs that look random (pictures,
// fonts, archives) are stored. It returns the number of bytes written and their CRC-32C.
func (d *deflater) write(w io.Writer, b []byte, before int64) (size int64, sum uint32, err error) {
	if d.z == nil {
		d.buffered = bufio.NewWriterSize(nil, 64<<10)
		if d.z, err = flate.NewWriter(nil, level); err != nil {
			return 0, 0, err
		}
	}
	d.buffered.Reset(w)
	c := &counter{w: d.buffered}
	for first := true; first || len(b) > 0; first = false {
		compressed, stored := nextRuns(b)
		if compressed > 0 || stored == 0 {
			if err := d.compress(c, b[:compressed]); err != nil {
				return 0, 0, err
			}
		}
		if err := store(c, b[compressed:compressed+stored]); err != nil {
			return 0, 0, err
		}
		b = b[compressed+stored:]
	}
	if _, err := c.Write(padding(before + c.n)); err != nil {
		return 0, 0, err
	}
	return c.n, c.sum, d.buffered.Flush()
}

// compress writes blocks that refer to nothing before b, and a sync flush.
func (d *deflater) compress(w io.Writer, b []byte) error {
	d.z.Reset(w)
	if _, err := d.z.Write(b); err != nil {
		return err
	}
	return d.z.Flush()
}

// store writes b in stored blocks, and what ends a sync flush. It writes nothing for no bytes.
func store(w io.Writer, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	for len(b) > 0 {
		n := min(len(b), 1<<16-1) // what RFC 1951, section 3.2.4, allows
		head := []byte{0}
		head = binary.LittleEndian.AppendUint16(head, uint16(n))
		head = binary.LittleEndian.AppendUint16(head, ^uint16(n))
		if _, err := w.Write(head); err != nil {
			return err
		}
		if _, err := w.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	_, err := w.Write(pad5)
	return err
}

const (
	chunk     = 16 << 10  // what is looked at for randomness
	glance    = 1 << 10   // of it, to tell what is not random
	minStored = 2 * chunk // deflate reaches back no further: nothing after a run refers to what is before it
)

// nextRuns returns how many bytes at the start of b are to be compressed, and how many after them
// to be stored. It depends on b alone.
func nextRuns(b []byte) (compressed, stored int) {
	run := 0
	for at := 0; at+chunk <= len(b); at += chunk {
		if looksRandom(b[at : at+chunk]) {
			run += chunk
			continue
		}
		if run >= minStored {
			return at - run, run
		}
		run = 0
	}
	if run < minStored {
		return len(b), 0
	}
	whole := len(b) &^ (chunk - 1)
	return whole - run, run
}

// looksRandom reports whether no byte is more frequent in b than by chance, so that a compressor
// would find nothing.
func looksRandom(b []byte) bool { return uniform(b[:glance]) && uniform(b) }

// uniform is Pearson's chi-square test. Of bytes drawn by chance the sum is 255, with a deviation
// of 23; of text, of programs and of tar's headers it is thousands.
func uniform(b []byte) bool {
	const limit = 600
	var counts [256]int
	for _, c := range b {
		counts[c]++
	}
	squares := 0
	for _, n := range counts {
		squares += n * n
	}
	return squares*256 <= len(b)*(len(b)+limit)
}
