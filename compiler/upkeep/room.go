package upkeep

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A disk is nearly full when less than a tenth of its bytes or inodes is free. Of a small disk 1 GB, but at most
// a quarter, has to be free, because a build needs about so much; of a large one 10 GB are enough.
const (
	freePart  = 10
	freeSmall = 1e9
	smallPart = 4
	freeLarge = 10e9
)

// The default budget is a fifth of the disk, and 50 GB at most.
const (
	budgetPart = 5
	budgetMax  = 50e9
)

// DefaultSize returns the budget in bytes for the disk that holds dir.
func DefaultSize(dir string) (int64, error) {
	s, err := statfs(dir)
	return min(s.size/budgetPart, budgetMax), err
}

// space is what a disk has.
type space struct {
	size, free   int64 // bytes
	inodes, left int64 // 0 where the file system has no table of them
}

func statfs(dir string) (space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return space{}, fmt.Errorf("examining the disk of %q: %w", dir, err)
	}
	block := int64(s.Bsize)
	return space{int64(s.Blocks) * block, int64(s.Bavail) * block, int64(s.Files), int64(s.Ffree)}, nil
}

// sameDisk reports whether two directories are on one file system.
func sameDisk(a, b string) bool {
	var sa, sb unix.Stat_t
	return unix.Stat(a, &sa) == nil && unix.Stat(b, &sb) == nil && sa.Dev == sb.Dev
}

// isShort reports whether the disk is nearly full.
func (s space) isShort() bool {
	want := min(max(s.size/freePart, min(freeSmall, s.size/smallPart)), freeLarge)
	return s.free < want || s.left < s.inodes/freePart
}
