// Package manifest states what a tree of files holds, so that a change can be noticed without
// reading every file again.
//
//	m, err := manifest.Of(ctx, dir)   // hashes every file
//	err = m.Write(file)
//	m, err = manifest.Read(file)
//	err = m.Check(ctx, dir, manifest.ByStat) // a *Damage, if a file is not what it was
//
// A manifest has the digest of every file, and the stat that the file had when it was hashed. A file
// whose stat is the same has not been written to: a program can set the modification time, but not
// the change time (inode(7)). A file with another stat is hashed again, so a tree that was copied to
// another disk is found to be whole, once at the price of reading it.
//
// Manifests lie outside their trees. Their file has a checksum: a damaged one cannot be read.
package manifest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"slugc/cache/digest"
)

// Manifest is what a tree held when it was made. It is not safe for concurrent use.
type Manifest struct {
	// Changed reports that [Manifest.Check] hashed files again and found them whole. The manifest has
	// their new stats, and is worth being written again.
	Changed bool

	files  []file // every directory before what is in it; the first is the tree itself, ""
	inputs []file // files of the machine that the tree was made from, by absolute path
}

// file is one file of a tree, or a directory or link.
type file struct {
	path string // relative to the tree, or absolute
	stat stat
	sum  [sha256.Size]byte // of the content or of the link's target
}

// stat is what the kernel tells of a file. Field sizes are those of the format.
type stat struct {
	Mode               uint32
	Ino                uint64
	Size, Mtime, Ctime int64 // times in nanoseconds
}

// own are the names at the root of a tree that are not part of it.
var own = []string{".derived"}

// Of makes the manifest of the tree at dir and of the inputs: absolute paths of files of the machine
// that the tree was made from. Anything but files, directories and links is an error.
func Of(ctx context.Context, dir string, inputs ...string) (*Manifest, error) {
	m := &Manifest{}
	if err := m.list(dir, ""); err != nil {
		return nil, fmt.Errorf("listing %q: %w", dir, err)
	}
	for _, path := range inputs {
		m.inputs = append(m.inputs, file{path: path})
	}
	err := each(ctx, m.files, func(f *file) (err error) {
		f.stat, f.sum, err = hash(filepath.Join(dir, f.path), unix.Lstat)
		return err
	})
	if err == nil {
		err = each(ctx, m.inputs, func(f *file) (err error) {
			f.stat, f.sum, err = hash(f.path, unix.Stat)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("hashing %q: %w", dir, err)
	}
	return m, nil
}

// Stat makes the manifest of the tree at dir without reading its files: until [Manifest.Sum] has read them, a
// file with another stat is taken for a changed one.
func Stat(ctx context.Context, dir string) (*Manifest, error) {
	m := &Manifest{}
	if err := m.list(dir, ""); err != nil {
		return nil, fmt.Errorf("listing %q: %w", dir, err)
	}
	err := each(ctx, m.files, func(f *file) (err error) {
		f.stat, err = look(filepath.Join(dir, f.path), unix.Lstat)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing %q: %w", dir, err)
	}
	return m, nil
}

// Sum reads the files of the tree at dir and adds their digests to a manifest that [Stat] made. It returns a
// [*Damage] for a file whose stat has changed since.
func (m *Manifest) Sum(ctx context.Context, dir string) error {
	return each(ctx, m.files, func(f *file) error {
		now, sum, err := hash(filepath.Join(dir, f.path), unix.Lstat)
		if err != nil {
			return err
		}
		if now != f.stat {
			return &Damage{f.path, "was changed"}
		}
		f.sum = sum
		return nil
	})
}

// list adds the directory rel and everything below it, in the order of paths.
func (m *Manifest) list(dir, rel string) error {
	m.files = append(m.files, file{path: rel})
	entries, err := os.ReadDir(filepath.Join(dir, rel))
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(rel, e.Name())
		switch {
		case slices.Contains(own, path):
		case e.IsDir():
			err = m.list(dir, path)
		default:
			m.files = append(m.files, file{path: path})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// each calls do for every file, with a few at a time.
func each(ctx context.Context, files []file, do func(*file) error) error {
	return eachIn(ctx, files, func() (func(*file) error, func()) { return do, func() {} })
}

// eachIn is each with state: every goroutine calls begin, what that returns for each of its files, and end.
func eachIn(ctx context.Context, files []file, begin func() (do func(*file) error, end func())) error {
	group, ctx := errgroup.WithContext(ctx)
	size := max(64, len(files)/(4*runtime.GOMAXPROCS(0)))
	group.SetLimit(runtime.GOMAXPROCS(0))
	for chunk := range slices.Chunk(files, size) {
		group.Go(func() error {
			do, end := begin()
			defer end()
			for i := range chunk {
				if err := ctx.Err(); err != nil {
					return context.Cause(ctx)
				}
				if err := do(&chunk[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// look returns a file's stat by the system call do.
func look(path string, do func(string, *unix.Stat_t) error) (stat, error) {
	var s unix.Stat_t
	if err := do(path, &s); err != nil {
		return stat{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return statOf(&s), nil
}

func statOf(s *unix.Stat_t) stat {
	return stat{Mode: s.Mode, Ino: s.Ino, Size: s.Size, Mtime: s.Mtim.Nano(), Ctime: s.Ctim.Nano()}
}

// hash returns a file's stat and the digest of its content. The stat is taken before, so that a later
// change shows.
func hash(path string, do func(string, *unix.Stat_t) error) (s stat, sum [sha256.Size]byte, err error) {
	if s, err = look(path, do); err != nil {
		return s, sum, err
	}
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
	case unix.S_IFLNK:
		var target string
		if target, err = os.Readlink(path); err == nil {
			sum = sha256.Sum256([]byte(target))
		}
	case unix.S_IFREG:
		sum, err = hashFile(path)
	default:
		err = fmt.Errorf("%q is not a file, a directory or a link", path)
	}
	return s, sum, err
}

func hashFile(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

// Digest identifies the tree: paths, types, permissions and content. Equal trees have equal digests,
// wherever and whenever they were made.
func (m *Manifest) Digest() digest.Digest {
	var b []byte
	for _, f := range m.files {
		s := stat{Mode: f.stat.Mode}
		if s.Mode&unix.S_IFMT == unix.S_IFREG {
			s.Size = f.stat.Size
		}
		b = append(append(appendStat(b, file{stat: s, sum: f.sum}), f.path...), 0)
	}
	return digest.Of(b)
}

// parent returns the directory of a path in the form of file.path.
func parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)]
}

// Size returns how many bytes the tree's regular files had.
func (m *Manifest) Size() (total int64) {
	for _, f := range m.files {
		if f.stat.Mode&unix.S_IFMT == unix.S_IFREG {
			total += f.stat.Size
		}
	}
	return total
}
