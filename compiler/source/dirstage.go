package source

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"slugc/cache/unpack"
)

// atOnce is how many entries of one directory a worker copies, so that a large directory keeps all workers busy.
const atOnce = 256

// stage copies the entries, and checks that they are still what was hashed.
func (d *directory) stage(ctx context.Context, s *Source, w *unpack.Writer) error {
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(s.o.Workers)
	for rest := s.entries; len(rest) > 0 && running.Err() == nil; {
		n := together(rest)
		some := rest[:n]
		rest = rest[n:]
		g.Go(func() error { return d.copyFolder(running, w, some) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// together returns how many of the first entries lie in one directory.
func together(entries []entry) int {
	first := entries[0]
	for i, e := range entries {
		if i == atOnce || e.mount != first.mount || path.Dir(e.path) != path.Dir(first.path) {
			return i
		}
	}
	return len(entries)
}

// copyFolder copies entries of one directory.
func (d *directory) copyFolder(ctx context.Context, w *unpack.Writer, entries []entry) error {
	c := copier{from: d, to: w}
	defer c.close()
	for _, e := range entries {
		err := ctx.Err()
		switch {
		case err != nil:
		case e.target != "":
			err = w.Symlink(e.path, e.target)
		default:
			err = c.file(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copier copies the files of one directory, which it opens once.
type copier struct {
	from   *directory
	to     *unpack.Writer
	folder *unpack.Folder // nil until there is a file
	dir    *os.File       // of the source
}

func (c *copier) close() {
	if c.folder != nil {
		_ = c.folder.Close()
	}
	if c.dir != nil {
		_ = c.dir.Close()
	}
}

// file copies one file. If it is settled, its stat proves that it has not changed. Any other file is hashed again.
func (c *copier) file(e entry) error {
	fd, err := c.open(e)
	if err != nil {
		return errOpening(e.path, err)
	}
	defer unix.Close(fd)
	if !same(fd, e.stat) {
		return errChanging(e.path)
	}
	if c.folder == nil {
		if c.folder, err = c.to.Folder(path.Dir(e.path)); err != nil {
			return err
		}
	}
	var h hasher
	if !e.settled {
		h = newHash()
	}
	err = c.folder.Copy(path.Base(e.path), e.mode(), e.size, fd, h.Hash)
	if errors.Is(err, io.ErrUnexpectedEOF) || err == nil && (!same(fd, e.stat) || !e.settled && h.sum() != e.sum) {
		return errChanging(e.path)
	}
	return err
}

// open opens a file of the source. One that is staged in place of a link lies elsewhere.
func (c *copier) open(e entry) (int, error) {
	if e.mount != nil && e.mount.at == e.path {
		f, err := c.from.open(e.mount, e.path, 0)
		if err != nil {
			return -1, err
		}
		defer f.Close()
		return unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	}
	if c.dir == nil {
		var err error
		if c.dir, err = c.from.open(e.mount, path.Dir(e.path), unix.O_DIRECTORY); err != nil {
			return -1, err
		}
	}
	for {
		fd, err := unix.Openat(int(c.dir.Fd()), path.Base(e.path), openFlags|unix.O_CLOEXEC, 0)
		if err == nil {
			return fd, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return -1, &fs.PathError{Op: "openat", Path: e.path, Err: err}
		}
	}
}

// same reports whether an open file has the stat.
func same(fd int, want stat) bool {
	var now unix.Stat_t
	return unix.Fstat(fd, &now) == nil && statOf(&now) == want
}
