//go:build !linux

package disk

import (
	"os"
	"path/filepath"
)

// SyncFileSystem makes the tree at dir durable, file by file.
func SyncFileSystem(dir string) error {
	return filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || !(d.IsDir() || d.Type().IsRegular()) {
			return err
		}
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		return f.Sync()
	})
}
