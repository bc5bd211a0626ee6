package slug

import (
	"context"
	"errors"
)

// syncPacks starts to make the new segments durable. The returned function waits for that.
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

// updateStore records what this pack found and made, and removes what nothing uses any longer. The
// segments must be durable: in the slug, if that is linked, or in the packs.
func (p *packing) updateStore(ctx context.Context, slug *assembly, m Manifest) error {
	if p.temporary {
		return nil
	}
	if p.nothingNew() {
		if slug != nil {
			slug.unlink()
		}
		return nil
	}
	for d, l := range p.known.fresh {
		p.index.Segments[d] = l
	}
	for i, s := range p.sections {
		r := record{Name: s.Name, Key: s.Key, Prefix: s.Prefix, Roots: s.roots, Holes: s.holes, Scanned: p.scanned}
		switch {
		case p.shared[s.Name] != nil:
			p.index.drop(s.Name)
			continue
		case s.Dir == "":
			p.index.add(s.kept, true)
			continue
		}
		for _, b := range p.built[i] {
			r.Segments = append(r.Segments, b.keptSegment)
		}
		p.index.add(r, !p.store.shared)
	}
	p.index.sweep()
	made := map[string]mark{}
	for _, w := range p.writers {
		if w.name != "" {
			made[w.name] = w.mark
		}
	}
	if slug != nil && slug.linked != "" {
		var err error
		if made[slug.linked], err = markOf(slug.f); err != nil {
			return err
		}
		p.index.relocate(slug.linked, m)
	}
	if err := p.known.mark(ctx, p.index, made); err != nil {
		return err
	}
	return p.store.compact(ctx, p.index, maxUnused)
}

// closeWriters closes the files of segments that are not needed.
func (p *packing) closeWriters() {
	for _, w := range p.writers {
		if w.f != nil {
			w.f.Close()
		}
	}
}

// nothingNew reports whether the store already has all of this pack: only kept and shared sections, and the
// hash states of their slug.
func (p *packing) nothingNew() bool {
	for _, s := range p.sections {
		if shared := p.shared[s.Name] != nil; shared && p.index.has(s.Name) || !shared && s.Dir != "" {
			return false
		}
	}
	return p.resumed
}

// maxUnused is how many unused bytes may be in pack files that are still needed, before a pack
// rewrites those files.
const maxUnused = 64 << 20

// abandon ends a pack that failed: it records which segments were found damaged, and removes what
// was written.
func (p *packing) abandon() error {
	p.closeWriters()
	if p.temporary {
		return nil
	}
	if len(p.known.damaged) > 0 {
		if err := p.index.write(p.store.dir); err != nil {
			return err
		}
	}
	return p.store.removeUnused(p.index)
}
