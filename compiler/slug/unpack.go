package slug

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"slugc/compiler/fault"
)

// UnpackOptions says how to unpack.
type UnpackOptions struct {
	Workers  int   // segments inflated at once; 0 for one per processor, at most 4
	MaxBytes int64 // maximum number of bytes of tar; 0 for none
	// Trusted says that the slug was made on this machine and is as it was: its digests are true. Only the
	// checksums are then compared, which show damage and no intent.
	Trusted bool

	// Progress, if not nil, is called with the bytes of tar that are done and all. Calls come from
	// any goroutine, but one at a time.
	Progress func(done, total int64)
}

// Unpack unpacks a slug: what lies under ./app goes into the directory, which must be empty or not
// exist. A segment is checked before any of its content is written. Nothing is written outside the
// directory or through a link, even if the slug is hostile. Permissions are 0755 and 0644 less the
// umask. .slugc/slug.json is written last, so a directory that has it is complete. If Unpack fails,
// it empties the directory. Nothing is synced to disk.
func Unpack(ctx context.Context, path, dir string, o UnpackOptions) (err error) {
	f, t, _, err := openSlug(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := o.permits(path, t.manifest.all()); err != nil {
		return err
	}
	return unpackInto(ctx, f, o, []*target{{dir: dir, segments: t.manifest.all()}}, func(roots []*os.Root) error {
		return t.writeManifest(roots[0])
	})
}

// UnpackSections unpacks sections of a slug, by name, each into a directory of its own as [Unpack] does: a
// section's files have the places there that they have in the app. The empty name stands for what belongs to no
// section: the directories above the sections' roots, and .slugc/slug.json.
func UnpackSections(ctx context.Context, path string, dirs map[string]string, o UnpackOptions) error {
	f, t, _, err := openSlug(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var targets []*target
	for _, s := range t.manifest.Sections {
		if dir, wanted := dirs[s.Name]; wanted {
			targets = append(targets, &target{dir: dir, segments: s.Segments})
		}
	}
	dir, frame := dirs[""]
	if frame {
		targets = append(targets, &target{dir: dir, segments: []Segment{t.manifest.Dirs}})
	}
	var all []Segment
	for _, u := range targets {
		all = append(all, u.segments...)
	}
	if err := o.permits(path, all); err != nil {
		return err
	}
	return unpackInto(ctx, f, o, targets, func(roots []*os.Root) error {
		if !frame {
			return nil
		}
		return t.writeManifest(roots[len(roots)-1])
	})
}

// permits returns an error if the segments are larger than the options permit.
func (o UnpackOptions) permits(path string, segments []Segment) error {
	if total := sizeOf(segments); o.MaxBytes > 0 && total > o.MaxBytes {
		return appFault(
			"slug/too-large",
			fmt.Errorf(
				"unpacking slug %q: it holds %s, the limit is %s", path, megabytes(total), megabytes(o.MaxBytes),
			),
			"unpack it where more is allowed, or build it smaller",
		)
	}
	return nil
}

func sizeOf(segments []Segment) (total int64) {
	for _, s := range segments {
		total += s.Tar
	}
	return total
}

// writeManifest writes slug.json.
func (t *tail) writeManifest(root *os.Root) error {
	d := dirCache{root: root}
	defer d.close()
	return eachEntry(t.tar[:len(t.tar)-endOfTar], d.write)
}

// target is a directory to unpack into, and what.
type target struct {
	dir      string
	segments []Segment
	root     *os.Root

	mu    sync.Mutex
	links []entry // made when everything else is written, so that nothing is written through one
}

// unpackInto unpacks into all targets, and calls finish with their roots in the same order. If it fails, it
// empties them.
func unpackInto(
	ctx context.Context, f *os.File, o UnpackOptions, targets []*target, finish func(roots []*os.Root) error,
) (err error) {
	u := unpacking{slug: f, targets: targets, progress: progress{report: o.Progress}, o: o}
	var roots []*os.Root
	defer func() {
		for _, root := range roots {
			if err != nil {
				err = errors.Join(err, clearDir(root))
			}
			root.Close()
		}
	}()
	for _, t := range targets {
		if t.root, err = emptyRoot(t.dir); err != nil {
			return err
		}
		roots = append(roots, t.root)
		u.progress.total += sizeOf(t.segments)
	}
	if err = u.run(ctx); err == nil {
		err = u.makeLinks()
	}
	if err == nil {
		err = finish(roots)
	}
	if err != nil {
		return fmt.Errorf("unpacking slug %q: %w", f.Name(), err)
	}
	return nil
}

// emptyRoot opens the directory, which must be empty, and makes it if it is missing.
func emptyRoot(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, writeFault(dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening %q: %w", dir, err)
	}
	names, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("unpacking into %q: %w", dir, err)
	}
	if len(names) > 0 {
		root.Close()
		return nil, fault.UsageError(
			"slug/not-empty",
			fmt.Errorf("unpacking into %q: it is not empty", dir),
			"name a directory that is empty or does not exist",
		)
	}
	return root, nil
}

// clearDir removes all that is in the directory.
func clearDir(root *os.Root) error {
	names, err := fs.ReadDir(root.FS(), ".")
	for _, name := range names {
		err = errors.Join(err, root.RemoveAll(name.Name()))
	}
	return err
}

// unpacking is one call of Unpack.
type unpacking struct {
	slug     *os.File
	targets  []*target
	o        UnpackOptions
	progress progress
}

// portion is one segment to unpack: whole entries, or a piece of the file at the offset.
type portion struct {
	target  *target
	segment Segment
	file    string
	offset  int64
	header  int   // bytes of tar before the content
	size    int64 // of the file's content from the offset
}

// run unpacks all segments.
func (u *unpacking) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	portions := make(chan portion)
	group.Go(func() error {
		defer close(portions)
		for _, t := range u.targets {
			if err := u.schedule(ctx, t, portions); err != nil {
				return err
			}
		}
		return nil
	})
	for range orDefault(u.o.Workers) {
		group.Go(func() error {
			in := inflater{trusted: u.o.Trusted}
			var d dirCache
			defer func() { d.close() }()
			for p := range portions {
				if d.root != p.target.root {
					d.close()
					d = dirCache{root: p.target.root, link: p.target.link}
				}
				b, err := in.read(u.slug, p.segment)
				if err != nil {
					return errDamaged(u.slug.Name(), err)
				}
				if err := p.write(&d, b); err != nil {
					return err
				}
				u.progress.add(p.segment.Tar, 0)
			}
			return nil
		})
	}
	return group.Wait()
}

// schedule sends the workers all segments of a target. It creates a split file itself, so that the pieces can
// be written in any order.
func (u *unpacking) schedule(ctx context.Context, t *target, portions chan<- portion) error {
	send := func(p portion) error {
		p.target = t
		select {
		case portions <- p:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	in := inflater{trusted: u.o.Trusted}
	d := dirCache{root: t.root}
	defer d.close()
	for i := 0; i < len(t.segments); i++ {
		if i+1 == len(t.segments) || t.segments[i+1].Part == 0 {
			if err := send(portion{segment: t.segments[i]}); err != nil {
				return err
			}
			continue
		}
		b, err := in.read(u.slug, t.segments[i])
		if err != nil {
			return errDamaged(u.slug.Name(), err)
		}
		e, n, err := readHeader(b)
		if err != nil || e.kind != tar.TypeReg {
			return errDamaged(u.slug.Name(), errors.Join(errCut, err))
		}
		if err := d.create(e); err != nil {
			return err
		}
		p := portion{segment: t.segments[i], file: e.path, header: n, size: e.size}
		for {
			if err := send(p); err != nil {
				return err
			}
			content := p.segment.Tar - int64(p.header)
			p.offset, p.size, p.header = p.offset+content, p.size-content, 0
			if i+1 == len(t.segments) || t.segments[i+1].Part == 0 {
				break
			}
			i++
			p.segment = t.segments[i]
		}
		if p.size > 0 || p.size <= -block {
			return errDamaged(u.slug.Name(), errCut)
		}
	}
	return nil
}

// write writes one segment's content.
func (p portion) write(d *dirCache, b []byte) error {
	if p.file == "" {
		return eachEntry(b, d.write)
	}
	f, err := p.target.root.OpenFile(p.file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	b = b[p.header:]
	b = b[:max(0, min(int64(len(b)), p.size))]
	if _, err := f.WriteAt(b, p.offset); err != nil {
		f.Close()
		return writeFault(p.file, err)
	}
	return f.Close()
}

// link keeps a link until everything else is written.
func (t *target) link(e entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.links = append(t.links, e)
}

// makeLinks makes the kept links. None may lie below another.
func (u *unpacking) makeLinks() error {
	for _, t := range u.targets {
		if err := t.makeLinks(u.slug.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (t *target) makeLinks(slug string) error {
	slices.SortFunc(t.links, func(a, b entry) int { return compare(a.path, b.path) })
	d := dirCache{root: t.root}
	defer d.close()
	for i, e := range t.links {
		if i > 0 && within(e.path, t.links[i-1].path) {
			return errDamaged(slug, fmt.Errorf("entry %q lies in the link %q", e.path, t.links[i-1].path))
		}
		if err := d.symlink(e); err != nil {
			return err
		}
	}
	return nil
}
