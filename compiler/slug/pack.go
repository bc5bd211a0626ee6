package slug

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"slugc/cache/digest"
	"time"

	"golang.org/x/sync/errgroup"
)

// maxDefaultWorkers bounds the memory a pack takes where nobody asked for a number of workers: each
// takes about 15 MB.
const maxDefaultWorkers = 4

// PackOptions says what to pack and where.
type PackOptions struct {
	Store    *Store    // where segments are kept between packs; nil keeps none
	Sections []Section // in the order in which they come in the slug: layers, slices, the app last
	Manifest Manifest  // all of slug.json but Format, Content, Dirs and Sections
	Output   string    // the slug's file name; an existing file is replaced, in one step, when the slug is complete
	Limit    int64     // the most bytes that the slug may have, 0 for any number
	Workers  int       // segments compressed at once, 0 for one a processor, at most 4

	// Progress is told, from any goroutine but never twice at once, how many bytes of tar are done
	// and how many there are as far as the scan has come. It may be nil.
	Progress func(done, total int64)
}

// Packed is a slug that was just packed.
type Packed struct {
	Path     string          // the file
	Digest   digest.Digest   // of the file
	Content  digest.Digest   // of what it holds, whatever compressed it
	Size     int64           // bytes of the file
	Manifest Manifest        // its slug.json
	Sections []PackedSection // in order
	StoreErr error           // why the store could not be brought up to date; the slug is good, the next one costs more
}

// PackedSection says how a section came into the slug.
type PackedSection struct {
	SectionInfo
	Reused string // "all", "part" or "none" of its segments were compressed by a former pack
	// in a few words: "key unchanged", "files unchanged", "content unchanged", "3 of 41 segments
	// changed", "new"
	Why string
}

// Pack writes a slug. Equal sections give equal bytes, whatever the directory, user, umask, time
// zone or order of directory entries, and whether segments come from the store or are compressed
// anew. A segment is taken from the store
//
//   - if its section has no Dir and is kept under its Key, without looking at any disk;
//   - else if all its files' stats are those of a former pack (Key is not trusted where there is a
//     Dir);
//   - else if its tar bytes, made anew, are known.
//
// It is checked before it is used, and made anew if it is damaged; a section without Dir then fails
// with [ErrKept]. All copies of a hard-linked file are written in full, because links between files
// do not survive every way a tree is copied. What the app's owner can mend (a socket, a link that
// leads out, a slug above Limit: "slug/too-large") is a fault.App.
func Pack(ctx context.Context, o PackOptions) (*Packed, error) {
	store, temporary := o.Store, false
	if store == nil {
		dir, err := os.MkdirTemp(filepath.Dir(o.Output), ".slug-segments-*")
		if err != nil {
			return nil, writeFault(o.Output, err)
		}
		defer os.RemoveAll(dir)
		store, temporary = &Store{dir: dir}, true
	}
	unlock, err := store.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	p, err := newPacking(o, store, temporary)
	if err != nil {
		return nil, err
	}
	defer p.packs.close()
	if err := p.segments(ctx); err != nil {
		return nil, errors.Join(err, p.forget())
	}
	synced := p.syncPacks()
	packed, err := p.assemble(ctx)
	kept := synced()
	if kept == nil {
		kept = p.remember(ctx)
	}
	if err != nil {
		return nil, err
	}
	packed.StoreErr = kept
	return packed, nil
}

// packing is one call of Pack.
type packing struct {
	PackOptions
	store     *Store
	temporary bool // the store goes when the slug is done
	index     *index
	packs     packs
	sections  []placed
	parents   []string
	scanned   int64 // when the scan began
	pieces    *pieces
	built     [][]*built // by section
	writers   []*packWriter
	resumed   bool // the file's hash was resumed from its last kept state
	progress  progress
}

// newPacking works out what lies where.
func newPacking(o PackOptions, store *Store, temporary bool) (*packing, error) {
	x, err := readIndex(store.dir)
	if err != nil {
		return nil, err
	}
	p := &packing{
		PackOptions: o, store: store, temporary: temporary, index: x, packs: packs{dir: store.dir},
		scanned: time.Now().UnixNano(), progress: progress{tell: o.Progress},
	}
	p.pieces = newPieces(x, &p.packs)
	p.sections, p.parents, err = place(o.Sections, p.kept)
	if p.Workers <= 0 {
		p.Workers = min(runtime.GOMAXPROCS(0), maxDefaultWorkers)
	}
	p.built = make([][]*built, len(p.sections))
	return p, err
}

// kept finds the record of a section that is to be put in from the store.
func (p *packing) kept(s Section) (record, error) {
	r, ok := p.index.find(s.Name, s.Key)
	if !ok || s.Key == "" {
		return record{}, errKept(s.Name, "it is not there")
	}
	return r, nil
}

// segments makes or finds all segments.
func (p *packing) segments(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	jobs := make(chan job, p.Workers)
	group.Go(func() error {
		defer close(jobs)
		for i := range p.sections {
			if err := p.schedule(ctx, i, jobs); err != nil {
				return err
			}
		}
		return nil
	})
	for range p.Workers {
		w := &worker{packing: p, out: packWriter{dir: p.store.dir}}
		p.writers = append(p.writers, &w.out)
		group.Go(func() error {
			for j := range jobs {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := w.do(j); err != nil {
					return fmt.Errorf("packing section %q: %w", p.sections[j.section].Name, err)
				}
				p.progress.add(j.built.location.Tar, 0)
			}
			return nil
		})
	}
	return group.Wait()
}

// schedule gives the workers the segments of one section.
func (p *packing) schedule(ctx context.Context, i int, jobs chan<- job) error {
	s := p.sections[i]
	send := func(j job) error {
		j.section, j.built = i, &built{}
		p.built[i] = append(p.built[i], j.built)
		select {
		case jobs <- j:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.Dir == "" {
		return p.scheduleKept(s, send)
	}
	plans := planner{emit: func(plan plan) error {
		p.progress.add(0, plan.size)
		return send(job{plan: plan})
	}}
	parents := make(map[string]bool, len(p.parents))
	for _, dir := range p.parents {
		parents[dir] = true
	}
	w := walker{ctx: ctx, section: s, exclude: s.excluded(), parents: parents, emit: plans.add}
	if err := w.walk(); err != nil {
		return fmt.Errorf("packing section %q: %w", s.Name, err)
	}
	return plans.flush()
}

// scheduleKept gives the workers the segments of a section that is put in from the store.
func (p *packing) scheduleKept(s placed, send func(job) error) error {
	r := s.kept
	if !slices.Equal(r.Holes, s.holes) {
		return errKept(s.Name, "other sections lie inside it now")
	}
	for i := range r.Segments {
		p.progress.add(0, p.pieces.size(r.Segments[i].Digest))
		if err := send(job{kept: &r.Segments[i]}); err != nil {
			return err
		}
	}
	return nil
}
