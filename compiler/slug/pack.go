package slug

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"slugc/cache/digest"
	"slugc/cache/disk"
)

// maxDefaultWorkers bounds the memory of a pack that was not told a number of workers: each takes
// about 15 MB.
const maxDefaultWorkers = 4

// orDefault returns n, or the default number of workers if n is not positive.
func orDefault(n int) int {
	if n > 0 {
		return n
	}
	return min(runtime.GOMAXPROCS(0), maxDefaultWorkers)
}

// PackOptions says what to pack and where.
type PackOptions struct {
	Store    *Store    // keeps segments between packs; nil keeps none
	Sections []Section // in the slug's order: layers, slices, the app last
	Manifest Manifest  // slug.json; Format, Content, Dirs, Sections and ABI are set by Pack
	Output   string    // the slug's file name; an existing file is replaced in one step at the end
	// Name, if not nil, returns the file's name by its digest, in the directory of Output. To rename it later would
	// make a store read it again.
	Name    func(digest.Digest) string
	Limit   int64 // maximum size of the slug in bytes; 0 for none
	Workers int   // segments compressed at once; 0 for one per processor, at most 4

	// Progress, if not nil, is called with the bytes of tar that are done and that were found so
	// far. Calls come from any goroutine, but one at a time.
	Progress func(done, total int64)
}

// Packed describes a slug that [Pack] wrote.
type Packed struct {
	Path     string          // the file
	Digest   digest.Digest   // of the file
	Content  digest.Digest   // of what it holds; independent of the compressor
	Size     int64           // bytes of the file
	Manifest Manifest        // its slug.json
	Sections []PackedSection // in order
	StoreErr error           // why the store could not be updated: the slug is good, the next one costs more
}

// PackedSection says how a section came into the slug.
type PackedSection struct {
	SectionInfo
	Reused string // "all", "part" or "none": how many of its segments a former pack had compressed
	Why    string // for people: "key unchanged", "files unchanged", "3 of 41 segments changed", "new" …
}

// Pack writes a slug. Equal sections make equal bytes, whatever the directory, user, umask, time
// zone or order of directory entries, and whether segments come from the store or are compressed
// again. A segment is taken from the store
//
//   - if its section has no Dir and is kept under its Key: no file is looked at;
//   - else if the stats of all its files are those of a former pack (Key is not trusted if there is
//     a Dir);
//   - else if its tar bytes are known.
//
// A segment from the store is checked before it is used, and compressed again if it is damaged. A
// section without Dir then fails with [ErrNotKept]. Every name of a hard-linked file is written in
// full, because not every way of copying a tree keeps hard links.
//
// Errors that the app's owner can fix have a fault.App: a socket, a link that leads out of the app,
// a slug above Limit ("slug/too-large").
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
	shared, err := openShared(ctx, o)
	if err != nil {
		return nil, err
	}
	defer closeShared(shared)
	unlock, err := store.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	p, err := newPacking(o, store, temporary)
	if err != nil {
		return nil, err
	}
	p.share(shared)
	defer p.packs.close()
	defer closeSections(p.sections)
	slug, err := newAssembly(p)
	if err != nil {
		return nil, err
	}
	defer slug.discard()
	if err := p.segments(ctx, slug); err != nil {
		return nil, errors.Join(err, p.abandon())
	}
	return p.finish(ctx, slug)
}

// finish ends the slug and updates the store.
func (p *packing) finish(ctx context.Context, slug *assembly) (*Packed, error) {
	synced := func() error { return nil }
	if slug.linked == "" {
		synced = p.syncPacks()
	}
	packed, err := slug.finish(ctx)
	p.resumed = slug.hash.resumed
	var m Manifest
	if err == nil {
		m = packed.Manifest
	} else if slug.linked != "" { // what was compressed is good: the next pack need not do it again
		slug.unlink()
		synced = p.syncPacks()
	}
	defer p.closeWriters()
	storeErr := synced()
	if storeErr == nil {
		storeErr = p.updateStore(ctx, slug, m)
	}
	if err != nil {
		return nil, err
	}
	packed.StoreErr = storeErr
	return packed, nil
}

// packing is one call of Pack.
type packing struct {
	PackOptions
	store     *Store
	temporary bool // the store is removed when the slug is done
	index     *index
	packs     packs
	sections  []placement
	parents   []string
	scanned   int64 // when the scan started, by the clock of files, Unix nanoseconds
	known     *knownSegments
	shared    map[string]*sharedSection // by name
	built     [][]*built                // by section
	writers   []*packWriter
	resumed   bool // hashing the file resumed from its last kept state
	progress  progress
}

// newPacking reads the index and places the sections.
func newPacking(o PackOptions, store *Store, temporary bool) (*packing, error) {
	x, err := readIndex(store.dir)
	if err != nil {
		return nil, err
	}
	p := &packing{
		PackOptions: o, store: store, temporary: temporary, index: x, packs: packs{dir: store.dir, marks: x.Packs},
		scanned: disk.FileClock(), progress: progress{report: o.Progress},
	}
	p.known = newKnownSegments(x, &p.packs)
	if p.sections, p.parents, err = placeSections(o.Sections, p.kept); err == nil {
		if err = openSections(p.sections); err != nil {
			closeSections(p.sections)
		}
	}
	p.Workers = orDefault(p.Workers)
	p.built = make([][]*built, len(p.sections))
	return p, err
}

// kept returns the record of a section that is taken from the store.
func (p *packing) kept(s Section) (record, error) {
	r, ok := p.index.find(s.Name, s.Key)
	if !ok || s.Key == "" {
		return record{}, errNotKept(s.Name, "it is not there")
	}
	return r, nil
}

// maxAhead is how many segments may be ready before an earlier one is.
const maxAhead = 256

// segments makes or finds all segments: one goroutine scans, one writes the slug (if there is to be one), the
// workers do the rest.
func (p *packing) segments(ctx context.Context, slug *assembly) error {
	group, ctx := errgroup.WithContext(ctx)
	jobs, order := make(chan job, p.Workers), make(chan *built, maxAhead)
	group.Go(func() error {
		defer close(order)
		defer close(jobs)
		for i := range p.sections {
			if err := p.schedule(ctx, i, jobs, order); err != nil {
				return err
			}
		}
		return nil
	})
	group.Go(func() error {
		if slug != nil {
			return slug.follow(ctx, order)
		}
		for range order {
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
				close(j.built.ready)
				p.progress.add(j.built.location.Tar, 0)
			}
			return nil
		})
	}
	return group.Wait()
}

// schedule sends the workers the segments of one section.
func (p *packing) schedule(ctx context.Context, i int, jobs chan<- job, order chan<- *built) error {
	s := p.sections[i]
	send := func(j job) error {
		j.section, j.built = i, &built{ready: make(chan struct{})}
		p.built[i] = append(p.built[i], j.built)
		select {
		case jobs <- j:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case order <- j.built:
		case <-ctx.Done():
			return ctx.Err()
		}
		return nil
	}
	if shared := p.shared[s.Name]; shared != nil {
		return p.scheduleKept(s, shared.record, shared.known, send)
	}
	if s.Dir == "" {
		return p.scheduleKept(s, s.kept, p.known, send)
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

// share uses the sections that shared stores keep, except for those in which other sections lie: what
// is in them depends on the slug.
func (p *packing) share(all map[string]*sharedSection) {
	p.shared = map[string]*sharedSection{}
	for _, s := range p.sections {
		if shared := all[s.Name]; shared != nil && len(s.holes) == 0 {
			p.shared[s.Name] = shared
		}
	}
}

// scheduleKept sends the segments of a section that is taken from a store.
func (p *packing) scheduleKept(s placement, r record, known *knownSegments, send func(job) error) error {
	if !slices.Equal(r.Holes, s.holes) {
		return errNotKept(s.Name, "other sections lie inside it now")
	}
	for i := range r.Segments {
		p.progress.add(0, known.size(r.Segments[i].Digest))
		if err := send(job{kept: &r.Segments[i], known: known}); err != nil {
			return err
		}
	}
	return nil
}
