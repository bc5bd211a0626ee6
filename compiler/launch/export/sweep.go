package export

import (
	"errors"
	"io/fs"
	"path"
	"slices"
)

// serviceParts are the places in a runit service directory where an export writes files.
var serviceParts = []string{".", "control", "env", "log"}

// sweep removes the files of an export before that are not wanted any more. Only names that may be
// of the app's export are looked at.
func (p *writer) sweep(candidate func(name string) bool) error {
	entries, err := fs.ReadDir(p.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch {
		case !candidate(e.Name()):
		case e.IsDir():
			if err := p.sweepService(e.Name()); err != nil {
				return err
			}
		default:
			if _, err := p.drop(e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// drop removes a file of an export before, and says whether it did.
func (p *writer) drop(name string) (bool, error) {
	if p.wanted[name] || !p.mine(name) {
		return false, nil
	}
	if err := p.root.Remove(name); err != nil {
		return false, err
	}
	p.done.Removed = append(p.done.Removed, name)
	return true, nil
}

// sweepService removes what an export before has left in a runit service directory, and the
// directory with what runsv keeps in it if no service is left. "run" goes first: without it the
// service does not start again.
func (p *writer) sweepService(dir string) error {
	gone, err := p.drop(dir + "/run")
	if err != nil {
		return err
	}
	for _, part := range serviceParts {
		if info, err := p.root.Lstat(path.Join(dir, part)); err != nil || !info.IsDir() {
			continue
		}
		entries, err := fs.ReadDir(p.root.FS(), path.Join(dir, part))
		if err != nil {
			return err
		}
		for _, e := range entries {
			if _, err := p.drop(path.Join(dir, part, e.Name())); err != nil {
				return err
			}
		}
	}
	if !gone {
		return nil
	}
	err = errors.Join(p.root.RemoveAll(dir+"/supervise"), p.root.RemoveAll(dir+"/log/supervise"))
	for _, part := range slices.Backward(serviceParts) {
		// What is not empty stays.
		_ = p.root.Remove(path.Join(dir, part))
	}
	if _, there := p.root.Lstat(dir); there == nil {
		p.done.Left = append(p.done.Left, dir)
	}
	return err
}
