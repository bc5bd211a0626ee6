package slug

import (
	"archive/tar"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// dirCache writes entries below a root. It keeps the directory of the last entry open, because
// entries come in order. It is not safe for concurrent use; several may share a root.
type dirCache struct {
	root *os.Root
	link func(entry) // takes symbolic links

	name string   // of the open directory, relative to the root
	dir  *os.Root // nil for none
}

// close closes the open directory.
func (d *dirCache) close() {
	if d.dir != nil {
		d.dir.Close()
	}
	d.dir = nil
}

// in returns the directory that holds p, made if it is missing, and p's name in it.
func (d *dirCache) in(p string) (*os.Root, string, error) {
	parent, name := path.Dir(p), path.Base(p)
	if parent == "." {
		return d.root, name, nil
	}
	if d.dir != nil && d.name == parent {
		return d.dir, name, nil
	}
	d.close()
	dir, err := d.root.OpenRoot(parent)
	if errors.Is(err, fs.ErrNotExist) {
		if err := d.root.MkdirAll(parent, 0o755); err != nil {
			return nil, "", writeFault(parent, err)
		}
		dir, err = d.root.OpenRoot(parent)
	}
	if err != nil {
		return nil, "", fmt.Errorf("opening %q: %w", parent, err)
	}
	d.name, d.dir = parent, dir
	return dir, name, nil
}

// write writes one entry. content must be all of its content.
func (d *dirCache) write(e entry, content []byte) error {
	switch {
	case int64(len(content)) != e.size:
		return errCut
	case e.kind == tar.TypeDir:
		return d.mkdir(e.path)
	case e.kind == tar.TypeSymlink:
		if d.link == nil {
			return fmt.Errorf("entry %q is a link where none can be", e.path)
		}
		d.link(e)
		return nil
	}
	f, err := d.open(e)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		f.Close()
		return writeFault(e.path, err)
	}
	if err := f.Close(); err != nil {
		return writeFault(e.path, err)
	}
	return nil
}

// mkdir makes a directory unless it exists: in may have made it.
func (d *dirCache) mkdir(p string) error {
	if p == "" {
		return nil
	}
	dir, name, err := d.in(p)
	if err != nil {
		return err
	}
	if err := dir.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return writeFault(p, err)
	}
	return nil
}

// create creates the entry's file, empty. It must not exist.
func (d *dirCache) create(e entry) error {
	f, err := d.open(e)
	if err != nil {
		return err
	}
	return f.Close()
}

// open creates the entry's file and opens it for writing.
func (d *dirCache) open(e entry) (*os.File, error) {
	dir, name, err := d.in(e.path)
	if err != nil {
		return nil, err
	}
	mode := fs.FileMode(0o644)
	if e.exec {
		mode = 0o755
	}
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, writeFault(e.path, err)
	}
	return f, nil
}

// symlink makes a link. Nothing may exist at its place.
func (d *dirCache) symlink(e entry) error {
	dir, name, err := d.in(e.path)
	if err != nil {
		return err
	}
	if err := dir.Symlink(e.link, name); err != nil {
		return writeFault(e.path, err)
	}
	return nil
}
