package slug

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"slugc/cache/disk"
)

// OpenShared opens a store that keeps the segments of sections with [Section.Shared], for every app
// of the machine, and removes what killed processes were writing there. Unlike an app's own store it
// drops no segments by itself: [Store.Prune] does.
func OpenShared(dir string) (*Store, error) {
	s, err := OpenStore(dir)
	if err == nil {
		disk.RemoveUnfinished(dir)
		s.shared = true
	}
	return s, err
}

// sharedSection is a section whose segments a shared store keeps.
type sharedSection struct {
	record record
	known  *knownSegments
	fresh  bool // this pack made them
}

// shareTries bounds how often a section is made again because another process pruned the store.
const shareTries = 3

// openShared opens the segments of every section that a shared store keeps, by name. It makes those
// that the store lacks or that are damaged. The pack files stay open, so that a prune takes nothing
// from under this pack, and no lock is held while the slug is written.
func openShared(ctx context.Context, o PackOptions) (map[string]*sharedSection, error) {
	all := map[string]*sharedSection{}
	for _, s := range o.Sections {
		if s.Shared == nil || s.Key == "" || s.Dir == "" {
			continue
		}
		made := false
		for try := 0; all[s.Name] == nil; try++ {
			found, err := s.Shared.find(ctx, s)
			if err == nil && found == nil && try == shareTries {
				err = fmt.Errorf("packing section %q: its segments are gone again", s.Name)
			}
			if err == nil && found == nil {
				made, err = true, s.Shared.fill(ctx, s, o)
			}
			if err != nil {
				closeShared(all)
				return nil, err
			}
			if all[s.Name] = found; found == nil {
				delete(all, s.Name)
				continue
			}
			found.fresh = made || s.Made
		}
	}
	return all, nil
}

func closeShared(all map[string]*sharedSection) {
	for _, s := range all {
		s.known.packs.close()
	}
}

// find returns a section whose segments are all there and intact, or nil.
func (s *Store) find(ctx context.Context, section Section) (*sharedSection, error) {
	x, err := readIndex(s.dir)
	if err != nil {
		return nil, err
	}
	r, ok := x.find(section.Name, section.Key)
	if !ok || r.Prefix != section.Prefix {
		return nil, nil
	}
	found := &sharedSection{record: r, known: newKnownSegments(x, &packs{dir: s.dir, marks: x.Packs})}
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, kept := range r.Segments {
		group.Go(func() error {
			if _, _, ok := found.known.find(kept.Digest, make([]byte, 64<<10)); !ok {
				return errNotKept(section.Name, "it is damaged")
			}
			return reading.Err()
		})
	}
	if err := group.Wait(); err != nil {
		found.known.packs.close()
		if errors.Is(err, ErrNotKept) {
			return nil, nil
		}
		return nil, err
	}
	if err := s.remark(ctx, found.known); err != nil {
		found.known.packs.close()
		return nil, err
	}
	return found, nil
}

// Make compresses a section with Key and Dir ahead of the [Pack] that needs its segments, and reports true, unless
// this shared store has them. It does not read those that the store has: Pack does.
func (s *Store) Make(ctx context.Context, section Section) (bool, error) {
	x, err := readIndex(s.dir)
	if err != nil {
		return false, err
	}
	if r, ok := x.find(section.Name, section.Key); ok && r.Prefix == section.Prefix {
		return false, nil
	}
	return true, s.fill(ctx, section, PackOptions{})
}

// fill makes the segments of a section. Of all processes that want them, one compresses them and the
// others find them done.
func (s *Store) fill(ctx context.Context, section Section, o PackOptions) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	section.Shared = nil
	p, err := newPacking(PackOptions{Sections: []Section{section}, Workers: o.Workers, Progress: o.Progress}, s, false)
	if err != nil {
		return err
	}
	defer p.packs.close()
	if err := p.segments(ctx, nil); err != nil {
		return errors.Join(err, p.abandon())
	}
	if err := p.syncPacks()(); err != nil {
		return err
	}
	return p.updateStore(ctx, nil, Manifest{})
}
