// Package trees keeps the sections of slugs unpacked, one tree a section, for all apps of the machine.
// What a slug shares with one that ran before is not unpacked again.
//
//	store := trees.Open(home.Path("trees"))
//	lease, err := store.Lease(ctx, file, manifest, trees.Options{})
//	defer lease.Close()
//	// lower directories of an overlay: lease.Dirs
//	err = store.Trim(0)
//
// A tree is named by all that decides what is in it: the digests of the section's segments, which are checked
// when it is unpacked, how they follow one another, and the umask. Nobody writes to it afterwards. A manifest
// (package manifest) has the stat of each file: [Store.Lease] compares all of them, takes a tree that differs
// out of the way and unpacks it again.
//
//	‹trees›/
//	  lock               flock held while a name in here is given to another tree
//	  ‹key›/             one tree; shared flock of its users, exclusive of who makes or removes it
//	    kept/app/        the section's files, where they lie in the app
//	    manifest         their stats, and their digests once [Lease.Settle] has read them
//	    about.json       what it is, written last; its modification time is the last use
//	  .away-‹random›/    a tree that goes, as soon as nobody uses it
//
// Locks die with their process. A tree without about.json was not finished, and goes. Nothing is synced before
// an app starts: about.json names the boot of the kernel (/proc/sys/kernel/random/boot_id) in which the tree was
// made, and after another boot it counts only if [Lease.Settle] has synced it.
//
// For what bounds the state directory as a whole: [Store.List] says what each tree is, its size, when it was
// last used and whether it is in use; [Store.Drop] removes one, never one in use; [Store.Trim] removes the
// least recently used until the rest is small enough; [Store.Verify] reads them all.
package trees

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/slug"
)

// MaxBytes is how much [Store.Trim] leaves where its caller states no other size.
const MaxBytes = 8 << 30

// Store is a directory of trees. Many processes may use it, and many goroutines.
type Store struct{ dir string }

// Open returns the store at dir, an absolute path, and makes it if it is missing.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("opening the unpacked sections: %w", err)
	}
	return &Store{dir: dir}, nil
}

// Options of [Store.Lease].
type Options struct {
	Trusted  bool                    // as in slug.UnpackOptions
	Progress func(done, total int64) // as in slug.UnpackOptions; not called if nothing is unpacked
	// May, if not nil, is asked before anything is unpacked. Its error is Lease's.
	May func() error
}

// Lease is the trees of one slug. They stay as they are until Close.
type Lease struct {
	Dirs  []string // absolute, in the order of the slug's sections
	store *Store
	trees []*tree
}

// Lease unpacks the sections of the slug in file, whose manifest is m, as far as the store does not have them.
// It waits for other processes that unpack the same.
func (s *Store) Lease(ctx context.Context, file string, m *slug.Manifest, o Options) (_ *Lease, err error) {
	l := &Lease{store: s}
	defer func() {
		if err != nil {
			l.Close()
			err = fmt.Errorf("keeping slug %q unpacked: %w", file, err)
		}
	}()
	mask, err := umask()
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, section := range m.Sections {
		if names[section.Name] {
			return nil, fmt.Errorf("it has two sections %q", section.Name)
		}
		names[section.Name] = true
		t := &tree{store: s, key: keyOf(section, mask)}
		t.about = about{Key: t.key, Section: section.Name, Digest: section.Digest, Size: section.Tar, Boot: boot()}
		same := slices.ContainsFunc(l.trees, func(other *tree) bool { return other.key == t.key })
		if len(section.Segments) == 0 || same {
			continue
		}
		l.trees, l.Dirs = append(l.trees, t), append(l.Dirs, t.appDir())
	}
	return l, s.fill(ctx, l, file, o)
}

// fill locks all trees, and unpacks those that are not there.
func (s *Store) fill(ctx context.Context, l *Lease, file string, o Options) error {
	// In one order, so that no two processes wait for each other.
	inOrder := slices.SortedFunc(slices.Values(l.trees), func(a, b *tree) int { return strings.Compare(a.key, b.key) })
	missing := map[string]string{}
	for _, t := range inOrder {
		whole, err := t.acquire(ctx)
		if err != nil {
			return err
		}
		if !whole {
			missing[t.about.Section] = t.appDir()
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if o.May != nil {
		if err := o.May(); err != nil {
			return err
		}
	}
	err := slug.UnpackSections(ctx, file, missing, slug.UnpackOptions{Trusted: o.Trusted, Progress: o.Progress})
	if err != nil {
		return err
	}
	for _, t := range inOrder {
		if missing[t.about.Section] == "" {
			continue
		}
		if err := t.finish(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close gives the trees back. Those that were not finished go.
func (l *Lease) Close() {
	for _, t := range l.trees {
		t.release()
	}
	l.trees = nil
}

// Settle reads and syncs the trees that were unpacked lately, so that they count after a crash of the machine,
// and [Store.Verify] can compare their content. An error means that they do not.
func (l *Lease) Settle(ctx context.Context) error {
	var fresh []*tree
	for _, t := range l.trees {
		if t.about.Boot != "" {
			fresh = append(fresh, t)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	for _, t := range fresh {
		if err := t.man.Sum(ctx, t.keptDir()); err != nil {
			return fmt.Errorf("reading an unpacked section: %w", err)
		}
	}
	if err := disk.SyncFileSystem(l.store.dir); err != nil {
		return err
	}
	var err error
	for _, t := range fresh {
		err = errors.Join(err, t.settle())
	}
	return err
}

// keyOf names the tree of a section. What a segment's digest alone does not tell is whether it is a piece of
// the file before it.
func keyOf(s slug.SectionInfo, mask fs.FileMode) string {
	text := fmt.Sprintf("tree 1 %03o\n", mask)
	for _, seg := range s.Segments {
		text += fmt.Sprintf("%s %d %d\n", seg.Digest, seg.Tar, seg.Part)
	}
	return digest.Of([]byte(text)).Hex()
}

// umask returns that of this process, which files and directories are made by.
func umask() (fs.FileMode, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "\nUmask:")
	line, _, _ := strings.Cut(after, "\n")
	mask, err := strconv.ParseUint(strings.TrimSpace(line), 8, 9)
	if err != nil {
		return 0, fmt.Errorf("reading the umask: %w", err)
	}
	return fs.FileMode(mask), nil
}

// boot returns the id of this boot of the kernel; "unknown" counts in no other process.
func boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return fmt.Sprint("unknown ", os.Getpid())
	}
	return string(id)
}

// path returns a path in the store.
func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}
