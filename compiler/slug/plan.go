package slug

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// The sizes of segments, in bytes of tar. From minSegment, a segment may end after an entry; the
// hash of the entry's path decides, with a probability that grows with the entry's size, so that it
// ends after another spread bytes on average. So a border depends on the entries next to it and not
// on what comes before.
const (
	minSegment = 1 << 20
	spread     = 5 << 19
	maxSegment = 8 << 20 // a run ends before it grows beyond this
	pieceSize  = 4 << 20 // a file of more than maxSegment is split in pieces of this size
)

// plan is what will be one segment: a run of whole entries, or one piece of a huge file.
type plan struct {
	entries []entry
	part    int   // of a huge file: 0 is its header and first piece
	split   bool  // the entry is a huge file
	size    int64 // about how many bytes of tar
}

// planner cuts a section's entries into plans, and calls emit for each.
type planner struct {
	run  plan
	emit func(plan) error
}

// add takes the next entry.
func (p *planner) add(e entry) error {
	size := headerSize(e) + padded(e.size)
	if e.size > maxSegment {
		return p.addHuge(e)
	}
	if p.run.size+size > maxSegment {
		if err := p.flush(); err != nil {
			return err
		}
	}
	p.run.entries = append(p.run.entries, e)
	p.run.size += size
	if p.run.size >= minSegment && cutAfter(e.path, size) {
		return p.flush()
	}
	return nil
}

// addHuge splits one entry into pieces, so that a large file is compressed and unpacked in
// parallel.
func (p *planner) addHuge(e entry) error {
	if err := p.flush(); err != nil {
		return err
	}
	for part := 0; int64(part)*pieceSize < e.size; part++ {
		size := min(pieceSize, e.size-int64(part)*pieceSize)
		if err := p.emit(plan{entries: []entry{e}, part: part, split: true, size: size + 2*block}); err != nil {
			return err
		}
	}
	return nil
}

// flush ends the run.
func (p *planner) flush() error {
	if len(p.run.entries) == 0 {
		return nil
	}
	run := p.run
	p.run = plan{}
	return p.emit(run)
}

// cutAfter decides whether a run may end after the entry of this path and size.
func cutAfter(path string, size int64) bool {
	h := uint64(14695981039346656037) // FNV-1a, then mixed, because its high bits are poor for short names
	for i := range len(path) {
		h = (h ^ uint64(path[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return h%spread < uint64(size)
}

// fingerprint identifies the plan's segment without reading files: equal fingerprints of settled
// plans mean equal segments.
func (p plan) fingerprint() string {
	h := sha256.New()
	var b [9]byte
	binary.LittleEndian.PutUint64(b[:], uint64(p.part))
	if p.split {
		b[8] = 1
	}
	h.Write(b[:])
	for _, e := range p.entries {
		e.fingerprint(h)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// settled reports whether any change of the plan's files after the scan shows in their times.
func (p plan) settled(scanned int64) bool {
	for _, e := range p.entries {
		if e.stat != (stat{}) && !e.stat.settled(scanned) {
			return false
		}
	}
	return true
}
