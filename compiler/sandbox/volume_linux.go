package sandbox

import (
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What a build leaves free on the disk, so that what else runs on the machine still can: a twentieth, 10 GB
// at most, and never more than a quarter of what was free when it began, so that a nearly full disk still
// builds.
const (
	keepPart  = 20
	keepBytes = 10e9
	keepOfNow = 4
)

// volume is one file system that a child can write.
type volume struct {
	dirs  []string // writable, none beneath another
	began time.Time
	now   func() (space, error)
	start space
	next  int64     // bytes gone from which on the directories are counted again
	again time.Time // when they are counted anyway
}

// space is what a file system has left.
type space struct {
	size, free   int64 // bytes
	inodes, left int64 // 0 where the file system has no table of them
}

// openVolumes groups the directories by file system.
func openVolumes(dirs []string) (list []*volume) {
	byDevice := map[uint64]*volume{}
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil {
			continue
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || !info.IsDir() {
			continue
		}
		d := byDevice[uint64(stat.Dev)]
		if d == nil {
			d = &volume{began: time.Now().Add(-coarseClock), now: func() (space, error) { return statfs(dir) }}
			d.again = d.began.Add(countPause)
			if d.start, err = d.now(); err != nil {
				continue
			}
			byDevice[uint64(stat.Dev)] = d
			list = append(list, d)
		}
		if !insideAny(dir, d.dirs) {
			d.dirs = append(d.dirs, dir)
		}
	}
	return list
}

// How long to wait until the directories are counted anyway: so long, or so many times as long as it took.
const (
	countPause = 5 * time.Second
	countPart  = 20
)

// coarseClock is how much a file's time may be behind the clock: the kernel stamps files with the last tick.
const coarseClock = 20 * time.Millisecond

func insideAny(dir string, dirs []string) bool {
	for _, d := range dirs {
		if within(dir, d) {
			return true
		}
	}
	return false
}

func statfs(dir string) (space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return space{}, err
	}
	size := int64(s.Bsize)
	return space{int64(s.Blocks) * size, int64(s.Bavail) * size, int64(s.Files), int64(s.Ffree)}, nil
}

// reserve is what must stay free of a whole.
func reserve(whole, free int64) int64 { return min(whole/keepPart, free/keepOfNow) }

// look returns the limit that the child has met. It asks the file system what is left, which costs nothing,
// and counts the directories only when so much is gone that the child may have met a limit: others write
// there too. Others also remove files meanwhile, so with a limit of its own it counts from time to time.
func (d *volume) look(l Limits) *LimitError {
	now, err := d.now()
	if err != nil {
		return nil
	}
	gone := d.start.free - now.free
	keep, keepInodes := int64(0), int64(0)
	if l.KeepFree {
		keep, keepInodes = min(reserve(d.start.size, d.start.free), keepBytes), reserve(d.start.inodes, d.start.left)
	}
	full := now.free < keep || now.left < keepInodes
	if !full && (l.Disk <= 0 || (gone < max(l.Disk, d.next) && time.Now().Before(d.again))) {
		return nil
	}
	began := time.Now()
	bytes, files := d.added()
	d.again = time.Now().Add(max(countPause, countPart*time.Since(began)))
	switch {
	case l.Disk > 0 && bytes > l.Disk:
		return &LimitError{Which: LimitDisk, Used: bytes, Max: l.Disk}
	case now.free < keep && bytes >= gone/2:
		return &LimitError{Which: LimitFree, Used: now.free, Max: keep}
	case now.left < keepInodes && files >= (d.start.left-now.left)/2:
		return &LimitError{Which: LimitInodes, Used: now.left, Max: keepInodes}
	}
	// The child can add so much more before it meets the limit.
	d.next = gone + l.Disk - bytes
	return nil
}

// added returns the bytes and the number of the files that were changed since the child began.
func (d *volume) added() (bytes, files int64) {
	seen := map[uint64]bool{}
	for _, dir := range d.dirs {
		root, err := os.OpenRoot(dir)
		if err != nil {
			continue
		}
		_ = fs.WalkDir(root.FS(), ".", func(_ string, entry fs.DirEntry, err error) error {
			if err != nil {
				return nil // it is gone, or cannot be read
			}
			info, err := entry.Info()
			if err != nil {
				return nil
			}
			stat, ok := info.Sys().(*syscall.Stat_t)
			if !ok || seen[stat.Ino] || time.Unix(stat.Ctim.Unix()).Before(d.began) {
				return nil
			}
			seen[stat.Ino] = true
			bytes, files = bytes+stat.Blocks*512, files+1
			return nil
		})
		root.Close()
	}
	return bytes, files
}
