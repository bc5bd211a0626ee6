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
	"strings"

	"golang.org/x/sys/unix"
)

// maxLink bounds a symbolic link's target, as Linux does.
const maxLink = 4096

// walker walks one section's tree in the order of less and gives its entries one by one. It keeps one directory open
// at a time and in memory only the names still to come, so its needs do not grow with the tree's size.
type walker struct {
	ctx     context.Context
	section placed
	exclude map[string]bool // paths relative to the app that are left out with all below them
	parents map[string]bool // directories that the slug's first segment holds already
	emit    func(entry) error
}

// walk gives all entries of the section.
func (w *walker) walk() error {
	for _, root := range w.section.roots {
		if err := w.checkParents(root); err != nil {
			return err
		}
		host := w.section.host(root)
		var s unix.Stat_t
		err := unix.Lstat(host, &s)
		if root == w.section.Prefix {
			err = unix.Stat(host, &s) // the directory given may be reached through links, what is in it not
		}
		if err != nil {
			return fmt.Errorf("examining %q: %w", host, err)
		}
		if w.exclude[root] {
			continue
		}
		if err := w.visit(root, &s, func() (string, error) { return os.Readlink(host) }); err != nil {
			return err
		}
	}
	return nil
}

// checkParents refuses a root that is reached through a link, which could lead anywhere.
func (w *walker) checkParents(root string) error {
	for p := path.Dir(root); p != "." && p != w.section.Prefix && within(p, w.section.Prefix); p = path.Dir(p) {
		info, err := os.Lstat(w.section.host(p))
		if err != nil {
			return fmt.Errorf("examining %q: %w", p, err)
		}
		if !info.IsDir() {
			return fmt.Errorf("packing %q: %q is not a directory", root, p)
		}
	}
	return nil
}

// visit gives the entry at p and, if it is a directory, all below it.
func (w *walker) visit(p string, s *unix.Stat_t, readlink func() (string, error)) error {
	if w.parents[p] && s.Mode&unix.S_IFMT != unix.S_IFDIR {
		return appFault("slug/path-taken", fmt.Errorf("packing %q: it must be a directory, because other parts of the slug lie in it", p),
			fmt.Sprintf("rename %q", p))
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
			return appFault("slug/link-outside", fmt.Errorf("packing %w", err),
				"a slug runs on other machines: replace the link by what it points to, or exclude it")
		}
		e.kind, e.link = tar.TypeSymlink, target
	default:
		return appFault("slug/special-file", fmt.Errorf("packing %q: it is a %s", p, kindName(s.Mode)), "remove it or exclude it")
	}
	return w.emit(e)
}

// children visits what is in the directory at p, which must still be the one that was seen.
func (w *walker) children(p string, want stat) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	names, stats, links, err := w.list(p, want)
	if err != nil {
		return err
	}
	for i, name := range names {
		target := links[i]
		if err := w.visit(path.Join(p, name), &stats[i], func() (string, error) { return target, nil }); err != nil {
			return err
		}
	}
	return nil
}

// list reads the directory at p: the names in it that are not excluded, sorted, with their stats and link targets.
func (w *walker) list(p string, want stat) (names []string, stats []unix.Stat_t, links map[int]string, err error) {
	host := w.section.host(p)
	flags := unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	if p != w.section.Prefix {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := retry(func() (int, error) { return unix.Open(host, flags, 0) })
	if err != nil {
		return nil, nil, nil, fmt.Errorf("opening %q: %w", host, err)
	}
	dir := os.NewFile(uintptr(fd), host)
	defer dir.Close()
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		return nil, nil, nil, fmt.Errorf("examining %q: %w", host, err)
	}
	if s.Ino != want.ino || uint64(s.Dev) != want.dev {
		return nil, nil, nil, errChanged(host)
	}
	if names, err = dir.Readdirnames(-1); err != nil {
		return nil, nil, nil, fmt.Errorf("listing %q: %w", host, err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return w.exclude[path.Join(p, name)] })
	slices.Sort(names)
	stats, links = make([]unix.Stat_t, len(names)), map[int]string{}
	for i, name := range names {
		if err := unix.Fstatat(fd, name, &stats[i], unix.AT_SYMLINK_NOFOLLOW); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				err = errChanged(filepath.Join(host, name))
			}
			return nil, nil, nil, fmt.Errorf("examining %q: %w", path.Join(p, name), err)
		}
		if stats[i].Mode&unix.S_IFMT == unix.S_IFLNK {
			if links[i], err = readLinkAt(fd, name); err != nil {
				return nil, nil, nil, fmt.Errorf("reading link %q: %w", path.Join(p, name), err)
			}
		}
	}
	return names, stats, links, nil
}

// readLinkAt reads the target of the link of that name in the open directory.
func readLinkAt(fd int, name string) (string, error) {
	b := make([]byte, maxLink)
	n, err := unix.Readlinkat(fd, name, b)
	if err != nil {
		return "", err
	}
	return strings.Clone(string(b[:n])), nil
}

// kindName names what a slug cannot hold.
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
