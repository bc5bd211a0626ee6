package slug

import (
	"bytes"
	"slugc/cache/digest"
	"sync"

	"golang.org/x/sys/unix"
)

// The ways a segment comes into a slug, best first.
const (
	byKey     = iota + 1 // its section is kept under its key
	byFiles              // its files have the stats of a former pack
	byContent            // its tar bytes are known
	anew                 // it was compressed
)

// job is one segment to make or find: a plan, or a kept segment.
type job struct {
	section int
	plan    plan
	kept    *keptSegment
	built   *built // where the result goes
}

// built is a segment ready to be copied.
type built struct {
	keptSegment
	location location
	how      int
	healed   bool // compressed because the store's copy was damaged
}

// pieces are the segments at hand. It is safe for concurrent use.
type pieces struct {
	packs *packs
	files map[string]knownFiles // by fingerprint

	mu      sync.Mutex
	kept    map[digest.Digest]location // by digest, from former packs
	fresh   map[digest.Digest]location // by digest, from this one
	checked map[digest.Digest]bool     // digests of kept ones found intact
	damaged map[digest.Digest]bool     // digests of kept ones found damaged, and forgotten
}

// knownFiles is the segment that files of some fingerprint gave.
type knownFiles struct {
	keptSegment
	scanned int64
}

// newPieces gives the segments of an index.
func newPieces(x *index, packs *packs) *pieces {
	p := &pieces{
		packs:   packs,
		files:   map[string]knownFiles{},
		kept:    x.Segments,
		fresh:   map[digest.Digest]location{},
		checked: map[digest.Digest]bool{},
		damaged: map[digest.Digest]bool{},
	}
	for _, r := range x.Records {
		for _, s := range r.Segments {
			if s.Files != "" {
				p.files[s.Files] = knownFiles{s, r.Scanned}
			}
		}
	}
	return p
}

// find gives the segment of that digest if it is at hand and intact, and whether this pack made it.
// A damaged one is forgotten. The caller's scratch memory is used.
func (p *pieces) find(d digest.Digest, buf []byte) (l location, isFresh, ok bool) {
	p.mu.Lock()
	if l, ok := p.fresh[d]; ok {
		p.mu.Unlock()
		return l, true, true
	}
	l, ok = p.kept[d]
	checked := p.checked[d]
	p.mu.Unlock()
	if !ok || checked {
		return l, false, ok
	}
	intact := p.packs.intact(l, buf)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !intact {
		delete(p.kept, d)
		p.damaged[d] = true
		return l, false, false
	}
	p.checked[d] = true
	return l, false, true
}

// size gives the uncompressed size of a kept segment.
func (p *pieces) size(d digest.Digest) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept[d].Tar
}

// worker makes segments, one at a time.
type worker struct {
	*packing
	out packWriter
	tar bytes.Buffer
	buf []byte
}

// do makes or finds the segment of one job.
func (w *worker) do(j job) error {
	if w.buf == nil {
		w.buf = make([]byte, 256<<10)
	}
	b := j.built
	if j.kept != nil {
		b.keptSegment, b.how = *j.kept, byKey
		var ok bool
		if b.location, _, ok = w.pieces.find(b.Digest, w.buf); !ok {
			return errKept(w.sections[j.section].Name, "it is damaged")
		}
		return nil
	}
	print := j.plan.fingerprint()
	if known, ok := w.pieces.files[print]; ok && j.plan.settled(known.scanned) {
		if l, _, ok := w.pieces.find(known.Digest, w.buf); ok {
			b.keptSegment, b.location, b.how = known.keptSegment, l, byFiles
			return nil
		}
	}
	if err := w.write(w.sections[j.section], j.plan); err != nil {
		return err
	}
	b.keptSegment = keptSegment{
		Digest:  digest.Of(w.tar.Bytes()),
		Files:   print,
		Part:    j.plan.part,
		Entries: len(j.plan.entries),
	}
	if j.plan.part > 0 {
		b.Entries = 0
	}
	l, isFresh, ok := w.pieces.find(b.Digest, w.buf)
	if b.location, b.how = l, byContent; ok && !isFresh {
		return nil
	}
	b.how = anew
	if ok {
		return nil
	}
	return w.compress(b)
}

// compress adds the tar bytes at hand to the store.
func (w *worker) compress(b *built) (err error) {
	if b.location, err = w.out.write(w.tar.Bytes()); err != nil {
		return err
	}
	w.pieces.mu.Lock()
	defer w.pieces.mu.Unlock()
	w.pieces.fresh[b.Digest] = b.location
	b.healed = w.pieces.damaged[b.Digest]
	return nil
}

// write makes the plan's tar bytes.
func (w *worker) write(s placed, p plan) error {
	w.tar.Reset()
	if w.tar.Cap() == 0 {
		w.tar.Grow(maxSegment + 64<<10)
	}
	for _, e := range p.entries {
		if p.part == 0 {
			if err := appendHeader(&w.tar, e); err != nil {
				return err
			}
		}
		offset, end := int64(0), e.size
		if p.split {
			offset = int64(p.part) * pieceSize
			end = min(offset+pieceSize, e.size)
		}
		if e.size > 0 {
			if err := w.content(s.host(e.path), e, offset, int(end-offset)); err != nil {
				return err
			}
		}
	}
	return nil
}

// content appends n bytes of the file from the offset, padded to whole blocks. The file must not
// have changed since it was scanned and must not change meanwhile.
func (w *worker) content(host string, e entry, offset int64, n int) error {
	fd, err := open(host, e.stat)
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
	return unchanged(fd, host, e.stat)
}
