package unpack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Writer writes entries one by one into a directory, with all of the checks of this package. Its
// methods may be called concurrently, as long as no two calls name the same entry and a hard link
// comes after its target.
type Writer struct {
	o       Options
	root    *os.Root
	entries atomic.Int64 // made so far
	bytes   atomic.Int64 // promised so far: a file's size counts before its content is read
	files   atomic.Int64
	links   atomic.Int64
	written atomic.Int64

	mu       sync.Mutex
	dirs     map[string]bool // known to be real directories
	made     int             // directories made
	twisted  []string        // links to look at again when all is in place
	dirTimes map[string]time.Time
}

// NewWriter returns a Writer into dir, which must exist and may hold something already. Close it.
func NewWriter(dir string, o Options) (*Writer, error) {
	o.Limits = o.Limits.orDefault()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening %q: %w", dir, err)
	}
	return &Writer{o: o, root: root, dirs: map[string]bool{".": true}, dirTimes: map[string]time.Time{}}, nil
}

// Dir makes a directory, and its parents, with mode 0755. A directory that is there already is
// fine.
func (w *Writer) Dir(name string, _ fs.FileMode) error {
	name, err := w.place(name)
	if err != nil || name == "" {
		return err
	}
	return w.dir(name)
}

// File makes a regular file from r, with mode 0755 if mode has the owner's x bit and 0644
// otherwise. r must yield exactly size bytes; a size below 0 stands for "until EOF". The content of
// an *os.File is copied by the kernel.
func (w *Writer) File(name string, mode fs.FileMode, size int64, r io.Reader) error {
	name, err := w.place(name)
	if err != nil || name == "" {
		return err
	}
	return w.file(name, mode, size, r)
}

// Symlink makes a symbolic link. See [Limits.CheckLink] for what target may be.
func (w *Writer) Symlink(name, target string) error {
	name, err := w.place(name)
	if err != nil || name == "" {
		return err
	}
	return w.symlink(name, target)
}

// Hardlink makes name another name of target, an entry written before, named from the root as name
// is. If target is a symbolic link, name becomes an equal link.
func (w *Writer) Hardlink(name, target string) error {
	name, err := w.place(name)
	if err != nil || name == "" {
		return err
	}
	return w.hardlink(name, target)
}

// Chtimes sets the modification time of a file or directory that this Writer has written. A
// directory's is set by Close.
func (w *Writer) Chtimes(name string, dir bool, mtime time.Time) error {
	name, err := w.place(name)
	if err != nil || name == "" {
		return err
	}
	return w.times(name, dir, mtime)
}

// Stats returns what was made so far.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Stats{Files: int(w.files.Load()), Dirs: w.made, Links: int(w.links.Load()), Bytes: w.written.Load()}
}

// Close ends the writing: it looks again at links whose meaning depends on other links, sets the
// times of directories, and releases the directory. A link that turns out to lead out of the root
// is removed and returned as a [*Refusal].
func (w *Writer) Close() error {
	err := w.untwist()
	if err == nil {
		err = w.setDirTimes()
	}
	return errors.Join(err, w.root.Close())
}

// place cleans and strips a name; "" means that nothing is left to write.
func (w *Writer) place(name string) (string, error) {
	clean, refusal := w.o.Limits.clean(name)
	if refusal != nil {
		return "", refusal
	}
	if clean == "." {
		return "", nil
	}
	return strip(clean, w.o.Strip), nil
}

// count takes one more entry into account.
func (w *Writer) count(name string) error {
	if w.entries.Add(1) > int64(w.o.Limits.Files) {
		return tooLarge(name, "is one entry too many; %d are allowed", w.o.Limits.Files)
	}
	return nil
}

// dir makes the directory name and its parents. A name gets into w.dirs only once it is known to be
// a directory and no link; as nothing is ever replaced it stays one, so nothing is written through
// a link.
func (w *Writer) dir(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dirLocked(name)
}

func (w *Writer) dirLocked(name string) error {
	var missing []string
	for d := name; !w.dirs[d]; d = path.Dir(d) {
		missing = append(missing, d)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		d := missing[i]
		err := w.root.Mkdir(d, 0o755)
		switch {
		case err == nil:
			if err := w.count(d); err != nil {
				return err
			}
			w.made++
			// The umask has had its say in Mkdir.
			if err := w.root.Chmod(d, 0o755); err != nil {
				return fmt.Errorf("making directory %q: %w", d, err)
			}
		case errors.Is(err, fs.ErrExist):
			if err := w.isDir(d, name); err != nil {
				return err
			}
		default:
			return fmt.Errorf("making directory %q: %w", d, err)
		}
		w.dirs[d] = true
	}
	return nil
}

// isDir refuses name unless d, which is name or a parent of it, is a real directory.
func (w *Writer) isDir(d, name string) error {
	st, err := w.root.Lstat(d)
	switch {
	case err != nil:
		return fmt.Errorf("making directory %q: %w", d, err)
	case st.IsDir():
		return nil
	case st.Mode()&fs.ModeSymlink != 0:
		return refuse(name, "would be written through the link %q", cut(d))
	default:
		return refuse(name, "needs %q to be a directory, but that is a file", cut(d))
	}
}

// create makes way for a new entry that is not a directory.
func (w *Writer) create(name string) error {
	if err := w.count(name); err != nil {
		return err
	}
	parent := path.Dir(name)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dirs[name] {
		return refuse(name, "is a directory already")
	}
	if w.dirs[parent] {
		return nil
	}
	return w.dirLocked(parent)
}

// exists turns "file exists" into a refusal.
func exists(name, doing string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return refuse(name, "is there already: two entries have this name")
	}
	return fmt.Errorf("%s %q: %w", doing, cut(name), err)
}

func (w *Writer) symlink(name, target string) error {
	if err := w.o.Limits.CheckLink(name, target); err != nil {
		return err
	}
	if err := w.create(name); err != nil {
		return err
	}
	if err := w.root.Symlink(target, name); err != nil {
		return exists(name, "linking", err)
	}
	w.links.Add(1)
	if twisted(target) {
		w.mu.Lock()
		w.twisted = append(w.twisted, name)
		w.mu.Unlock()
	}
	return nil
}

func (w *Writer) hardlink(name, target string) error {
	to, err := w.place(target)
	if err != nil {
		return refuse(name, "is a hard link to %q, which leads out of the tree", cut(target))
	}
	if to == "" {
		return refuse(name, "is a hard link to %q, which is not in the tree", cut(target))
	}
	// The parents of the target must be real directories, not links to some.
	w.mu.Lock()
	known := w.dirs[path.Dir(to)]
	w.mu.Unlock()
	st, err := w.root.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && !known:
		return refuse(name, "is a hard link to %q, which does not come before it", cut(target))
	case err != nil:
		return fmt.Errorf("linking %q: %w", cut(name), err)
	case st.Mode()&fs.ModeSymlink != 0:
		dest, err := w.root.Readlink(to)
		if err != nil {
			return fmt.Errorf("linking %q: %w", cut(name), err)
		}
		return w.symlink(name, dest)
	case !st.Mode().IsRegular():
		return refuse(name, "is a hard link to %q, which is not a file", cut(target))
	}
	if err := w.create(name); err != nil {
		return err
	}
	if err := w.root.Link(to, name); err != nil {
		return exists(name, "linking", err)
	}
	w.links.Add(1)
	return nil
}

// untwist resolves the links that climb after descending, now that all they can pass through is in
// place.
func (w *Writer) untwist() error {
	for _, name := range w.twisted {
		_, err := w.root.Stat(name)
		if err == nil {
			continue
		}
		// A link may dangle or loop: those errors are the kernel's. That a path escapes is the one
		// error os.Root makes itself.
		if _, ok := errors.AsType[syscall.Errno](err); ok {
			continue
		}
		target, _ := w.root.Readlink(name)
		if err := w.root.Remove(name); err != nil {
			return fmt.Errorf("removing %q: %w", name, err)
		}
		return refuse(name, "is a link to %q, which leads out of the tree through other links", cut(target))
	}
	return nil
}
