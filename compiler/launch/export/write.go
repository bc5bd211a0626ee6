package export

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"slugc/compiler/fault"
)

// Changes are what was done to a directory.
type Changes struct {
	Written []string // files, relative to the directory
	Removed []string // files of an export before, which are no part of this one
	Left    []string // directories of runit services that are no more, in which lies something that is not slugc's
}

// maxFile is how much of a file is looked at to see whose it is.
const maxFile = 4 << 20

// mark is the line that says whose a file is. In XML's comments there must be no "--", which an
// app's name may have.
func (e *export) mark() string { return markLine(e.format, e.App) }

func markLine(format, app string) string {
	text := fmt.Sprintf("Written by `slugc export %s` for %s; the next export replaces it.", format, app)
	if format == "launchd" {
		return "<!-- " + strings.ReplaceAll(text, "--", `-\-`) + " -->"
	}
	return "# " + text
}

// Write writes the files of an export into a directory, which it makes if need be, each file whole
// or not at all, and then removes what an earlier export of the same app in the same format has
// left. A file that is no such export's is never removed; one in the way is a usage error before
// anything is written, unless force is set, which replaces it. Nothing is written or removed
// through a symbolic link.
func Write(dir, formatName, app string, files []File, force bool) (Changes, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Changes{}, unwritable(dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Changes{}, unwritable(dir, err)
	}
	defer root.Close()
	p := &writer{root: root, mark: markLine(formatName, app), wanted: map[string]bool{}}
	for _, f := range files {
		if err := p.free(f.Path, force); err != nil {
			return Changes{}, err
		}
		p.wanted[f.Path] = true
	}
	for _, f := range files {
		if err := p.write(f); err != nil {
			return p.done, unwritable(dir, err)
		}
		p.done.Written = append(p.done.Written, f.Path)
	}
	if err := p.sweep(func(name string) bool { return formats[formatName].mine(app, name) }); err != nil {
		return p.done, unwritable(dir, err)
	}
	return p.done, nil
}

func unwritable(dir string, err error) error {
	return fault.UsageError(
		"export/unwritable",
		fmt.Errorf("writing into %q: %w", dir, err),
		"name a directory that you may write to",
	)
}

// writer is one call of Write.
type writer struct {
	root   *os.Root
	mark   string
	wanted map[string]bool
	done   Changes
}

// free says whether a file may be written: nothing is in its way but a file of an export before.
func (p *writer) free(name string, force bool) error {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if info, err := p.root.Lstat(dir); err == nil && !info.IsDir() {
			return p.inTheWay(dir, "remove it, or export into another directory")
		}
	}
	info, err := p.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return unwritable(p.root.Name(), err)
	case info.IsDir():
		return p.inTheWay(name, "remove it, or export into another directory")
	case force || p.mine(name):
		return nil
	}
	return p.inTheWay(
		name,
		"export into another directory, name the app otherwise with -a, or replace the file with --force",
	)
}

func (p *writer) inTheWay(name, hint string) error {
	return fault.UsageError(
		"export/foreign-file",
		fmt.Errorf(
			"writing into %q: %q is there already, and not from an export of this app in this format",
			p.root.Name(),
			name,
		),
		hint,
	)
}

// mine says that a file is of an export of the same app in the same format.
func (p *writer) mine(name string) bool {
	if info, err := p.root.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := p.root.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	return err == nil &&
		slices.ContainsFunc(bytes.Split(data, []byte("\n")), func(line []byte) bool { return string(line) == p.mark })
}

// write replaces a file: a temporary one beside it, which no init system reads, sync, rename, sync
// of the directory.
func (p *writer) write(f File) error {
	dir := path.Dir(f.Path)
	if err := p.makeDir(dir, f.Mode); err != nil {
		return err
	}
	temporary := path.Join(dir, "."+path.Base(f.Path)+".slugc-"+rand.Text())
	t, err := p.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = t.Write(f.Data)
	err = errors.Join(err, t.Chmod(f.Mode), t.Sync(), t.Close())
	if err == nil {
		err = p.root.Rename(temporary, f.Path)
	}
	if err != nil {
		return errors.Join(err, p.root.Remove(temporary))
	}
	d, err := p.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// makeDir makes a directory; one that is made for private files is private.
func (p *writer) makeDir(dir string, mode fs.FileMode) error {
	if parent := path.Dir(dir); parent != "." {
		if err := p.makeDir(parent, 0o755); err != nil {
			return err
		}
	}
	perm := fs.FileMode(0o755)
	if mode&0o077 == 0 {
		perm = 0o700
	}
	if err := p.root.Mkdir(dir, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
