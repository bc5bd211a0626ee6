package launch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"slugc/cache/disk"
	"slugc/compiler/launch/trees"
	"slugc/compiler/sandbox/supervise"
	"slugc/compiler/slug"
)

// Layers are the kept sections of a slug, of which each process sees an overlay of its own: it finds the app as the
// slug has it, and nobody else sees what it writes. A process that is started again begins with the slug's files.
//
// Where the kernel turns out to permit no overlay, the slug is unpacked and all share that.
type Layers struct {
	dir      string   // where lower are, and writes has a directory for each process
	lower    []string // "top" for what belongs to no section, and links to the kept sections
	trees    []string // the same, by path
	profiles []string // see profilesIn
	store    *trees.Store
	lease    *trees.Lease
	plain    func() error
	stop     func() // of settling

	mu       sync.Mutex
	unpacked bool
	failed   error
}

// The names beside the app of a slug that has layers.
const (
	topName    = "top"
	writesName = "writes"
)

// settlePause is how long a process runs before what was unpacked for it is read again and synced. One that ends
// sooner has not waited for a disk.
const settlePause = 10 * time.Second

// newLayers takes the sections of the slug, unpacked as far as nothing has done it before. It returns nil if they
// cannot be put together; an error of the slug itself is a fault.
func newLayers(ctx context.Context, u *Unpacked, file string, m *slug.Manifest, o UnpackOptions) (*Layers, error) {
	store, err := trees.Open(o.Trees)
	if err != nil {
		return nil, err
	}
	l := &Layers{dir: u.tmp, store: store}
	options := trees.Options{
		Trusted: o.Known.IsMade(file), Progress: o.Progress, May: func() error { return tryOverlay(o.Self, u.tmp) },
	}
	l.lease, err = store.Lease(ctx, file, m, options)
	if full, ok := disk.TroubleOf(err); ok && full.ID == "disk/full" {
		_, _ = store.Trim(1) // all that no process uses
		l.lease, err = store.Lease(ctx, file, m, options)
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(l.prepare(ctx, file), os.Mkdir(u.Dir, 0o755)); err != nil {
		l.lease.Close()
		return nil, errors.Join(err, disk.RemoveAll(u.Dir))
	}
	l.settleLater(u.runs)
	return l, nil
}

// prepare makes what belongs to no section, and the links to the sections.
func (l *Layers) prepare(ctx context.Context, file string) error {
	top := filepath.Join(l.dir, topName)
	if err := slug.UnpackSections(ctx, file, map[string]string{"": top}, slug.UnpackOptions{}); err != nil {
		return err
	}
	l.lower, l.trees = []string{topName}, append([]string{top}, l.lease.Dirs...)
	for i, tree := range l.lease.Dirs {
		name := strconv.Itoa(i)
		if err := os.Symlink(tree, filepath.Join(l.dir, name)); err != nil {
			return err
		}
		l.lower = append(l.lower, name)
	}
	if err := os.Mkdir(filepath.Join(l.dir, writesName), 0o700); err != nil {
		return err
	}
	if err := trees.Disjoint(l.trees); err != nil {
		return err
	}
	return l.findProfiles()
}

// findProfiles lists the profiles of all sections. A link among them may lead to another section.
func (l *Layers) findProfiles() error {
	for _, tree := range l.trees {
		for _, name := range []string{profileDir, profileName} {
			if info, err := os.Lstat(filepath.Join(tree, name)); err == nil && info.Mode()&fs.ModeSymlink != 0 {
				return fmt.Errorf("%s is a link", name)
			}
		}
		entries, err := os.ReadDir(filepath.Join(tree, profileDir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			if e.Type()&fs.ModeSymlink != 0 {
				return fmt.Errorf("%s is a link", filepath.Join(profileDir, e.Name()))
			}
		}
		found, err := profilesIn(tree)
		if err != nil {
			return err
		}
		l.profiles = append(l.profiles, found...)
	}
	sortProfiles(l.profiles)
	return nil
}

// tryOverlay returns an error if a process cannot be given an overlay below dir.
func tryOverlay(self, dir string) error {
	at := filepath.Join(dir, "trial")
	l := &Layers{dir: at, lower: []string{topName, "0"}}
	for _, name := range []string{topName, "0", writesName, "app"} {
		if err := os.MkdirAll(filepath.Join(at, name), 0o700); err != nil {
			return err
		}
	}
	defer func() { _ = disk.RemoveAll(at) }()
	overlay, _, err := l.overlay(filepath.Join(at, "app"))
	if err != nil {
		return err
	}
	shell, err := findShell()
	if err != nil {
		return err
	}
	process, err := supervise.Start(supervise.Request{
		Self: self, Args: []string{shell, "-c", ":"}, Dir: "/", Env: []string{}, Overlay: overlay,
	})
	if err != nil {
		return err
	}
	_, err = process.Wait()
	return err
}

// overlay makes a directory for what a process writes, and returns the overlay that it sees at dir, and the
// function that removes that directory. The app has these directories.
func (l *Layers) overlay(dir string, places ...string) (o *supervise.Overlay, clean func(), err error) {
	own, err := os.MkdirTemp(filepath.Join(l.dir, writesName), "*")
	if err != nil {
		return nil, nil, err
	}
	clean = func() { _ = disk.RemoveAll(own) }
	name := filepath.Join(writesName, filepath.Base(own))
	o = &supervise.Overlay{
		Dir: l.dir, Lower: l.lower, To: dir,
		Upper: filepath.Join(name, "upper"), Work: filepath.Join(name, "work"),
	}
	// The app's directory has the mode of the upper one, whatever the umask is.
	upper := filepath.Join(own, "upper")
	err = errors.Join(os.Mkdir(upper, 0o755), os.Mkdir(filepath.Join(own, "work"), 0o700))
	for _, place := range places {
		if err == nil {
			err = l.makeDir(upper, place)
		}
	}
	if err != nil {
		clean()
		return nil, nil, err
	}
	return o, clean, nil
}

// makeDir makes a directory of the app, unless a section has something of that name.
func (l *Layers) makeDir(upper, place string) error {
	for _, tree := range l.trees {
		if _, err := os.Lstat(filepath.Join(tree, place)); !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	return os.MkdirAll(filepath.Join(upper, place), 0o755)
}

// inUse reports whether processes get an overlay. l may be nil.
func (l *Layers) inUse() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.unpacked
}

// unpack unpacks the slug for all processes that are started from now on.
func (l *Layers) unpack() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.unpacked && l.failed == nil {
		l.failed = l.plain()
		l.unpacked = l.failed == nil
	}
	return l.failed
}

// settleLater makes what was unpacked lately count after a crash of the machine, and removes what is left of
// killed processes and what is too much, when the app has run for a while.
func (l *Layers) settleLater(runs string) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-ctx.Done():
			return
		case <-time.After(settlePause):
		}
		_ = l.lease.Settle(ctx) // or the sections do not count
		_, _ = l.store.Trim(0)
		_, _ = Sweep(runs)
	}()
	l.stop = func() {
		cancel()
		<-ended
	}
}

// close gives the sections back.
func (l *Layers) close() {
	l.stop()
	l.lease.Close()
	_, _ = l.store.Trim(0)
}

// isNoMount reports whether err is that of an overlay that cannot be mounted.
func isNoMount(err error) bool { return errors.Is(err, supervise.ErrNoMount) }
