package export

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"slugc/cache/disk"
	"slugc/compiler/fault"
)

// Changes are what [Write] did in a directory. Paths are relative to it.
type Changes struct {
	Written []string // files
	Removed []string // files of an earlier export that are not in this one
	Left    []string // directories of former runit services that hold other files than slugc's
}

// maxFile is the most bytes of a file that are searched for the mark.
const maxFile = 4 << 20

// mark is the line that identifies the files of an export. An XML comment must not contain "--", which an
// app's name may have.
func (e *export) mark() string { return markLine(e.format, e.App) }

func markLine(format, app string) string {
	text := fmt.Sprintf("Written by `slugc export %s` for %s; the next export replaces it.", format, app)
	if format == "launchd" {
		return "<!-- " + strings.ReplaceAll(text, "--", `-\-`) + " -->"
	}
	return "# " + text
}

// Write writes the files of an export into a directory, which it makes if it is missing, and removes the
// files of an earlier export of the same app in the same format. After a crash a file has its old or its new
// content. Write never removes a file of another origin. One in the way is a usage error
// ("export/foreign-file") before anything is written; with force, Write replaces it. Write follows no
// symbolic links.
func Write(dir, formatName, app string, files []File, force bool) (Changes, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Changes{}, unwritable(dir, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Changes{}, unwritable(dir, err)
	}
	defer root.Close()
	w := &writer{root: root, mark: markLine(formatName, app), wanted: map[string]bool{}}
	for _, f := range files {
		if err := w.checkFree(f.Path, force); err != nil {
			return Changes{}, err
		}
		w.wanted[f.Path] = true
	}
	for _, f := range files {
		if err := w.write(f); err != nil {
			return w.done, unwritable(dir, err)
		}
		w.done.Written = append(w.done.Written, f.Path)
	}
	if err := w.sweep(func(name string) bool { return formats[formatName].owns(app, name) }); err != nil {
		return w.done, unwritable(dir, err)
	}
	return w.done, nil
}

func unwritable(dir string, err error) error {
	return fault.UsageError("export/unwritable", fmt.Errorf("writing into %q: %w", dir, err),
		"name a directory that you may write to")
}

// writer is one call of Write.
type writer struct {
	root   *os.Root
	mark   string
	wanted map[string]bool
	done   Changes
}

// checkFree returns an error if anything other than a file of an earlier export is in the way of a file.
func (w *writer) checkFree(name string, force bool) error {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if info, err := w.root.Lstat(dir); err == nil && !info.IsDir() {
			return w.inTheWay(dir, "remove it, or export into another directory")
		}
	}
	info, err := w.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return unwritable(w.root.Name(), err)
	case info.IsDir():
		return w.inTheWay(name, "remove it, or export into another directory")
	case force || w.owns(name):
		return nil
	}
	return w.inTheWay(name,
		"export into another directory, name the app otherwise with -a, or replace the file with --force")
}

func (w *writer) inTheWay(name, hint string) error {
	err := fmt.Errorf("writing into %q: %q is there already, and not from an export of this app in this format",
		w.root.Name(), name)
	return fault.UsageError("export/foreign-file", err, hint)
}

// owns reports whether a file is of an export of the same app in the same format.
func (w *writer) owns(name string) bool {
	if info, err := w.root.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := w.root.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	return err == nil && hasLine(data, w.mark)
}

// write replaces a file. While it is written beside the old one its name starts with a dot, so that no init
// system reads it.
func (w *writer) write(f File) error {
	if err := w.makeDir(path.Dir(f.Path), f.Mode); err != nil {
		return err
	}
	return disk.WriteFileIn(w.root, f.Path, f.Data, f.Mode)
}

// makeDir makes a directory. One that it makes for a private file is private.
func (w *writer) makeDir(dir string, mode fs.FileMode) error {
	if parent := path.Dir(dir); parent != "." {
		if err := w.makeDir(parent, 0o755); err != nil {
			return err
		}
	}
	perm := fs.FileMode(0o755)
	if mode&0o077 == 0 {
		perm = 0o700
	}
	if err := w.root.Mkdir(dir, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// hasLine reports whether text has this line.
func hasLine(text []byte, line string) bool {
	for l := range bytes.Lines(text) {
		if string(bytes.TrimSuffix(l, []byte("\n"))) == line {
			return true
		}
	}
	return false
}
