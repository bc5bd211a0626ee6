package node

import (
	"os"
	"path"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// statWalk collects the entries below a directory. A dependency tree has tens of thousands of files, and the
// walk is most of what a rebuild does with them: each costs one fstatat(2) in its directory.
type statWalk struct {
	root  string
	skip  func(rel string) bool
	group errgroup.Group

	mu    sync.Mutex
	found manifest
}

// top adds the root and all below it.
func (w *statWalk) top() error {
	var st unix.Stat_t
	if err := unix.Lstat(w.root, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: w.root, Err: err}
	}
	e, err := newEntry(".", &st, func() (string, error) { return os.Readlink(w.root) })
	if err != nil {
		return err
	}
	w.found = manifest{e}
	if !e.isDir() {
		return nil
	}
	return w.dir(".")
}

// dir adds what a directory holds. Directories in it are walked by another goroutine if one is free.
func (w *statWalk) dir(rel string) error {
	entries, dirs, err := w.list(rel)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.found = append(w.found, entries...)
	w.mu.Unlock()
	for _, name := range dirs {
		walk := func() error { return w.dir(name) }
		if !w.group.TryGo(walk) {
			if err := walk(); err != nil {
				return err
			}
		}
	}
	return nil
}

// list returns the entries of a directory, and which of them are directories.
func (w *statWalk) list(rel string) (entries manifest, dirs []string, err error) {
	f, err := os.OpenFile(filepath.Join(w.root, rel), os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, nil, err
	}
	dir := int(f.Fd())
	entries = make(manifest, 0, len(names))
	for _, base := range names {
		name := path.Join(rel, base)
		if w.skip != nil && w.skip(name) {
			continue
		}
		var st unix.Stat_t
		if err := unix.Fstatat(dir, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return nil, nil, &os.PathError{Op: "fstatat", Path: name, Err: err}
		}
		e, err := newEntry(name, &st, func() (string, error) { return os.Readlink(filepath.Join(w.root, name)) })
		if err != nil {
			return nil, nil, err
		}
		if entries = append(entries, e); e.isDir() {
			dirs = append(dirs, name)
		}
	}
	return entries, dirs, nil
}

// newEntry returns the entry of a file.
func newEntry(name string, st *unix.Stat_t, readlink func() (string, error)) (e entry, err error) {
	e = entry{path: name, mode: st.Mode}
	if e.isDir() {
		return e, nil
	}
	e.size, e.mtime, e.ctime, e.ino = st.Size, st.Mtim.Nano(), st.Ctim.Nano(), st.Ino
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		e.link, err = readlink()
	}
	return e, err
}

func (e entry) isDir() bool { return e.mode&unix.S_IFMT == unix.S_IFDIR }
