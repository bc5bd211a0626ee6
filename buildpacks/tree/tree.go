// Package tree copies, moves, measures and prunes the directory trees that buildpacks put into
// layers and take out of them. Paths are of this machine, and of directories that the caller owns:
// nothing here keeps to a root.
package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Options say how [Copy] copies. The zero value copies everything with its modes.
type Options struct {
	// directories become 0755 and files 0644, or 0755 where they were executable, whatever they
	// were: a store's trees may be read-only
	Plain bool
	// reports slash-separated paths relative to the tree that are left out, with all below; nil
	// leaves nothing out
	Skip func(rel string) bool
}

// Copy copies the directory src to dst, which must not exist or be empty: files, directories and
// symbolic links with their modes and, for files, times. Sockets and devices are left out.
func Copy(src, dst string, o Options) error {
	type made struct {
		dir  string
		mode fs.FileMode
	}
	var dirs []made
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
		target := filepath.Join(dst, rel)
		switch entry.Type() {
		case fs.ModeDir:
			info, err := entry.Info()
			if err != nil {
				return err
			}
			dirs = append(dirs, made{target, o.mode(info)})
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
			return CopyFile(path, target, o.mode(info))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, d := range slices.Backward(dirs) { // a directory may be read-only: filled first, the deepest closed first
		if err := os.Chmod(d.dir, d.mode); err != nil {
			return err
		}
	}
	return nil
}

// mode is the permissions that a copy gets.
func (o Options) mode(info fs.FileInfo) fs.FileMode {
	switch {
	case !o.Plain:
		return info.Mode().Perm()
	case info.IsDir():
		return 0o755
	}
	return 0o644 | info.Mode().Perm()&0o111
}

// CopyFile copies a regular file to dst, which must not exist, with its time and the permissions
// mode, by reflink where the disk can.
func CopyFile(src, dst string, mode fs.FileMode) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in) // copy_file_range where the kernel can
	if err = errors.Join(err, out.Chmod(mode), out.Close()); err != nil {
		return fmt.Errorf("copying %q: %w", src, err)
	}
	return os.Chtimes(dst, time.Time{}, info.ModTime())
}

// Move renames a directory, or copies and removes it where the two places lie on different disks.
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

// IsFile reports whether path is a regular file or leads to one.
func IsFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// IsDir reports whether path is a directory; a link to one is none.
func IsDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// IsProgram reports whether path is a regular file that somebody may execute, or leads to one.
func IsProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
