package beneath

import "golang.org/x/sys/unix"

// Born returns when the directory was made, in Unix nanoseconds, 0 if its file system does not know. A
// program cannot set that, so it tells a directory from a later one with the same inode number.
func (d *Dir) Born() int64 {
	var s unix.Statx_t
	if err := unix.Statx(d.fd, "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &s); err != nil ||
		s.Mask&unix.STATX_BTIME == 0 {
		return 0
	}
	return s.Btime.Sec*1e9 + int64(s.Btime.Nsec)
}
