package slug

import (
	"archive/tar"
	"bytes"
	"io"

	"golang.org/x/sys/unix"

	"slugc/cache/digest"
	"slugc/compiler/abi"
)

// The ways a segment comes into a slug, cheapest first.
const (
	byKey     = iota + 1 // its section is kept under its key
	byFiles              // its files have the stats of a former pack
	byContent            // its tar bytes are known
	byWork               // it was compressed
)

// job is one segment to make or find: a plan, or a kept segment.
type job struct {
	section int
	plan    plan
	kept    *keptSegment
	known   *knownSegments // that has kept
	built   *built         // where the result goes
}

// built is a segment. Its other fields may be read when ready is closed.
type built struct {
	ready chan struct{}
	keptSegment
	location location
	from     *packs // the store's that has it
	how      int
	repaired bool // compressed because the store's copy was damaged
}

// worker makes segments, one at a time.
type worker struct {
	*packing
	out packWriter
	tar bytes.Buffer
	abi []abi.File // of the files in tar
	buf []byte
}

// do makes or finds the job's segment.
func (w *worker) do(j job) error {
	if w.buf == nil {
		w.buf = make([]byte, readBuffer)
	}
	b := j.built
	b.from = &w.packs
	if j.kept != nil {
		b.keptSegment, b.how, b.from = *j.kept, byKey, j.known.packs
		var ok bool
		if b.location, _, ok = j.known.find(b.Digest, w.buf); !ok {
			return errNotKept(w.sections[j.section].Name, "it is damaged")
		}
		return nil
	}
	files := j.plan.fingerprint()
	if known, ok := w.known.files[files]; ok && j.plan.settled(known.scanned) {
		if l, _, ok := w.known.find(known.Digest, w.buf); ok {
			b.keptSegment, b.location, b.how = known.keptSegment, l, byFiles
			return nil
		}
	}
	if err := w.write(w.sections[j.section], j.plan); err != nil {
		return err
	}
	b.keptSegment = keptSegment{
		Digest:  digest.Of(w.tar.Bytes()),
		Files:   files,
		Part:    j.plan.part,
		Entries: len(j.plan.entries),
		ABI:     w.abi,
	}
	if j.plan.part > 0 {
		b.Entries = 0
	}
	l, isFresh, ok := w.known.find(b.Digest, w.buf)
	if b.location, b.how = l, byContent; ok && !isFresh {
		return nil
	}
	b.how = byWork
	if ok {
		return nil
	}
	return w.compress(b)
}

// compress adds the worker's tar bytes to the store.
func (w *worker) compress(b *built) (err error) {
	if b.location, err = w.out.write(w.tar.Bytes()); err != nil {
		return err
	}
	w.known.mu.Lock()
	defer w.known.mu.Unlock()
	w.known.fresh[b.Digest] = b.location
	b.repaired = w.known.damaged[b.Digest]
	return nil
}

// write writes the plan's tar bytes to w.tar.
func (w *worker) write(s placement, p plan) error {
	w.tar.Reset()
	w.abi = nil
	if w.tar.Cap() == 0 {
		w.tar.Grow(maxSegment + 64<<10)
	}
	for _, e := range p.entries {
		if p.part == 0 {
			if err := appendHeader(&w.tar, e); err != nil {
				return err
			}
		}
		if f, counts := abi.OfLink(e.path, e.link); e.kind == tar.TypeSymlink && counts {
			w.abi = append(w.abi, f)
		}
		offset, end := int64(0), e.size
		if p.split {
			offset = int64(p.part) * pieceSize
			end = min(offset+pieceSize, e.size)
		}
		if e.size > 0 {
			if err := w.content(s, e, offset, int(end-offset)); err != nil {
				return err
			}
		}
	}
	return nil
}

// content appends n bytes of the file from the offset, padded to whole blocks. It is an error if
// the file has changed since it was scanned or changes while it is read.
func (w *worker) content(s placement, e entry, offset int64, n int) error {
	host := s.host(e.path)
	fd, err := s.open(e.path, e.stat)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	w.tar.Grow(int(padded(int64(n))))
	b := w.tar.AvailableBuffer()[:padded(int64(n))]
	if err := readAt(fd, host, b[:n], offset); err != nil {
		return err
	}
	clear(b[n:])
	w.tar.Write(b)
	if offset == 0 {
		all := io.ReaderAt(bytes.NewReader(b[:n]))
		if int64(n) < e.size {
			all = openFile(fd)
		}
		if f, counts := abi.OfFile(e.path, e.exec, b[:min(n, abi.HeadSize)], all); counts {
			w.abi = append(w.abi, f)
		}
	}
	return unchanged(fd, host, e.stat)
}

// openFile reads an open file at any place.
type openFile int

func (fd openFile) ReadAt(b []byte, offset int64) (n int, err error) {
	for n < len(b) {
		got, err := retry(func() (int, error) { return unix.Pread(int(fd), b[n:], offset+int64(n)) })
		if err == nil && got == 0 {
			err = io.EOF
		}
		if err != nil {
			return n, err
		}
		n += got
	}
	return n, nil
}
