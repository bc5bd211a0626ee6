package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// openFlags opens a regular file. If it was replaced by something else, opening neither blocks nor
// follows a link.
const openFlags = os.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK

// tries is how often a file is hashed that changes meanwhile.
const tries = 3

// walker finds the entries of a directory. Directories, and files to hash, go to a free worker of
// the group, or stay with the worker that found them.
type walker struct {
	ctx   context.Context
	group *errgroup.Group
	*directory
	git   *scope // of the app's directory
	rules ignoring
	cache *statCache

	listing bool // files are not read

	mu      sync.Mutex
	entries []entry
	tally   tally
	ignored int
	left    leftOut
	dirs    int  // directories seen, the root included
	linked  bool // a file has more than one name
	skipped bool // something was left out, or replaced
	mounts  int  // links replaced
}

// share runs f on a free worker, or here if there is none.
func (w *walker) share(f func() error) error {
	if w.group.TryGo(f) {
		return nil
	}
	return f()
}

// subdir is a directory that is still to be walked.
type subdir struct {
	rel   string
	stat  stat   // when it was found
	scope *scope // what git ignores in it
	mount *mount
}

// dir walks a directory. It closes the directory before those below it are opened, so that a deep
// tree does not use up the file descriptors.
func (w *walker) dir(d subdir) error {
	below, err := w.list(d)
	if err != nil {
		return err
	}
	for _, sub := range below {
		if err := w.share(func() error { return w.dir(sub) }); err != nil {
			return err
		}
	}
	return nil
}

// list adds what is in a directory and returns the directories in it.
func (w *walker) list(d subdir) (below []subdir, err error) {
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	f, err := w.open(d.mount, d.rel, unix.O_DIRECTORY)
	if err != nil {
		return nil, errOpening(d.rel, err)
	}
	defer f.Close()
	if st, err := statFile(f); err != nil || d.rel != "." && (st.ino != d.stat.ino || st.dev != d.stat.dev) {
		return nil, errChanging(d.rel)
	}
	w.mu.Lock()
	w.dirs++
	w.mu.Unlock()
	for first := true; ; first = false {
		names, err := f.Readdirnames(nameChunk)
		if first {
			if d.scope, err = w.enter(f, d, names, err); err != nil && err != io.EOF {
				return nil, err
			}
		}
		for _, name := range names {
			if err := w.ctx.Err(); err != nil {
				return nil, err
			}
			rel := path.Join(d.rel, name)
			sub, err := w.name(int(f.Fd()), d, rel, name)
			if err != nil {
				return nil, err
			}
			if sub != nil {
				below = append(below, *sub)
			}
		}
		if err == io.EOF {
			return below, nil
		}
		if err != nil {
			return nil, errOpening(d.rel, err)
		}
	}
}

// nameChunk is how many names are read from a directory at a time.
const nameChunk = 1024

// name adds the entry of one name in the directory fd. A directory it only returns.
func (w *walker) name(fd int, in subdir, rel, name string) (*subdir, error) {
	if name == ".git" {
		w.skip(false)
		return nil, nil
	}
	var raw unix.Stat_t
	if err := unix.Fstatat(fd, name, &raw, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, errOpening(rel, err)
	}
	format := raw.Mode & unix.S_IFMT
	if w.taken != nil && in.mount == nil && !w.taken.Takes(rel, format == unix.S_IFDIR) {
		w.skip(false)
		return nil, nil
	}
	if w.rules.ignored(rel, format == unix.S_IFDIR) {
		w.skip(true)
		return nil, nil
	}
	if err := w.rules.err(); err != nil {
		return nil, errIgnore(err)
	}
	below, out, err := in.scope.child(w.ctx, rel, format == unix.S_IFDIR)
	if err != nil {
		return nil, err
	}
	if out {
		w.leave(rel, format == unix.S_IFDIR)
		return nil, nil
	}
	switch format {
	case unix.S_IFDIR:
		return &subdir{rel, statOf(&raw), below, in.mount}, asFault(w.tally.limits.CheckName(rel))
	case unix.S_IFREG:
		return nil, w.file(in.mount, rel, &raw)
	case unix.S_IFLNK:
		return w.link(fd, in.mount, rel, name)
	}
	return nil, errRefused(rel, "is "+special(format)+", which can't be in a slug")
}

func special(format uint32) string {
	switch format {
	case unix.S_IFIFO:
		return "a FIFO"
	case unix.S_IFSOCK:
		return "a socket"
	default:
		return "a device"
	}
}

func (w *walker) skip(ignored bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skipped = true
	if ignored {
		w.ignored++
	}
}

// count checks an entry against the limits before its content is read.
func (w *walker) count(e entry) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tally.add(e)
}

func (w *walker) add(e entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entries = append(w.entries, e)
}

// link adds a link, or what is staged in its place. A directory it only returns.
func (w *walker) link(fd int, m *mount, rel, name string) (*subdir, error) {
	buf := make([]byte, w.tally.limits.PathLen+1)
	n, err := unix.Readlinkat(fd, name, buf)
	if err != nil {
		return nil, errOpening(rel, err)
	}
	e := entry{path: rel, target: string(buf[:n])}
	leaves := (w.sub != "" || m != nil) && m.leaves(rel, e.target)
	if leaves || m == nil && mayMiss(w.taken, rel, e.target) {
		if below, err := w.replace(m, rel, e.target); err != errStays {
			return below, err
		}
	}
	if err := w.count(e); err != nil {
		return nil, err
	}
	w.add(e)
	return nil, nil
}

func (w *walker) file(m *mount, rel string, raw *unix.Stat_t) error {
	e := entry{path: rel, mount: m, stat: statOf(raw), size: raw.Size, exec: raw.Mode&0o100 != 0}
	if err := w.count(e); err != nil {
		return err
	}
	if raw.Nlink > 1 {
		w.mu.Lock()
		w.linked = true
		w.mu.Unlock()
	}
	if w.listing {
		w.add(e)
		return nil
	}
	if sum, ok := w.cache.find(rel, e.stat); ok {
		e.sum, e.settled = sum, true
		w.add(e)
		return nil
	}
	return w.share(func() error {
		if err := w.hash(&e); err != nil {
			return err
		}
		w.add(e)
		return nil
	})
}

// hash hashes a file again until it does not change meanwhile.
func (w *walker) hash(e *entry) error {
	for range tries {
		err := w.hashOnce(e)
		if !errors.Is(err, errRewritten) {
			return err
		}
	}
	return errChanging(e.path)
}

// errRewritten is the error for a file that changed while it was hashed.
var errRewritten = errors.New("changed")

func (w *walker) hashOnce(e *entry) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	start := time.Now()
	f, err := w.open(e.mount, e.path, 0)
	if err != nil {
		return errOpening(e.path, err)
	}
	defer f.Close()
	before, err := statFile(f)
	if err != nil || before.mode&unix.S_IFMT != unix.S_IFREG {
		return errChanging(e.path)
	}
	h := newHash()
	var small bytes.Buffer
	to := io.Writer(h)
	if before.size < lfsSize {
		to = io.MultiWriter(h, &small)
	}
	// One byte more than its size: a file that grows, or one of /proc, must not be read for ever.
	n, err := io.Copy(to, io.LimitReader(cancellable{w.ctx, f}, before.size+1))
	if err != nil {
		if w.ctx.Err() != nil {
			return w.ctx.Err()
		}
		return errUnreadable(e.path, err, "make it readable, or leave it out with .slugignore")
	}
	after, err := statFile(f)
	if err != nil || after != before || n != before.size {
		return errRewritten
	}
	if before.size != e.size {
		more := *e
		more.size = before.size - e.size
		w.mu.Lock()
		w.tally.files--
		err = w.tally.add(more)
		w.mu.Unlock()
		if err != nil {
			return err
		}
	}
	e.stat, e.size, e.exec, e.sum = before, before.size, before.mode&0o100 != 0, h.sum()
	e.settled, e.pointer = before.settled(start), isPointer(small.Bytes())
	return nil
}

// cancellable is a reader that fails when its context ends.
type cancellable struct {
	ctx context.Context
	r   io.Reader
}

func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
