package slug

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// The names in a store's directory.
const (
	indexName  = "index"
	lockName   = "lock"
	packSuffix = ".segments"
)

// Store keeps one app's segments (compressed bytes, by the digest of what they hold) and records of
// former packs, in a directory of its own. Segments lie one after another in pack files. The last slug
// is one of them, by a second name, where its file system is the store's; else each [Pack] writes a few.
// The index says what lies where. It is replaced last, so that a
// killed process leaves the former state or the next. Several processes may use a store: Pack,
// Prune and Verify wait for one another on a file lock.
type Store struct {
	dir    string
	shared bool // for all apps: nothing is dropped but by Prune
}

// OpenStore opens the store in the directory and makes that if it is missing. A store with a
// damaged index is empty.
func OpenStore(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making slug store %q: %w", dir, err)
	}
	return &Store{dir: dir}, nil
}

// Kept returns the keys of the sections that the store has with all their segments, and whose name
// starts with prefix, by the rest of the name: [Pack] does not need their files. Of several keys of a
// section it returns the latest. It looks at the lengths of pack files but not at their bytes. Pack
// does, and fails with [ErrNotKept].
func (s *Store) Kept(prefix string) (map[string]string, error) {
	x, err := readIndex(s.dir)
	if err != nil {
		return nil, err
	}
	kept := map[string]string{}
	for _, r := range x.Records {
		name, ok := strings.CutPrefix(r.Name, prefix)
		if !ok || r.Key == "" {
			continue
		}
		if ok, err = s.holds(x, r); err != nil {
			return nil, err
		}
		if ok {
			kept[name] = r.Key
		}
	}
	return kept, nil
}

// holds reports whether the pack files are long enough for all segments of the record.
func (s *Store) holds(x *index, r record) (bool, error) {
	sizes := map[string]int64{}
	for _, kept := range r.Segments {
		l, ok := x.Segments[kept.Digest]
		size, known := sizes[l.Pack]
		if ok && !known {
			info, err := os.Stat(filepath.Join(s.dir, filepath.Base(l.Pack)))
			if errors.Is(err, os.ErrNotExist) {
				return false, nil
			}
			if err != nil {
				return false, fmt.Errorf("examining slug store %q: %w", s.dir, err)
			}
			size = info.Size()
			sizes[l.Pack] = size
		}
		if !ok || l.Offset < 0 || l.Size < 0 || l.Offset+l.Size > size {
			return false, nil
		}
	}
	return true, nil
}

// lock waits for the store's file lock. The returned function releases it.
func (s *Store) lock(ctx context.Context) (func(), error) {
	l := flock.New(filepath.Join(s.dir, lockName))
	ok, err := l.TryLockContext(ctx, 20*time.Millisecond)
	if err != nil || !ok {
		return nil, fmt.Errorf("locking slug store %q: %w", s.dir, err)
	}
	return func() { l.Close() }, nil
}

// removeUnused removes pack files that the index does not refer to, and what killed processes left.
// The lock must be held.
func (s *Store) removeUnused(x *index) error {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("listing slug store %q: %w", s.dir, err)
	}
	used := x.packs()
	for _, f := range files {
		stale := strings.HasSuffix(f.Name(), packSuffix) && !used[f.Name()] && !x.keepsFormer(f) ||
			strings.HasPrefix(f.Name(), "."+indexName) // temporary names of disk.WriteFile
		if !stale {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, f.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing from slug store: %w", err)
		}
	}
	return nil
}

// packWriter appends segments to a new pack file, which the first segment creates. It is not safe
// for concurrent use.
type packWriter struct {
	deflater
	dir  string
	f    *os.File
	size int64
	name string // of the finished file
	mark mark   // of the finished file
}

// write compresses and appends one segment and returns where it lies.
func (p *packWriter) write(tar []byte) (location, error) {
	if p.f == nil {
		f, err := os.CreateTemp(p.dir, "*"+packSuffix)
		if err != nil {
			return location{}, writeFault(p.dir, err)
		}
		p.f = f
	}
	n, sum, err := p.deflater.write(p.f, tar, p.size)
	if err != nil {
		return location{}, writeFault(p.f.Name(), err)
	}
	l := location{
		Pack:   filepath.Base(p.f.Name()),
		Offset: p.size,
		Size:   n,
		Tar:    int64(len(tar)),
		CRC:    crc32.ChecksumIEEE(tar),
		Sum:    sum,
	}
	p.size += n
	return l, nil
}

// sync makes what was written durable and closes the file.
func (p *packWriter) sync() error {
	if p.f == nil {
		return nil
	}
	err := p.f.Sync()
	if err == nil {
		p.name = filepath.Base(p.f.Name())
		p.mark, err = markOf(p.f)
	}
	if err = errors.Join(err, p.f.Close()); err != nil {
		return writeFault(p.f.Name(), err)
	}
	p.f = nil
	return nil
}
