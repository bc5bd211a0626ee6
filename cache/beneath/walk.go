package beneath

import (
	"errors"
	"io/fs"
	"path"
)

// Walk calls fn for name and, if it is a directory, for all that is below it, a directory before what
// it holds. Paths are relative to d. fn gets the directory that holds the entry. An error of fn ends
// the walk; with [fs.SkipDir] only that directory is left out.
func (d *Dir) Walk(name string, fn func(path string, e Entry) error) error {
	s, err := d.Lstat(name)
	if err != nil {
		return err
	}
	return d.walk(path.Clean(name), Entry{path.Base(name), s}, fn)
}

func (d *Dir) walk(name string, e Entry, fn func(path string, e Entry) error) error {
	err := fn(name, e)
	if errors.Is(err, fs.SkipDir) {
		return nil
	}
	if err != nil || !IsDir(e.Stat_t) {
		return err
	}
	entries, err := d.ReadDir(name)
	if err != nil {
		return err
	}
	for _, child := range entries {
		if err := d.walk(path.Join(name, child.Name), child, fn); err != nil {
			return err
		}
	}
	return nil
}
