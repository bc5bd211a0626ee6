// Package beneath works in directory trees that a build could write: an app directory, its layers, a
// plan. Such a tree is hostile for ever. Any name in it may be a link to a file of the host, a FIFO
// that blocks whoever opens it, a device, a file of a terabyte without a byte on disk, or a directory
// without permissions.
//
// A [Dir] is an open directory. Its methods take slash-separated names below it, and none follows a
// link: not in the place of the last name, nor in the place of a directory before it (openat2(2),
// RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS). Only regular files are opened, and opening does not wait.
//
//	app, err := beneath.Open(build.AppDir)
//	defer app.Close()
//	data, err := app.ReadFile(".layers/slugc_node/launch.toml", 4<<20)
//	err = app.RemoveAll(".layers/slugc_node/cache")
//
// The path that [Open] takes must be one that no build could write. So must the paths of package disk.
package beneath

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Errors of this package, wrapped in an [fs.PathError].
var (
	// ErrLink is the error for a name that is a link, or lies below one.
	ErrLink = errors.New("it is reached through a link")
	// ErrNotRegular is the error for a file that is no regular file.
	ErrNotRegular = errors.New("it is not a regular file")
)

// SizeError is the error for a file that is larger than its reader accepts, wrapped in an
// [fs.PathError].
type SizeError struct{ Size, Limit int64 } // bytes

func (e *SizeError) Error() string {
	return fmt.Sprintf("it has %d bytes, more than %d", e.Size, e.Limit)
}

// Dir is an open directory. Close it. Its methods are safe for concurrent use, except for Close.
type Dir struct {
	fd   int
	path string // for messages
}

// Open opens the directory at path. Links on the way there are followed.
func Open(path string) (*Dir, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return &Dir{fd, path}, nil
}

// Close closes the directory.
func (d *Dir) Close() error { return unix.Close(d.fd) }

// Path returns the path at which the directory was opened, for messages only.
func (d *Dir) Path() string { return d.path }

// Fd returns the file descriptor, which Close closes.
func (d *Dir) Fd() int { return d.fd }

// Dir opens the directory of that name, "." for the directory itself.
func (d *Dir) Dir(name string) (*Dir, error) {
	fd, err := d.OpenFd(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return &Dir{fd, filepath.Join(d.path, name)}, nil
}

// OpenFd opens name with the flags of open(2) and returns the file descriptor. It adds O_NOFOLLOW,
// O_NONBLOCK and O_CLOEXEC. The caller must check what it has opened.
func (d *Dir) OpenFd(name string, flags int) (int, error) { return d.open(name, flags, 0) }

func (d *Dir) open(name string, flags int, perm fs.FileMode) (int, error) {
	if !filepath.IsLocal(name) {
		return -1, d.fail("open", name, errors.New("it is not a name below the directory"))
	}
	flags |= unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := openBeneath(d.fd, path.Clean(name), flags, uint32(perm.Perm()))
	switch {
	case errors.Is(err, unix.ELOOP):
		err = ErrLink
	case errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV): // a socket, a device without a driver
		err = ErrNotRegular
	}
	if err != nil {
		return -1, d.fail("open", name, err)
	}
	return fd, nil
}

// Stat returns the identity and the state of the directory itself.
func (d *Dir) Stat() (unix.Stat_t, error) {
	var s unix.Stat_t
	if err := unix.Fstat(d.fd, &s); err != nil {
		return s, d.fail("stat", ".", err)
	}
	return s, nil
}

// Lstat returns the state of what has that name.
func (d *Dir) Lstat(name string) (s unix.Stat_t, err error) {
	err = d.at("lstat", name, func(fd int, base string) error {
		return unix.Fstatat(fd, base, &s, unix.AT_SYMLINK_NOFOLLOW)
	})
	return s, err
}

// Readlink returns what the link of that name leads to.
func (d *Dir) Readlink(name string) (target string, err error) {
	err = d.at("readlink", name, func(fd int, base string) error {
		buffer := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(fd, base, buffer)
		if err == nil {
			target = string(buffer[:n])
		}
		return err
	})
	return target, err
}

// Missing reports whether err says that nothing has the name: it is missing, or so is a directory
// before it.
func Missing(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }

// IsDir reports whether the mode of a [unix.Stat_t] is that of a directory.
func IsDir(s unix.Stat_t) bool { return s.Mode&unix.S_IFMT == unix.S_IFDIR }

// Is reports whether two states are those of one file.
func Is(a, b unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// at calls fn with the open directory that holds name, and name's last part.
func (d *Dir) at(op, name string, fn func(fd int, base string) error) error {
	name = path.Clean(name)
	dir, base := path.Split(name)
	fd := d.fd
	if dir != "" {
		var err error
		if fd, err = d.open(path.Clean(dir), unix.O_RDONLY|unix.O_DIRECTORY, 0); err != nil {
			return err
		}
		defer unix.Close(fd)
	} else if base == ".." {
		return d.fail(op, name, errors.New("it is not a name below the directory"))
	}
	_, err := retry(func() (int, error) { return 0, fn(fd, base) })
	if err != nil {
		return d.fail(op, name, err)
	}
	return nil
}

func (d *Dir) fail(op, name string, err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return err
	}
	return &fs.PathError{Op: op, Path: filepath.Join(d.path, name), Err: err}
}

// retry repeats a system call while signals interrupt it.
func retry[T any](call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if !errors.Is(err, unix.EINTR) {
			return v, err
		}
	}
}

// Reason returns why an operation of this package failed, without the name that the caller knows.
func Reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
