package source

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// View returns the files that Stage would copy, read where they are. It is for looking at a directory
// without building it: Kind must be Dir, and what a file holds may change meanwhile. The file system has
// [fs.ReadLinkFS], and Open follows no link. It works until the Source is closed, and for concurrent use.
func (s *Source) View() (fs.FS, error) {
	d, ok := s.origin.(*directory)
	if !ok {
		return nil, errors.New("viewing the source: it is not a directory")
	}
	v := &view{d, map[string]viewEntry{".": {name: ".", dir: true}}, map[string][]fs.DirEntry{}}
	for i := range s.entries {
		e := &s.entries[i]
		v.add(viewEntry{name: e.path, entry: e})
	}
	for _, list := range v.lists {
		slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
	return v, nil
}

var _ fs.ReadLinkFS = (*view)(nil)

// view is the entries of a directory as a file system.
type view struct {
	*directory
	entries map[string]viewEntry
	lists   map[string][]fs.DirEntry
}

// add adds an entry, and the directories above it.
func (v *view) add(e viewEntry) {
	if _, there := v.entries[e.name]; there {
		return
	}
	v.entries[e.name] = e
	dir := path.Dir(e.name)
	v.lists[dir] = append(v.lists[dir], fs.FileInfoToDirEntry(e))
	v.add(viewEntry{name: dir, dir: true})
}

func (v *view) find(op, name string) (viewEntry, error) {
	e, ok := v.entries[name]
	switch {
	case !fs.ValidPath(name):
		return e, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	case !ok:
		return e, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	}
	return e, nil
}

// Open opens a file or a directory.
func (v *view) Open(name string) (fs.File, error) {
	e, err := v.find("open", name)
	switch {
	case err != nil:
		return nil, err
	case e.dir:
		return &viewDir{e, v.lists[name]}, nil
	case e.entry.target != "":
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("is a link")}
	}
	return v.open(e.entry.mount, name, 0)
}

// Lstat returns what a name is.
func (v *view) Lstat(name string) (fs.FileInfo, error) { return v.find("lstat", name) }

// ReadLink returns the target of a link.
func (v *view) ReadLink(name string) (string, error) {
	e, err := v.find("readlink", name)
	if err == nil && (e.dir || e.entry.target == "") {
		err = &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return "", err
	}
	return e.entry.target, nil
}

// viewEntry is a directory, or an entry of the source, as a file's description.
type viewEntry struct {
	name  string
	dir   bool
	entry *entry
}

func (e viewEntry) Name() string       { return path.Base(e.name) }
func (e viewEntry) IsDir() bool        { return e.dir }
func (e viewEntry) ModTime() time.Time { return time.Time{} }
func (e viewEntry) Sys() any           { return nil }

func (e viewEntry) Size() int64 {
	if e.dir {
		return 0
	}
	return e.entry.size
}

func (e viewEntry) Mode() fs.FileMode {
	switch {
	case e.dir:
		return fs.ModeDir | 0o755
	case e.entry.target != "":
		return fs.ModeSymlink | 0o777
	}
	return e.entry.mode()
}

// viewDir is an open directory.
type viewDir struct {
	viewEntry
	left []fs.DirEntry
}

func (d *viewDir) Stat() (fs.FileInfo, error) { return d.viewEntry, nil }
func (d *viewDir) Close() error               { return nil }

func (d *viewDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: errors.New("is a directory")}
}

func (d *viewDir) ReadDir(n int) (list []fs.DirEntry, err error) {
	if n <= 0 || n > len(d.left) {
		if n > 0 && len(d.left) == 0 {
			err = io.EOF
		}
		n = len(d.left)
	}
	list, d.left = d.left[:n:n], d.left[n:]
	return list, err
}
