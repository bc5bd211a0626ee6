package slug

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// The names in a store's directory.
const (
	indexName  = "index"
	lockName   = "lock"
	packSuffix = ".segments"
)

// Store keeps one app's segments (compressed bytes by the digest of what they hold) and what former
// packs looked like, in a directory of its own. Segments lie one after another in pack files, of
// which each pack of a slug writes a few at most; the index names what lies where and is replaced
// last, so that a killed process leaves the former state or the next. Any number of processes may
// use a store: Pack, Prune and Verify wait for one another on a file lock.
type Store struct {
	dir string
}

// OpenStore opens the store in the directory, which it makes if need be. A store whose index is
// damaged is empty.
func OpenStore(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("making slug store %q: %w", dir, err)
	}
	return &Store{dir: dir}, nil
}

// Has reports whether the section of that name and key is kept with all its segments, so that Pack
// can put it into a slug without its files. It looks at the pack files' lengths and not at their
// bytes; Pack does, and fails with ErrKept.
func (s *Store) Has(section, key string) bool {
	x, err := readIndex(s.dir)
	if err != nil || key == "" {
		return false
	}
	r, ok := x.find(section, key)
	return ok && s.holds(x, r)
}

// holds reports whether the pack files are long enough to hold all segments of the record.
func (s *Store) holds(x *index, r record) bool {
	sizes := map[string]int64{}
	for _, kept := range r.Segments {
		l, ok := x.Segments[kept.Digest]
		size, known := sizes[l.Pack]
		if !known {
			info, err := os.Stat(filepath.Join(s.dir, filepath.Base(l.Pack)))
			if err != nil {
				return false
			}
			size = info.Size()
			sizes[l.Pack] = size
		}
		if !ok || l.Offset < 0 || l.Size < 0 || l.Offset+l.Size > size {
			return false
		}
	}
	return true
}

// lock waits for the store's file lock and gives what releases it.
func (s *Store) lock(ctx context.Context) (func(), error) {
	l := flock.New(filepath.Join(s.dir, lockName))
	ok, err := l.TryLockContext(ctx, 20*time.Millisecond)
	if err != nil || !ok {
		return nil, fmt.Errorf("locking slug store %q: %w", s.dir, err)
	}
	return func() { l.Close() }, nil
}

// removeUnused removes pack files that the index does not point to: leftovers of killed processes
// and emptied ones. The lock must be held.
func (s *Store) removeUnused(x *index) error {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("listing slug store %q: %w", s.dir, err)
	}
	used := x.packs()
	for _, f := range files {
		stale := strings.HasSuffix(f.Name(), packSuffix) && !used[f.Name()] ||
			strings.HasPrefix(f.Name(), "."+indexName) // renameio's temporary names
		if !stale {
			continue
		}
		if err := os.Remove(filepath.Join(s.dir, f.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing from slug store: %w", err)
		}
	}
	return nil
}

// packs are a store's pack files opened for reading. It is safe for concurrent use.
type packs struct {
	dir  string
	mu   sync.Mutex
	open map[string]*os.File
}

// file opens the pack file of that name, once.
func (p *packs) file(name string) (*os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.open[name]; f != nil {
		return f, nil
	}
	f, err := os.Open(filepath.Join(p.dir, filepath.Base(name)))
	if err != nil {
		return nil, err
	}
	if p.open == nil {
		p.open = map[string]*os.File{}
	}
	p.open[name] = f
	return f, nil
}

// close closes them.
func (p *packs) close() {
	for _, f := range p.open {
		f.Close()
	}
}

// intact reports whether the compressed bytes at the location are those that were written; buf is
// scratch memory.
func (p *packs) intact(l location, buf []byte) bool {
	f, err := p.file(l.Pack)
	if err != nil || l.Size <= 0 || l.Offset < 0 {
		return false
	}
	var sum uint32
	for done := int64(0); done < l.Size; {
		b := buf[:min(int64(len(buf)), l.Size-done)]
		if _, err := f.ReadAt(b, l.Offset+done); err != nil {
			return false
		}
		sum = crc32.Update(sum, castagnoli, b)
		done += int64(len(b))
	}
	return sum == l.Sum
}

// packWriter appends segments to a new pack file, made when the first one comes. It is not safe for
// concurrent use.
type packWriter struct {
	dir  string
	f    *os.File
	size int64
}

// write appends one segment of these tar bytes and says where it lies.
func (p *packWriter) write(tar []byte) (location, error) {
	if p.f == nil {
		f, err := os.CreateTemp(p.dir, "*"+packSuffix)
		if err != nil {
			return location{}, writeFault(p.dir, err)
		}
		p.f = f
	}
	n, sum, err := deflate(p.f, tar, p.size)
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
	err := errors.Join(p.f.Sync(), p.f.Close())
	if err != nil {
		return writeFault(p.f.Name(), err)
	}
	p.f = nil
	return nil
}
