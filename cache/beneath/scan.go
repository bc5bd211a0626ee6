package beneath

import (
	"errors"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Listing is a directory as [Dir.Scan] has read it. It is valid until visit returns.
type Listing struct {
	Path    string  // relative to the Dir
	Entries []Entry // sorted by name

	fd int
}

// Readlink returns the target of a link in the directory.
func (l *Listing) Readlink(name string) (string, error) {
	target := make([]byte, unix.PathMax)
	n, err := retry(func() (int, error) { return unix.Readlinkat(l.fd, name, target) })
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: path.Join(l.Path, name), Err: err}
	}
	return string(target[:n]), nil
}

// Scan reads the directory of that name and all directories below it, several at a time and in no order. It is
// for trees of many thousand files: each costs one fstatat(2) in its open directory. visit is called
// concurrently, once for each directory. What it takes out of Entries is not descended into. An error of visit
// ends the scan. A file that goes away meanwhile is left out.
func (d *Dir) Scan(name string, visit func(l *Listing) error) error {
	fd, err := d.OpenFd(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	s := scan{top: d, visit: visit}
	s.group.SetLimit(runtime.GOMAXPROCS(0))
	err = s.dir(&scratch{}, fd, path.Clean(name), 0)
	if waited := s.group.Wait(); err == nil {
		err = waited
	}
	return err
}

// scan is one scan under way.
type scan struct {
	top   *Dir
	visit func(l *Listing) error
	group errgroup.Group
	ended atomic.Bool // by an error
}

// scratch is what one goroutine of a scan uses again for each directory.
type scratch struct {
	raw     []byte
	names   []string
	entries []Entry
}

// dir reads the open directory, which it closes, and all below it.
func (s *scan) dir(own *scratch, fd int, name string, depth int) error {
	dirs, err := s.list(own, fd, name)
	if err != nil || depth >= maxOpen {
		unix.Close(fd)
	} else {
		defer unix.Close(fd)
	}
	if err != nil {
		s.ended.Store(true)
		return err
	}
	for _, base := range dirs {
		if s.ended.Load() {
			return nil
		}
		child, err := s.open(fd, name, base, depth)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		below := path.Join(name, base)
		if s.group.TryGo(func() error { return s.dir(&scratch{}, child, below, depth+1) }) {
			continue
		}
		if err := s.dir(own, child, below, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// open opens a directory in the open one, or by its whole name where that is closed already.
func (s *scan) open(fd int, name, base string, depth int) (int, error) {
	if depth >= maxOpen {
		return s.top.OpenFd(path.Join(name, base), unix.O_RDONLY|unix.O_DIRECTORY)
	}
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	child, err := retry(func() (int, error) { return unix.Openat(fd, base, flags, 0) })
	if err != nil {
		return -1, s.top.fail("open", path.Join(name, base), err)
	}
	return child, nil
}

// list visits the open directory, and returns the directories in it that are to be read.
func (s *scan) list(own *scratch, fd int, name string) (dirs []string, err error) {
	if err := own.readNames(fd); err != nil {
		return nil, s.top.fail("list", name, err)
	}
	slices.Sort(own.names)
	own.entries = own.entries[:0]
	for _, base := range own.names {
		e := Entry{Name: base}
		_, err := retry(func() (int, error) { return 0, unix.Fstatat(fd, base, &e.Stat_t, unix.AT_SYMLINK_NOFOLLOW) })
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, s.top.fail("lstat", path.Join(name, base), err)
		}
		own.entries = append(own.entries, e)
	}
	l := Listing{Path: name, Entries: own.entries, fd: fd}
	if err := s.visit(&l); err != nil {
		return nil, err
	}
	for i := range l.Entries {
		if IsDir(l.Entries[i].Stat_t) {
			dirs = append(dirs, l.Entries[i].Name)
		}
	}
	return dirs, nil
}

// readNames reads the names in an open directory.
func (own *scratch) readNames(fd int) error {
	own.names = own.names[:0]
	if own.raw == nil {
		own.raw = make([]byte, 32<<10)
	}
	for {
		n, err := retry(func() (int, error) { return unix.ReadDirent(fd, own.raw) })
		if errors.Is(err, unix.ENOENT) {
			return nil // the directory itself has gone away
		}
		if err != nil || n <= 0 {
			return err
		}
		_, _, own.names = unix.ParseDirent(own.raw[:n], -1, own.names)
	}
}
