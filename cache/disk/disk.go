// Package disk holds the file operations that survive a crash, and a few that package os does not
// have.
//
// A file is replaced by writing beside it, syncing, renaming and syncing the directory: after a
// crash it holds the former bytes or the new ones.
//
//	err := disk.WriteFile(app.Path("record.json"), data, 0o600)
//
// Paths must be in directories that slugc owns. Only [WriteFileIn] stays beneath a root, so no other
// function may name a tree that a build could write; see package unpack for those.
package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"slugc/cache/beneath"
)

// CopyFile copies a regular file with its modification time and the permissions perm. Nothing may
// exist at to: not even a link. On an error nothing is left there. The copy shares the original's
// blocks where the file system supports that. Nothing is synced.
func CopyFile(from, to string, perm fs.FileMode) error {
	in, err := OpenRegular(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in) // copy_file_range where the kernel can
	if err = errors.Join(err, out.Chmod(perm), out.Close()); err == nil {
		err = os.Chtimes(to, time.Time{}, info.ModTime())
	}
	if err != nil {
		_ = os.Remove(to)
		return fmt.Errorf("copying %q: %w", from, err)
	}
	return nil
}

// WriteFileIn is [WriteFile] for a slash-separated name below root: it follows no link that leads out of
// root, and none in the place of the file.
func WriteFileIn(root *os.Root, name string, data []byte, perm fs.FileMode) error {
	dir, base := path.Split(name)
	tmp := path.Join(dir, "."+base+".slugc-"+rand.Text())
	f, err := root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(perm), f.Sync(), f.Close())
	if err == nil {
		err = root.Rename(tmp, name)
	}
	if err != nil {
		return errors.Join(err, root.Remove(tmp))
	}
	d, err := root.Open(path.Join(".", dir))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// SyncDir makes the entries of a directory durable: what was created, renamed or removed there.
func SyncDir(dir string) error {
	d, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("syncing directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing directory %q: %w", dir, err)
	}
	return nil
}

// RemoveAll removes a tree. It differs from [os.RemoveAll] in that directories may be read-only, as
// those of Go's module cache are, and nested as deep as a disk allows. A missing tree is no error. Links
// are removed, not followed.
func RemoveAll(path string) error { return beneath.RemoveAll(path) }

// Discard removes a tree in one step, as seen by whoever looks at path: it renames the tree to a name
// beside it that starts with a dot, syncs the directory, and then removes it. What a killed process leaves
// has that name. A missing tree is no error.
func Discard(path string) error {
	away := filepath.Join(filepath.Dir(path), ".discarded-"+rand.Text())
	err := os.Rename(path, away)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("removing %q: %w", path, err)
	}
	return RemoveAll(away)
}

// staleAfter is how long a temporary file must be unchanged for [RemoveStale].
const staleAfter = 24 * time.Hour

// RemoveStale removes the files in dir whose names start with prefix and that have not changed for a
// day: temporary files of killed processes. It ignores errors, because it only frees space.
func RemoveStale(dir, prefix string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleAfter {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// Size returns the total size in bytes of the regular files below path, 0 if path is missing. A
// file with several names counts once for each.
func Size(path string) (int64, error) { return sizeOf(path, func(fs.FileInfo) bool { return true }) }

// OwnSize is [Size] of the files that have only one name: what the removal of path frees, unless all names of a file
// are below it.
func OwnSize(path string) (int64, error) {
	return sizeOf(path, func(info fs.FileInfo) bool { return !HasNames(info) })
}

// HasNames reports whether a file has several names, so that the removal of one frees nothing.
func HasNames(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && s.Nlink > 1
}

func sizeOf(path string, counts func(fs.FileInfo) bool) (int64, error) {
	var total int64
	err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && counts(info) {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measuring %q: %w", path, err)
	}
	return total, nil
}
