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
	segments, total := t.manifest.all(), int64(0)
	for _, s := range segments {
		total += s.Tar
	}
	if o.MaxBytes > 0 && total > o.MaxBytes {
		return appFault(
			"slug/too-large",
			fmt.Errorf(
				"unpacking slug %q: it holds %s, the limit is %s",
				path,
				megabytes(total),
				megabytes(o.MaxBytes),
			),
			"unpack it where more is allowed, or build it smaller",
		)
	}
	root, err := emptyRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("unpacking slug %q: %w", path, err), clearDir(root))
		}
	}()
	u := unpacking{
		slug:     f,
		segments: segments,
		root:     root,
		progress: progress{report: o.Progress, total: total},
		workers:  o.Workers,
	}
	if err := u.run(ctx); err != nil {
		return err
	}
	if err := u.makeLinks(); err != nil {
		return err
	}
	d := dirCache{root: root}
	defer d.close()
	return eachEntry(t.tar[:len(t.tar)-endOfTar], d.write)
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
	segments []Segment
	root     *os.Root
	workers  int
	progress progress
	mu       sync.Mutex
	links    []entry // made when everything else is written, so that nothing is written through one
}

// portion is one segment to unpack: whole entries, or a piece of the file at the offset.
type portion struct {
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
		return u.schedule(ctx, portions)
	})
	for range orDefault(u.workers) {
		group.Go(func() error {
			var in inflater
			d := dirCache{root: u.root, link: u.link}
			defer d.close()
			for p := range portions {
				b, err := in.read(u.slug, p.segment)
				if err != nil {
					return errDamaged(u.slug.Name(), err)
				}
				if err := u.unpack(&d, p, b); err != nil {
					return err
				}
				u.progress.add(p.segment.Tar, 0)
			}
			return nil
		})
	}
	return group.Wait()
}

// schedule sends the workers all segments. It creates a split file itself, so that the pieces can
// be written in any order.
func (u *unpacking) schedule(ctx context.Context, portions chan<- portion) error {
	send := func(p portion) error {
		select {
		case portions <- p:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var in inflater
	d := dirCache{root: u.root}
	defer d.close()
	for i := 0; i < len(u.segments); i++ {
		if i+1 == len(u.segments) || u.segments[i+1].Part == 0 {
			if err := send(portion{segment: u.segments[i]}); err != nil {
				return err
			}
			continue
		}
		b, err := in.read(u.slug, u.segments[i])
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
		p := portion{segment: u.segments[i], file: e.path, header: n, size: e.size}
		for {
			if err := send(p); err != nil {
				return err
			}
			content := p.segment.Tar - int64(p.header)
			p.offset, p.size, p.header = p.offset+content, p.size-content, 0
			if i+1 == len(u.segments) || u.segments[i+1].Part == 0 {
				break
			}
			i++
			p.segment = u.segments[i]
		}
		if p.size > 0 || p.size <= -block {
			return errDamaged(u.slug.Name(), errCut)
		}
	}
	return nil
}

// unpack writes one segment's content.
func (u *unpacking) unpack(d *dirCache, p portion, b []byte) error {
	if p.file == "" {
		return eachEntry(b, d.write)
	}
	f, err := u.root.OpenFile(p.file, os.O_WRONLY, 0)
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
func (u *unpacking) link(e entry) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.links = append(u.links, e)
}

// makeLinks makes the kept links. None may lie below another.
func (u *unpacking) makeLinks() error {
	slices.SortFunc(u.links, func(a, b entry) int { return compare(a.path, b.path) })
	d := dirCache{root: u.root}
	defer d.close()
	for i, e := range u.links {
		if i > 0 && within(e.path, u.links[i-1].path) {
			return errDamaged(u.slug.Name(), fmt.Errorf("entry %q lies in the link %q", e.path, u.links[i-1].path))
		}
		if err := d.symlink(e); err != nil {
			return err
		}
	}
	return nil
}
