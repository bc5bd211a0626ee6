package beneath

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// RemoveAll removes the tree at path; the directory that holds it must be slugc's own. See
// [Dir.RemoveAll].
func RemoveAll(path string) error {
	parent, err := Open(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	if err == nil {
		err = errors.Join(parent.RemoveAll(filepath.Base(path)), parent.Close())
	}
	if err != nil {
		return fmt.Errorf("removing %q: %w", path, err)
	}
	return nil
}

// RemoveAll removes a file, or a directory with all that is in it. Links are removed, not followed.
// Directories may be without permissions, as those of Go's module cache are, and nested as deep as a
// disk allows. A missing tree is no error.
func (d *Dir) RemoveAll(name string) error {
	err := d.at("remove", name, func(fd int, base string) error {
		r := remover{top: fd}
		err := r.remove(fd, base, 0)
		for err == nil && len(r.moved) > 0 {
			next := r.moved[len(r.moved)-1]
			r.moved = r.moved[:len(r.moved)-1]
			err = r.remove(fd, next, 0)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// maxOpen is how many directories a removal holds open.
const maxOpen = 64

// remover is one removal. Directories that lie deeper than it can hold open it moves up to the top,
// and removes them afterwards.
type remover struct {
	top   int
	moved []string
	count int
}

func (r *remover) remove(parent int, name string, depth int) error {
	err := unix.Unlinkat(parent, name, 0)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return err
	}
	if errors.Is(unix.Unlinkat(parent, name, unix.AT_REMOVEDIR), nil) {
		return nil
	}
	if depth == maxOpen {
		up := fmt.Sprintf("%sremoved-%d-%d", TempPrefix, os.Getpid(), r.count)
		r.count++
		permit(parent, name) // to rename a directory is to write its ".."
		if err := unix.Renameat(parent, name, r.top, up); err != nil {
			return err
		}
		r.moved = append(r.moved, up)
		return nil
	}
	dir, err2 := openToEmpty(parent, name)
	if errors.Is(err2, unix.ENOTDIR) {
		return err // of the file
	}
	if err2 != nil {
		return err2
	}
	err = r.empty(dir, depth)
	unix.Close(dir)
	if err != nil {
		return err
	}
	return unix.Unlinkat(parent, name, unix.AT_REMOVEDIR)
}

// empty removes what is in an open directory.
func (r *remover) empty(dir, depth int) error {
	fd, err := unix.Dup(dir)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "directory")
	defer f.Close()
	for {
		names, err := f.Readdirnames(1024)
		for _, name := range names {
			if err := r.remove(dir, name, depth+1); err != nil {
				return err
			}
		}
		if len(names) == 0 {
			if err != nil && !errors.Is(err, io.EOF) {
				return Reason(err)
			}
			return nil
		}
		// Removing may make a directory skip entries: read it again from the start.
		if _, err := f.Seek(0, 0); err != nil {
			return Reason(err)
		}
	}
}

// openToEmpty opens a directory, and makes it accessible to its owner if it is not.
func openToEmpty(parent int, name string) (int, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	var s unix.Stat_t
	if err := unix.Fstatat(parent, name, &s, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return -1, err
	}
	if s.Mode&unix.S_IFMT != unix.S_IFDIR {
		return -1, unix.ENOTDIR
	}
	if s.Mode&0o700 != 0o700 {
		permit(parent, name)
	}
	return retry(func() (int, error) { return unix.Openat(parent, name, flags, 0) })
}
