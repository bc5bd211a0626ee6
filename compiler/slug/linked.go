package slug

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"slugc/cache/disk"
)

// link makes the slug that is being written a pack file of the store, too: a second name of the file, so that
// its segments take no room twice and need not be made durable twice. Where that cannot be, such as on another
// file system, the store keeps the segments in files of its own.
func (a *assembly) link() {
	if a.temporary {
		return
	}
	name := strconv.FormatUint(rand.Uint64(), 10) + packSuffix
	if os.Link(a.f.Name(), filepath.Join(a.store.dir, name)) == nil {
		a.linked = name
	}
}

// unlink removes the second name.
func (a *assembly) unlink() {
	if a.linked != "" {
		_ = os.Remove(filepath.Join(a.store.dir, a.linked)) // it takes no room that the slug does not
		a.linked = ""
	}
}

// relocate makes the index find all segments of a finished slug in the pack file that is the slug. The slug that was
// linked before stays for now: its index is put back when a push is refused.
func (x *index) relocate(linked string, m Manifest) {
	for _, section := range m.Sections {
		for _, s := range section.Segments {
			if l, ok := x.Segments[s.Digest]; ok {
				l.Pack, l.Offset = linked, s.Offset
				x.Segments[s.Digest] = l
			}
		}
	}
	x.Former, x.Linked = x.Linked, linked
}

// keepsFormer reports whether a file is the slug before the last, and takes no room because it has another name.
func (x *index) keepsFormer(f fs.DirEntry) bool {
	if f.Name() != x.Former {
		return false
	}
	info, err := f.Info()
	return err == nil && disk.HasNames(info)
}

// DropFormer removes the name by which the store has the slug before the last, unless it needs that one's segments.
// The slug's file takes no room then once its other names are gone. No other process may use the store meanwhile.
func (s *Store) DropFormer() error {
	x, err := readIndex(s.dir)
	if err != nil || x.Former == "" || x.packs()[x.Former] {
		return err
	}
	err = os.Remove(filepath.Join(s.dir, filepath.Base(x.Former)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// packSize is the size of a pack file in bytes.
type packSize struct {
	bytes  int64
	linked bool // the file has another name: its removal from the store frees nothing
}

// packSizeOf returns the size of a pack file.
func packSizeOf(info fs.FileInfo) packSize {
	return packSize{info.Size(), disk.HasNames(info)}
}

// total returns the bytes of the files that only the store has.
func total(sizes map[string]packSize) (total int64) {
	for _, size := range sizes {
		if !size.linked {
			total += size.bytes
		}
	}
	return total
}
