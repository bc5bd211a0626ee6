package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// unfinished stands in the name of a file that is being written, between a dot, the name that the file
// will have, and something random. Its process holds its lock (flock(2)) until it has that name.
const unfinished = ".slugc-"

// WriteFile replaces a file so that after a crash it holds the former bytes or the new ones, and removes
// what killed processes have left of the same file. A link at path is replaced, not followed. A file that
// is replaced keeps its permissions, a new one gets perm less the umask.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	err := replace(path, perm, func(tmp *os.File) error {
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
			if err := tmp.Chmod(info.Mode().Perm()); err != nil {
				return err
			}
		}
		_, err := tmp.Write(data)
		return err
	})
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return nil
}

// ReplaceFile replaces the file to with a copy of from as [WriteFile] does: to is whole or
// untouched. The copy shares the original's blocks where the file system supports that.
func ReplaceFile(from, to string, perm fs.FileMode) error {
	src, err := OpenRegular(from)
	if err != nil {
		return err
	}
	defer src.Close()
	return replace(to, perm, func(tmp *os.File) error {
		_, err := io.Copy(tmp, src)
		return errors.Join(err, tmp.Chmod(perm))
	})
}

// replace puts a file that write fills in the place of another.
func replace(to string, perm fs.FileMode, write func(tmp *os.File) error) error {
	dir, prefix := filepath.Dir(to), "."+filepath.Base(to)+unfinished
	removeUnfinished(dir, func(name string) bool { return strings.HasPrefix(name, prefix) })
	tmp, err := createLocked(filepath.Join(dir, prefix), perm)
	if err != nil {
		return err
	}
	defer tmp.Close() // after the rename: until then the lock says that somebody needs it
	err = write(tmp)
	if err = errors.Join(err, tmp.Sync()); err == nil {
		err = os.Rename(tmp.Name(), to)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return SyncDir(dir)
}

// createLocked makes a file whose name starts with prefix, and locks it.
func createLocked(prefix string, perm fs.FileMode) (*os.File, error) {
	for {
		f, err := os.OpenFile(prefix+rand.Text(), os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
		if err != nil {
			return nil, err
		}
		var s unix.Stat_t
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err == nil {
			err = unix.Fstat(int(f.Fd()), &s)
		}
		if err == nil && s.Nlink > 0 {
			return f, nil
		}
		_ = f.Close()
		if err != nil {
			return nil, errors.Join(&fs.PathError{Op: "lock", Path: f.Name(), Err: err}, os.Remove(f.Name()))
		}
		// A sweep took it for a dead process's, between making and locking.
	}
}

// RemoveUnfinished removes the files in dir that [WriteFile] and [ReplaceFile] of killed processes were
// writing. It takes nothing from a living process, and ignores errors, because it only frees space.
func RemoveUnfinished(dir string) {
	removeUnfinished(dir, func(name string) bool { return name[0] == '.' && strings.Contains(name[1:], unfinished) })
}

// removeUnfinished removes the regular files that match and that nobody holds a lock on.
func removeUnfinished(dir string, match func(name string) bool) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !match(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		name := filepath.Join(dir, e.Name())
		f, err := OpenRegular(name)
		if err != nil {
			continue
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.Remove(name)
		}
		_ = f.Close()
	}
}
