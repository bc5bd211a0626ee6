package slug

import (
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// packs are a store's pack files, opened for reading. It is safe for concurrent use, except for
// copy.
type packs struct {
	dir   string
	marks map[string]mark // of files that were sound, by name
	mu    sync.Mutex
	open  map[string]*packFile
}

// packFile is one of them.
type packFile struct {
	*os.File
	mark  mark // as it was opened
	sound bool // nothing has written to it since its segments were compressed or checked
}

// file opens the pack file of that name, once.
func (p *packs) file(name string) (*packFile, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.open[name]; f != nil {
		return f, nil
	}
	f, err := os.Open(filepath.Join(p.dir, filepath.Base(name)))
	if err != nil {
		return nil, err
	}
	opened := &packFile{File: f}
	if opened.mark, err = markOf(f); err != nil {
		f.Close()
		return nil, err
	}
	was, ok := p.marks[name]
	opened.sound = ok && was == opened.mark
	if p.open == nil {
		p.open = map[string]*packFile{}
	}
	p.open[name] = opened
	return opened, nil
}

// copy writes the compressed bytes at the location to a file, which an error calls name. The kernel
// copies, or shares the extents if the file system can.
func (p *packs) copy(to *os.File, name string, l location) error {
	from, err := p.file(l.Pack)
	if err != nil {
		return fmt.Errorf("opening kept segments: %w", err)
	}
	if _, err := from.Seek(l.Offset, io.SeekStart); err != nil {
		return fmt.Errorf("reading kept segments: %w", err)
	}
	if _, err := io.CopyN(to, from.File, l.Size); err != nil {
		return writeFault(name, err)
	}
	return nil
}

// close closes all files.
func (p *packs) close() {
	for _, f := range p.open {
		f.Close()
	}
}

// sound reports whether all open files look like their marks.
func (p *packs) sound() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.open {
		if !f.sound {
			return false
		}
	}
	return true
}

// readBuffer is the size of the scratch memory for intact.
const readBuffer = 256 << 10

// intact reports whether the compressed bytes at the location are those that were written. It reads
// them only if the file does not look like its mark; buf is scratch memory for that.
func (p *packs) intact(l location, buf []byte) bool {
	f, err := p.file(l.Pack)
	if err != nil || l.Size <= 0 || l.Offset < 0 || l.Offset+l.Size > f.mark.Size {
		return false
	}
	if f.sound {
		return true
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
