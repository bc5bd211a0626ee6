package sandbox

import (
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"slugc/cache/disk"
)

// What a build leaves free on the disk, so that what else runs on the machine still can: a twentieth, 10 GB
// at most, and never more than a quarter of what was free when it began, so that a nearly full disk still
// builds.
const (
	keepPart  = 20
	keepBytes = 10e9
	keepOfNow = 4
)

// volumes are the file systems that a child can write.
type volumes struct {
	began int64 // by the clock of files, in nanoseconds: what has changed since is the child's
	list  []*volume
}

// volume is one file system that a child can write.
type volume struct {
	device uint64
	dirs   []string // writable, none beneath another
	began  int64    // as of volumes
	now    func() (space, error)
	start  space
	next   int64     // bytes gone from which on the directories are counted again
	again  time.Time // when they are counted anyway
}

// space is what a file system has left.
type space struct {
	size, free   int64 // bytes
	inodes, left int64 // 0 where the file system has no table of them
}

// openVolumes must be called before the child is started: a child may have written all that it may before
// its caller runs again.
func openVolumes(dirs []string) *volumes {
	v := &volumes{began: disk.FileClock()}
	v.add(dirs)
	return v
}

// add groups the directories by file system.
func (v *volumes) add(dirs []string) {
	for _, dir := range dirs {
		var s unix.Stat_t
		if err := unix.Lstat(dir, &s); err != nil || s.Mode&unix.S_IFMT != unix.S_IFDIR {
			continue
		}
		d := v.on(uint64(s.Dev))
		if d == nil {
			d = &volume{device: uint64(s.Dev), began: v.began, now: func() (space, error) { return statfs(dir) }}
			d.again = time.Now().Add(countPause)
			var err error
			if d.start, err = d.now(); err != nil {
				continue
			}
			v.list = append(v.list, d)
		}
		if !insideAny(dir, d.dirs) {
			d.dirs = append(d.dirs, dir)
		}
	}
}

// on returns the volume of a device, or nil.
func (v *volumes) on(device uint64) *volume {
	for _, d := range v.list {
		if d.device == device {
			return d
		}
	}
	return nil
}

// look returns the limit that the child has met.
func (v *volumes) look(l Limits) *LimitError {
	for _, d := range v.list {
		if e := d.look(l); e != nil {
			return e
		}
	}
	return nil
}

// How long to wait until the directories are counted anyway: so long, or so many times as long as it took.
const (
	countPause = 5 * time.Second
	countPart  = 20
)

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
			if !ok || seen[stat.Ino] || stat.Ctim.Nano() < d.began {
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
