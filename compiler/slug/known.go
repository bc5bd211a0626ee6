package slug

import (
	"sync"

	"slugc/cache/digest"
)

// knownSegments are the segments that need not be compressed: those of the store and those that
// this pack has made. It is safe for concurrent use.
type knownSegments struct {
	packs *packs
	files map[string]knownFiles // by fingerprint

	mu      sync.Mutex
	kept    map[digest.Digest]location // from former packs
	fresh   map[digest.Digest]location // from this one
	checked map[digest.Digest]bool     // kept ones that were found intact
	damaged map[digest.Digest]bool     // kept ones that were found damaged and dropped
}

// knownFiles is the segment that files with a certain fingerprint make.
type knownFiles struct {
	keptSegment
	scanned int64
}

// newKnownSegments returns the segments of an index.
func newKnownSegments(x *index, packs *packs) *knownSegments {
	p := &knownSegments{
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

// find returns where the segment lies if it is known and intact, and whether this pack made it. A
// damaged one is dropped. buf is scratch memory.
func (p *knownSegments) find(d digest.Digest, buf []byte) (l location, isFresh, ok bool) {
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

// size returns the uncompressed size of a kept segment.
func (p *knownSegments) size(d digest.Digest) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept[d].Tar
}
