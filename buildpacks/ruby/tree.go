package ruby

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

// copyTree copies the directory src to dst, which must not exist or be empty: files, directories and symbolic links with their modes and,
// for files, times. skip leaves out a path relative to src; nil skips nothing.
func copyTree(src, dst string, skip func(rel string) bool) error {
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
		if rel != "." && skip != nil && skip(filepath.ToSlash(rel)) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		target := filepath.Join(dst, rel)
		switch entry.Type() {
		case fs.ModeDir:
			dirs = append(dirs, made{target, 0o755})
			return os.MkdirAll(target, 0o700)
		case fs.ModeSymlink:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case 0:
			return copyFile(path, target)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, d := range slices.Backward(dirs) {
		if err := os.Chmod(d.dir, d.mode); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies a regular file to a new one, by reflink where the disk can.
func copyFile(src, dst string) error {
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
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Chmod(0o644|info.Mode().Perm()&0o111), out.Close()); err != nil {
		return fmt.Errorf("copying %q: %w", src, err)
	}
	return os.Chtimes(dst, time.Time{}, info.ModTime())
}

// move renames a directory, or copies and removes it where the two places lie on different disks. dst must not exist.
func move(src, dst string) error {
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return err
	}
	err := os.Rename(src, dst)
	if !errors.Is(err, unix.EXDEV) {
		return err
	}
	if err := copyTree(src, dst, nil); err != nil {
		return err
	}
	return os.RemoveAll(src)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func directory(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

// same reports whether a restored layer's metadata is what it should be.
func same(have, want map[string]any) bool {
	if len(have) != len(want) {
		return false
	}
	for name, value := range want {
		if have[name] != value {
			return false
		}
	}
	return true
}
