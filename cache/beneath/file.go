package beneath

import (
	"cmp"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// TempPrefix starts the names of files that WriteFile has not finished, or that a killed process left.
const TempPrefix = ".slugc-"

// OpenFile opens a regular file for reading.
func (d *Dir) OpenFile(name string) (*os.File, error) {
	fd, err := d.open(name, unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	return regular(os.NewFile(uintptr(fd), filepath.Join(d.path, name)))
}

// regular returns the file if it is a regular one, and closes it otherwise.
func regular(f *os.File) (*os.File, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = unix.EISDIR
	case !info.Mode().IsRegular():
		err = ErrNotRegular
	}
	if err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: f.Name(), Err: Reason(err)}
	}
	return f, nil
}

// ReadFile reads a regular file of at most limit bytes.
func (d *Dir) ReadFile(name string, limit int64) ([]byte, error) {
	f, err := d.OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return read(f, limit)
}

// read reads an open file of at most limit bytes. A file that only claims to be large costs nothing.
func read(f *os.File, limit int64) ([]byte, error) {
	if info, err := f.Stat(); err == nil && info.Size() > limit {
		return nil, &fs.PathError{Op: "read", Path: f.Name(), Err: &SizeError{info.Size(), limit}}
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = &SizeError{int64(len(data)), limit} // it grows
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: f.Name(), Err: Reason(err)}
	}
	return data, nil
}

// ReadLinked is ReadFile for a file of the app that may be a link, as people write them: it follows
// links that stay in the directory at dir.
func ReadLinked(dir, name string, limit int64) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ENXIO) {
		err = &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular} // a socket
	}
	if err != nil {
		return nil, err
	}
	if f, err = regular(f); err != nil {
		return nil, err
	}
	defer f.Close()
	return read(f, limit)
}

// Entry is an entry of a directory.
type Entry struct {
	Name string
	unix.Stat_t
}

// ReadDir lists a directory, sorted by name.
func (d *Dir) ReadDir(name string) ([]Entry, error) {
	dir, err := d.Dir(name)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(dir.fd), dir.path)
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, d.fail("list", name, Reason(err))
	}
	entries := make([]Entry, 0, len(names))
	for _, n := range names {
		e := Entry{Name: n}
		err := unix.Fstatat(dir.fd, n, &e.Stat_t, unix.AT_SYMLINK_NOFOLLOW)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, d.fail("lstat", path.Join(name, n), err)
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries, nil
}

// Mkdir makes a directory unless there is one. Its parent must be there.
func (d *Dir) Mkdir(name string, perm fs.FileMode) error {
	err := d.at("mkdir", name, func(fd int, base string) error { return unix.Mkdirat(fd, base, uint32(perm.Perm())) })
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	made, err := d.Dir(name)
	if err != nil {
		return err
	}
	return made.Close()
}

// Symlink makes a symbolic link to target, which is not looked at. Nothing may exist in its place.
func (d *Dir) Symlink(target, name string) error {
	return d.at("symlink", name, func(fd int, base string) error { return unix.Symlinkat(target, fd, base) })
}

// WriteFile replaces a file in one step, whatever had the name: a link is replaced, not followed. It
// does not sync.
func (d *Dir) WriteFile(name string, data []byte, perm fs.FileMode) error {
	tmp := path.Join(path.Dir(name), TempPrefix+rand.Text())
	fd, err := d.open(tmp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), filepath.Join(d.path, tmp))
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(perm), f.Close()); err == nil {
		err = d.Rename(tmp, d, name)
	}
	if err != nil {
		return errors.Join(err, d.Remove(tmp))
	}
	return nil
}

// Rename moves what has that name to another name below to, on the same file system. A file that has
// the other name is replaced. A directory that its owner may not write becomes one that only its owner may.
func (d *Dir) Rename(name string, to *Dir, other string) error {
	return d.at("rename", name, func(fd int, base string) error {
		return to.at("rename", other, func(toFd int, toBase string) error {
			err := unix.Renameat(fd, base, toFd, toBase)
			if errors.Is(err, unix.EACCES) { // to move a directory is to write its ".."
				permit(fd, base)
				err = unix.Renameat(fd, base, toFd, toBase)
			}
			return err
		})
	})
}

// Remove removes a file, a link or an empty directory. A missing one is no error.
func (d *Dir) Remove(name string) error {
	err := d.at("remove", name, func(fd int, base string) error {
		err := unix.Unlinkat(fd, base, 0)
		if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) {
			if dirErr := unix.Unlinkat(fd, base, unix.AT_REMOVEDIR); !errors.Is(dirErr, unix.ENOTDIR) {
				err = dirErr
			}
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Sync makes the directory's entries durable.
func (d *Dir) Sync() error {
	if err := unix.Fsync(d.fd); err != nil {
		return d.fail("sync", ".", err)
	}
	return nil
}
