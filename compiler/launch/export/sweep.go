package export

import (
	"errors"
	"io/fs"
	"path"
	"slices"
)

// serviceParts are the places in a runit service directory where an export writes files.
var serviceParts = []string{".", "control", "env", "log"}

// sweep removes the files of an earlier export that are not in this one. It opens only files whose names
// may be of the app's export.
func (w *writer) sweep(candidate func(name string) bool) error {
	entries, err := fs.ReadDir(w.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch {
		case !candidate(e.Name()):
		case e.IsDir():
			if err := w.sweepService(e.Name()); err != nil {
				return err
			}
		default:
			if _, err := w.drop(e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop removes a file of an earlier export that is not in this one, and reports whether it did.
func (w *writer) drop(name string) (bool, error) {
	if w.wanted[name] || !w.owns(name) {
		return false, nil
	}
	if err := w.root.Remove(name); err != nil {
		return false, err
	}
	w.done.Removed = append(w.done.Removed, name)
	return true, nil
}

// sweepService removes the files of an earlier export in a runit service directory. If it removes the
// service's "run", it removes the directory too, with the files that runsv keeps in it. "run" is first:
// without it the service does not start again.
func (w *writer) sweepService(dir string) error {
	removed, err := w.drop(dir + "/run")
	if err != nil {
		return err
	}
	for _, part := range serviceParts {
		if info, err := w.root.Lstat(path.Join(dir, part)); err != nil || !info.IsDir() {
			continue
		}
		entries, err := fs.ReadDir(w.root.FS(), path.Join(dir, part))
		if err != nil {
			return err
		}
		for _, e := range entries {
			if _, err := w.drop(path.Join(dir, part, e.Name())); err != nil {
				return err
			}
		}
	}
	if !removed {
		return nil
	}
	err = errors.Join(w.root.RemoveAll(dir+"/supervise"), w.root.RemoveAll(dir+"/log/supervise"))
	for _, part := range slices.Backward(serviceParts) {
		// A directory that is not empty stays.
		_ = w.root.Remove(path.Join(dir, part))
	}
	if _, there := w.root.Lstat(dir); there == nil {
		w.done.Left = append(w.done.Left, dir)
	}
	return err
}
