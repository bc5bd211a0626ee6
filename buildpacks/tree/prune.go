package tree

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Prune keeps a cache small. Once the files below dir have more than limit bytes, it removes those
// that were written longest ago until at most keep bytes are left. Directories stay. spare reports
// slash-separated paths relative to dir that neither count nor go; nil spares nothing.
func Prune(dir string, limit, keep int64, spare func(rel string) bool) error {
	type file struct {
		path    string
		size    int64
		written time.Time
	}
	var files []file
	var total int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || spare != nil && spare(filepath.ToSlash(rel)) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files = append(files, file{path, info.Size(), info.ModTime()})
		total += info.Size()
		return nil
	})
	if err != nil || total <= limit {
		return err
	}
	slices.SortFunc(files, func(a, b file) int {
		return cmp.Or(a.written.Compare(b.written), strings.Compare(a.path, b.path))
	})
	for _, f := range files {
		if total <= keep {
			break
		}
		if err := os.Remove(f.path); err != nil {
			return err
		}
		total -= f.size
	}
	return nil
}
