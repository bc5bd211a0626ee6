package manifest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Depth says what [Manifest.Check] reads.
type Depth bool

// The depths.
const (
	ByStat    Depth = false // only files whose stat differs
	ByContent Depth = true  // every file
)

// Damage is a tree that is not what its manifest says.
type Damage struct {
	Path string // the first such file, relative to the tree, or the absolute path of an input
	What string // what is wrong with it: "was changed", "is missing", "was added"
}

// Error names the file and what is wrong with it.
func (d *Damage) Error() string { return fmt.Sprintf("%s %s", d.Path, d.What) }

// Check compares the tree at dir with the manifest, and returns a [*Damage] where a file is another,
// is missing or was added. Any other error is about the disk or the context.
func (m *Manifest) Check(ctx context.Context, dir string, depth Depth) error {
	c := check{dir: dir, depth: depth, known: sync.OnceValue(m.children)}
	err := eachIn(ctx, m.files, func() (func(*file) error, func()) {
		g := &glance{root: dir}
		return func(f *file) error { return c.file(g, f) }, g.close
	})
	if err == nil {
		err = each(ctx, m.inputs, func(f *file) error { return c.same(f, f.path, unix.Stat) })
	}
	m.Changed = m.Changed || c.changed.Load()
	return err
}

// check is one call of Check.
type check struct {
	dir     string
	depth   Depth
	known   func() map[string]map[string]bool // what is in each directory
	changed atomic.Bool
}

// file checks one file of the tree.
func (c *check) file(g *glance, f *file) error {
	if c.depth == ByStat && g.same(f) {
		return nil
	}
	return c.same(f, c.dir+"/"+f.path, unix.Lstat)
}

func (c *check) same(f *file, path string, do func(string, *unix.Stat_t) error) error {
	now, err := look(path, do)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return &Damage{f.path, "is missing"}
	}
	if err != nil {
		return err
	}
	if now == f.stat && c.depth == ByStat {
		return nil
	}
	if now.Mode != f.stat.Mode {
		return &Damage{f.path, "was changed"}
	}
	if now.Mode&unix.S_IFMT == unix.S_IFDIR {
		err = c.entries(f.path, path)
	} else {
		err = c.content(f, now, path, do)
	}
	if err == nil && now != f.stat {
		f.stat = now
		c.changed.Store(true)
	}
	return err
}

// content checks what is in a file or link whose stat is now.
func (c *check) content(f *file, now stat, path string, do func(string, *unix.Stat_t) error) error {
	if now.Size != f.stat.Size {
		return &Damage{f.path, "was changed"}
	}
	read, sum, err := hash(path, do)
	if err != nil {
		return err
	}
	if sum != f.sum || read != now {
		return &Damage{f.path, "was changed"}
	}
	return nil
}

// entries checks that nothing was added to a directory.
func (c *check) entries(rel, path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	known := c.known()[rel]
	for _, e := range entries {
		if !known[e.Name()] {
			return &Damage{filepath.Join(rel, e.Name()), "was added"}
		}
	}
	return nil
}

// children lists what is in each directory of the tree.
func (m *Manifest) children() map[string]map[string]bool {
	all := map[string]map[string]bool{"": {}}
	for _, name := range own {
		all[""][name] = true
	}
	for _, f := range m.files[1:] {
		dir := parent(f.path)
		if all[dir] == nil {
			all[dir] = map[string]bool{}
		}
		all[dir][filepath.Base(f.path)] = true
	}
	return all
}
