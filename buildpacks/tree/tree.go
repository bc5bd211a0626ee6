// Package tree copies, moves and prunes the directory trees that buildpacks put into layers and
// take out of them ([Copy], [Move], [Prune]), and asks what is at a path.
//
//	skip := func(rel string) bool { return rel == "docs" }
//	err := tree.Copy(toolchain.Dir, layer.Path, tree.Options{Plain: true, Skip: skip})
//
// Paths are of this machine, and of directories that the caller owns. Only [ReadIn] keeps to a
// root. Single files are copied and whole trees removed by package cache/disk.
package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"slugc/cache/disk"
)

// Options say how [Copy] copies. The zero value copies everything with its modes.
type Options struct {
	// Plain makes directories 0755 and files 0644, or 0755 where they were executable: a store's
	// trees may be read-only.
	Plain bool
	// Skip reports slash-separated paths relative to the tree that are left out, with everything
	// below. nil leaves nothing out.
	Skip func(rel string) bool
}

// Copy copies the directory src to dst, which must not exist or must be empty: files, directories
// and symbolic links with their modes and, for files, times. Names of one file in src are names of one
// file in dst, unless the copy is plain. Sockets and devices are left out.
func Copy(src, dst string, o Options) error {
	c := copier{Options: o, names: map[file]string{}}
	c.files.SetLimit(runtime.GOMAXPROCS(0))
	err := filepath.WalkDir(src, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		if rel != "." && o.Skip != nil && o.Skip(filepath.ToSlash(rel)) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return c.entry(path, filepath.Join(dst, rel), entry)
	})
	if failed := c.files.Wait(); failed != nil {
		err = failed
	}
	if err != nil {
		return err
	}
	for _, d := range slices.Backward(c.dirs) { // the deepest first: a directory may be read-only
		if err := os.Chmod(d.dir, d.mode); err != nil {
			return err
		}
	}
	return nil
}

// copier is a copy under way.
type copier struct {
	Options
	dirs  []made
	names map[file]string // the copies of files that have several names

	files  errgroup.Group // copies the others, several at a time
	failed atomic.Bool
}

// errFailed ends the walk when a file could not be copied, whose error the group has.
var errFailed = errors.New("a file could not be copied")

// made is a directory of the copy, which gets its mode last.
type made struct {
	dir  string
	mode fs.FileMode
}

// file tells a file from all others.
type file struct{ dev, ino uint64 }

// entry copies what is at path.
func (c *copier) entry(path, target string, entry fs.DirEntry) error {
	if c.failed.Load() {
		return errFailed
	}
	switch entry.Type() {
	case fs.ModeDir:
		info, err := entry.Info()
		if err != nil {
			return err
		}
		c.dirs = append(c.dirs, made{target, c.mode(info)})
		return os.MkdirAll(target, 0o700)
	case fs.ModeSymlink:
		link, err := os.Readlink(path)
		if err != nil {
			return err
		}
		return os.Symlink(link, target)
	case 0:
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 && !c.Plain {
			id := file{uint64(st.Dev), st.Ino}
			if first, ok := c.names[id]; ok && os.Link(first, target) == nil {
				return nil
			}
			c.names[id] = target // also where a file system allows a file no more names
			return disk.CopyFile(path, target, c.mode(info))
		}
		c.files.Go(func() error {
			err := disk.CopyFile(path, target, c.mode(info))
			if err != nil {
				c.failed.Store(true)
			}
			return err
		})
	}
	return nil
}

// mode returns the permissions of a copy.
func (o Options) mode(info fs.FileInfo) fs.FileMode {
	switch {
	case !o.Plain:
		return info.Mode().Perm()
	case info.IsDir():
		return 0o755
	}
	return 0o644 | info.Mode().Perm()&0o111
}

// Move renames a directory, or copies and removes it where the two places are on different disks.
// dst must not exist; the directories above it are made.
func Move(src, dst string) error {
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return err
	}
	err := os.Rename(src, dst)
	if !errors.Is(err, unix.EXDEV) {
		return err
	}
	if err := Copy(src, dst, Options{}); err != nil {
		return err
	}
	return os.RemoveAll(src)
}

// Exists reports whether there is anything at path, a dangling link included.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// ReadIn reads a regular file of at most limit bytes below dir. name is slash-separated. A link
// that leads out of dir is not followed.
func ReadIn(dir, name string, limit int64) ([]byte, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	name = filepath.FromSlash(name)
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("not a regular file of at most %d bytes", limit)
	}
	return root.ReadFile(name)
}

// IsFile reports whether path is a regular file or a link to one.
func IsFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// IsDir reports whether path is a directory and not a link.
func IsDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// IsProgram reports whether path is a regular file that somebody may execute, or a link to one.
func IsProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
