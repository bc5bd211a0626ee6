package slug

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// maxLink bounds a symbolic link's target, as Linux does.
const maxLink = 4096

// walker walks one section's tree in the order of less and calls emit for each entry. It keeps one
// directory open at a time, and in memory only the names that are still to come, so its needs do
// not grow with the tree.
type walker struct {
	ctx     context.Context
	section placement
	exclude map[string]bool // paths relative to the app: left out with everything below them
	parents map[string]bool // directories that are in the slug's first segment
	emit    func(entry) error
}

// walk emits all entries of the section.
func (w *walker) walk() error {
	for _, root := range w.section.roots {
		if w.exclude[root] {
			continue
		}
		s, err := w.section.within.Lstat(w.section.place(root))
		if err != nil {
			return w.section.fail("examining", root, err)
		}
		if root == w.section.Prefix && s.Mode&unix.S_IFMT == unix.S_IFLNK {
			return LinkFault(root)
		}
		if err := w.visit(root, &s, func() (string, error) { return w.readlink(root) }); err != nil {
			return err
		}
	}
	return nil
}

// readlink returns the target of the link at p.
func (w *walker) readlink(p string) (string, error) {
	at := w.section.place(p)
	dir, err := w.section.within.Dir(path.Dir(at))
	if err != nil {
		return "", err
	}
	defer dir.Close()
	return readLinkAt(dir.Fd(), path.Base(at))
}

// visit emits the entry at p and, if it is a directory, everything below it.
func (w *walker) visit(p string, s *unix.Stat_t, readlink func() (string, error)) error {
	if w.parents[p] && s.Mode&unix.S_IFMT != unix.S_IFDIR {
		return appFault(
			"slug/path-taken",
			fmt.Errorf("%q must be a directory, because other parts of the slug lie in it", p),
			fmt.Sprintf("rename %s", p),
		)
	}
	e := entry{path: p}
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		e.kind = tar.TypeDir
		if !w.parents[p] {
			if err := w.emit(e); err != nil {
				return err
			}
		}
		return w.children(p, statOf(s))
	case unix.S_IFREG:
		e.kind, e.exec, e.size, e.stat = tar.TypeReg, s.Mode&0o100 != 0, s.Size, statOf(s)
	case unix.S_IFLNK:
		target, err := readlink()
		if err != nil {
			return fmt.Errorf("reading link %q: %w", p, err)
		}
		if err := checkLink(p, target); err != nil {
			return appFault("slug/link-outside", err,
				"replace the link by what it points to at the end of the build: a slug runs on other machines",
				"or remove it, and let a script in .profile.d make it when the app starts")
		}
		e.kind, e.link = tar.TypeSymlink, target
	default:
		return appFault(
			"slug/special-file",
			fmt.Errorf("%q is a %s, which can't be in a slug", p, kindName(s.Mode)),
			"remove it at the end of the build",
		)
	}
	return w.emit(e)
}

// statChunk is how many entries of a directory are examined at a time.
const statChunk = 512

// children visits what is in the directory at p, which must still have the stat want.
func (w *walker) children(p string, want stat) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	names, first, err := w.list(p, want)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(names, statChunk) {
		seen := first
		if first = nil; seen == nil {
			if seen, err = w.examineAgain(p, want, chunk); err != nil {
				return err
			}
		}
		for i, name := range chunk {
			readlink := func() (string, error) { return seen[i].link, seen[i].linkErr }
			if err := w.visit(path.Join(p, name), &seen[i].stat, readlink); err != nil {
				return err
			}
		}
	}
	return nil
}

// child is an entry of a directory.
type child struct {
	stat    unix.Stat_t
	link    string
	linkErr error
}

// list reads the directory at p. It returns the names that are not excluded, sorted, and the
// entries of the first chunk of them.
func (w *walker) list(p string, want stat) ([]string, []child, error) {
	dir, err := w.openDir(p, want)
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, nil, fmt.Errorf("listing %q: %w", dir.Name(), err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return w.exclude[path.Join(p, name)] })
	slices.Sort(names)
	first, err := examine(dir, names[:min(statChunk, len(names))])
	return names, first, err
}

// examineAgain opens the directory at p again to examine a later chunk.
func (w *walker) examineAgain(p string, want stat, names []string) ([]child, error) {
	dir, err := w.openDir(p, want)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return examine(dir, names)
}

// openDir opens the directory at p, which must be the one with the stat want.
func (w *walker) openDir(p string, want stat) (*os.File, error) {
	host := w.section.host(p)
	fd, err := w.section.within.OpenFd(w.section.place(p), unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, w.section.fail("opening", p, err)
	}
	dir := os.NewFile(uintptr(fd), host)
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		dir.Close()
		return nil, fmt.Errorf("examining %q: %w", host, err)
	}
	if s.Ino != want.ino || uint64(s.Dev) != want.dev {
		dir.Close()
		return nil, errChanged(host)
	}
	return dir, nil
}

// examine returns the entries with these names in the directory.
func examine(dir *os.File, names []string) ([]child, error) {
	fd, all := int(dir.Fd()), make([]child, len(names))
	for i, name := range names {
		c, host := &all[i], filepath.Join(dir.Name(), name)
		if err := unix.Fstatat(fd, name, &c.stat, unix.AT_SYMLINK_NOFOLLOW); errors.Is(err, fs.ErrNotExist) {
			return nil, errChanged(host)
		} else if err != nil {
			return nil, fmt.Errorf("examining %q: %w", host, err)
		}
		if c.stat.Mode&unix.S_IFMT == unix.S_IFLNK {
			c.link, c.linkErr = readLinkAt(fd, name)
		}
	}
	return all, nil
}

// readLinkAt returns the target of a link in the open directory.
func readLinkAt(fd int, name string) (string, error) {
	b := make([]byte, maxLink)
	n, err := unix.Readlinkat(fd, name, b)
	if err != nil {
		return "", err
	}
	return string(b[:n]), nil
}

// kindName returns what people call a file that a slug cannot hold.
func kindName(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFSOCK:
		return "socket"
	case unix.S_IFIFO:
		return "named pipe"
	case unix.S_IFBLK, unix.S_IFCHR:
		return "device"
	}
	return "special file"
}
