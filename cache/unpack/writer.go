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

// Writer writes entries one by one into a directory, with all checks of this package. Its methods
// may be called concurrently if no two calls name the same entry and a hard link comes after its
// target.
type Writer struct {
	o       Options
	root    *os.Root
	entries atomic.Int64 // made so far
	bytes   atomic.Int64 // reserved so far: a file's size counts before its content is read
	files   atomic.Int64
	links   atomic.Int64
	written atomic.Int64

	mu       sync.Mutex
	dirs     map[string]bool // known to be real directories
	made     int             // directories made
	suspects []string        // links to check again when everything is in place
	dirTimes map[string]time.Time
}

// NewWriter returns a Writer into dir, which must exist and need not be empty. Close it.
func NewWriter(dir string, o Options) (*Writer, error) {
	o.Limits = o.Limits.OrDefault()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening %q: %w", dir, err)
	}
	return &Writer{o: o, root: root, dirs: map[string]bool{".": true}, dirTimes: map[string]time.Time{}}, nil
}

// Dir makes a directory and its parents with mode 0755, unless it exists.
func (w *Writer) Dir(name string, _ fs.FileMode) error {
	name, err := w.place(name)
	if err != nil || name == "" {
		return err
	}
	return w.dir(name)
}

// File makes a regular file from r, with mode 0755 if mode has the owner's x bit and 0644
// otherwise. r must yield exactly size bytes, or any number if size is negative. The kernel copies
// the content of an *os.File.
func (w *Writer) File(name string, mode fs.FileMode, size int64, r io.Reader) error {
	name, err := w.place(name)
	if err != nil || name == "" {
		return err
	}
	return w.file(name, mode, size, r)
}

// Symlink makes a symbolic link. Its target must pass [Limits.CheckLink].
func (w *Writer) Symlink(name, target string) error {
	name, err := w.place(name)
	if err != nil || name == "" {
		return err
	}
	return w.symlink(name, target)
}

// Hardlink makes name another name of target, an entry that was written before. Both are relative
// to the root. If target is a symbolic link, name becomes an equal link.
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

// Close checks links again whose meaning depends on other links, sets the times of directories, and
// releases the directory. It removes a link that leads out of the root and returns a [*Refusal].
func (w *Writer) Close() error {
	err := w.checkSuspects()
	if err == nil {
		err = w.setDirTimes()
	}
	return errors.Join(err, w.root.Close())
}

// place cleans and strips a name. It returns "" if nothing is left to write.
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

// count counts one more entry.
func (w *Writer) count(name string) error {
	if w.entries.Add(1) > int64(w.o.Limits.Files) {
		return tooLarge(name, "is one entry too many; %d are allowed", w.o.Limits.Files)
	}
	return nil
}

// dir makes the directory name and its parents. w.dirs has only names of real directories. Nothing
// is ever replaced, so they stay directories, and nothing is written through a link.
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
			// Mkdir applies the umask.
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
		return refuse(name, "would be written through the link %q", shorten(d))
	default:
		return refuse(name, "needs %q to be a directory, but that is a file", shorten(d))
	}
}

// create prepares for a new entry that is not a directory: it counts it and makes its parents.
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
	return fmt.Errorf("%s %q: %w", doing, shorten(name), err)
}

// symlink makes a link; see [Writer.Symlink].
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
	if climbsAfterDescent(target) {
		w.mu.Lock()
		w.suspects = append(w.suspects, name)
		w.mu.Unlock()
	}
	return nil
}

// hardlink makes another name; see [Writer.Hardlink].
func (w *Writer) hardlink(name, target string) error {
	to, err := w.place(target)
	if err != nil {
		return refuse(name, "is a hard link to %q, which leads out of the tree", shorten(target))
	}
	if to == "" {
		return refuse(name, "is a hard link to %q, which is not in the tree", shorten(target))
	}
	// The parents of the target must be real directories, not links to some.
	w.mu.Lock()
	known := w.dirs[path.Dir(to)]
	w.mu.Unlock()
	st, err := w.root.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && !known:
		return refuse(name, "is a hard link to %q, which does not come before it", shorten(target))
	case err != nil:
		return fmt.Errorf("linking %q: %w", shorten(name), err)
	case st.Mode()&fs.ModeSymlink != 0:
		dest, err := w.root.Readlink(to)
		if err != nil {
			return fmt.Errorf("linking %q: %w", shorten(name), err)
		}
		return w.symlink(name, dest)
	case !st.Mode().IsRegular():
		return refuse(name, "is a hard link to %q, which is not a file", shorten(target))
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

// checkSuspects resolves the links that climb after descending, now that everything on their way is
// in place.
func (w *Writer) checkSuspects() error {
	for _, name := range w.suspects {
		_, err := w.root.Stat(name)
		if err == nil {
			continue
		}
		// A link may dangle or loop: those errors are the kernel's. An error that is not the
		// kernel's is os.Root's, for a path that escapes.
		if _, ok := errors.AsType[syscall.Errno](err); ok {
			continue
		}
		target, _ := w.root.Readlink(name)
		if err := w.root.Remove(name); err != nil {
			return fmt.Errorf("removing %q: %w", name, err)
		}
		return refuse(name, "is a link to %q, which leads out of the tree through other links", shorten(target))
	}
	return nil
}
