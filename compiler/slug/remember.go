package slug

import (
	"context"
	"errors"
)

// syncPacks begins to make the new segments durable and gives what waits for the end of that.
func (p *packing) syncPacks() func() error {
	done := make(chan error, len(p.writers))
	for _, w := range p.writers {
		go func() {
			if p.temporary {
				done <- nil
				return
			}
			done <- w.sync()
		}()
	}
	return func() error {
		var errs []error
		for range p.writers {
			errs = append(errs, <-done)
		}
		return errors.Join(errs...)
	}
}

// remember writes down what this pack found and made, once its segments are durable, and removes
// what nothing uses.
func (p *packing) remember(ctx context.Context) error {
	if p.temporary || p.nothingNew() {
		return nil
	}
	for d, l := range p.pieces.fresh {
		p.index.Segments[d] = l
	}
	for i, s := range p.sections {
		r := record{Name: s.Name, Key: s.Key, Prefix: s.Prefix, Roots: s.roots, Holes: s.holes, Scanned: p.scanned}
		if s.Dir == "" {
			p.index.add(s.kept)
			continue
		}
		for _, b := range p.built[i] {
			r.Segments = append(r.Segments, b.keptSegment)
		}
		p.index.add(r)
	}
	p.index.sweep()
	return p.store.compact(ctx, p.index, maxUnused)
}

// nothingNew reports whether the slug is made of kept sections alone and was so before, up to its
// hash.
func (p *packing) nothingNew() bool {
	for _, s := range p.sections {
		if s.Dir != "" {
			return false
		}
	}
	return p.resumed
}

// maxUnused is how many bytes of pack files that are still needed may lie unused before a pack
// rewrites them.
const maxUnused = 64 << 20

// forget notes, after a pack that came to nothing, which segments were found damaged, and removes
// what it wrote.
func (p *packing) forget() error {
	for _, w := range p.writers {
		if w.f != nil {
			w.f.Close()
		}
	}
	if p.temporary {
		return nil
	}
	if len(p.pieces.damaged) > 0 {
		if err := p.index.write(p.store.dir); err != nil {
			return err
		}
	}
	return p.store.removeUnused(p.index)
}
