package slug

import (
	"context"
	"fmt"
	"maps"
	"os"

	"golang.org/x/sys/unix"

	"slugc/cache/digest"
)

// mark is how a pack file looked when all its segments were known to be good: just compressed and
// synced, or just read and compared with their sums. While a file looks like its mark, its bytes are
// not read again to check them. That is enough: no build sees the store's directory, and whoever else
// writes to a slug that is among the files changes its change time, which no program can set. What a disk
// does to bytes by itself is found by [Store.Verify], which reads everything.
type mark struct {
	Inode uint64 `json:"inode"`
	Size  int64  `json:"size"`
	Mtime int64  `json:"mtime"` // nanoseconds
	Ctime int64  `json:"ctime"`
}

// markOf returns how the open file looks.
func markOf(f *os.File) (mark, error) {
	var s unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &s); err != nil {
		return mark{}, fmt.Errorf("examining %q: %w", f.Name(), err)
	}
	return mark{Inode: s.Ino, Size: s.Size, Mtime: s.Mtim.Nano(), Ctime: s.Ctim.Nano()}, nil
}

// mark sets the marks of all pack files that the index refers to, with those of the files that this pack has
// made. A file that does not look like its mark is read first, except for what was read already. Damaged
// segments are dropped from the index.
func (p *knownSegments) mark(ctx context.Context, x *index, made map[string]mark) error {
	marks, buf := map[string]mark{}, make([]byte, readBuffer)
	maps.Copy(marks, made)
	for pack, digests := range x.byPack() {
		if _, ok := marks[pack]; ok {
			continue
		}
		f, err := p.packs.file(pack)
		if err != nil {
			continue // its segments are dropped when they are needed
		}
		for _, d := range digests {
			if err := ctx.Err(); err != nil {
				return err
			}
			p.find(d, buf)
		}
		marks[pack] = f.mark
	}
	x.Packs = marks
	return nil
}

// byPack returns the digests of the segments in each pack file.
func (x *index) byPack() map[string][]digest.Digest {
	all := map[string][]digest.Digest{}
	for d, l := range x.Segments {
		all[l.Pack] = append(all[l.Pack], d)
	}
	return all
}

// remark marks the pack files of a store that was read without its lock, if some did not look like
// their marks.
func (s *Store) remark(ctx context.Context, known *knownSegments) error {
	if known.packs.sound() {
		return nil
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	x, err := readIndex(s.dir)
	if err != nil {
		return err
	}
	now := newKnownSegments(x, &packs{dir: s.dir, marks: x.Packs})
	defer now.packs.close()
	if err := now.mark(ctx, x, nil); err != nil {
		return err
	}
	return x.write(s.dir)
}
