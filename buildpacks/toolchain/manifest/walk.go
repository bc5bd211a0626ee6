package manifest

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// eachIn calls do for every file of the tree at dir with its stat, or with why there is none.
//
// A tree of dependencies has tens of thousands of files below long paths: each is looked up in its directory, which
// is open, and costs one fstatat(2) of one name.
func eachIn(ctx context.Context, dir string, files []file, do func(f *file, now stat, err error) error) error {
	return inChunks(ctx, files, func() (func(*file) error, func()) {
		w := &openDirs{root: dir}
		return func(f *file) error {
			now, err := w.look(f.path)
			return do(f, now, err)
		}, w.close
	})
}

// openDirs are the directories above the file that was looked at last.
type openDirs struct {
	root string
	open []openDir
}

// maxOpen is how many they are at most.
const maxOpen = 32

type openDir struct {
	path string // relative to the root; "" for that
	fd   int
}

func (w *openDirs) close() { w.closeTo(0) }

// closeTo leaves n directories open.
func (w *openDirs) closeTo(n int) {
	for _, d := range w.open[n:] {
		_ = unix.Close(d.fd)
	}
	w.open = w.open[:n]
}

// look returns the stat of a file of the tree.
func (w *openDirs) look(path string) (stat, error) {
	if path == "" {
		return look(w.root, unix.Lstat)
	}
	dir := parent(path)
	fd, err := w.dir(dir)
	var s unix.Stat_t
	if err == nil {
		err = unix.Fstatat(fd, path[len(path)-len(filepath.Base(path)):], &s, unix.AT_SYMLINK_NOFOLLOW)
	}
	if err != nil {
		return stat{}, &os.PathError{Op: "stat", Path: filepath.Join(w.root, path), Err: err}
	}
	return statOf(&s), nil
}

// dir opens a directory of the tree, from the closest one above it that is open.
func (w *openDirs) dir(path string) (int, error) {
	n := len(w.open)
	for n > 0 && !isAbove(w.open[n-1].path, path) {
		n--
	}
	if n == maxOpen {
		n /= 2
	}
	w.closeTo(n)
	var at int
	var name string
	if n == 0 {
		at, name = unix.AT_FDCWD, filepath.Join(w.root, path)
	} else if top := w.open[n-1]; top.path == path {
		return top.fd, nil
	} else {
		at, name = top.fd, strings.TrimPrefix(path[len(top.path):], "/")
	}
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(at, name, flags, 0)
	if err == nil {
		w.open = append(w.open, openDir{path, fd})
	}
	return fd, err
}

// isAbove reports whether dir is path or lies above it.
func isAbove(dir, path string) bool {
	return dir == "" || strings.HasPrefix(path, dir) && (len(path) == len(dir) || path[len(dir)] == '/')
}
