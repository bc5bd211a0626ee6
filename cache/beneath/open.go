package beneath

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// openStepwise does what openat2 does, directory by directory.
func openStepwise(dir int, name string, flags int, perm uint32) (int, error) {
	at, first := dir, true
	for {
		part, rest, more := strings.Cut(name, "/")
		how := flags
		if more {
			how = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
		}
		fd, err := retry(func() (int, error) { return unix.Openat(at, part, how, perm) })
		if errors.Is(err, unix.ENOTDIR) {
			var s unix.Stat_t
			if unix.Fstatat(at, part, &s, unix.AT_SYMLINK_NOFOLLOW) == nil && s.Mode&unix.S_IFMT == unix.S_IFLNK {
				err = unix.ELOOP // O_DIRECTORY of a link is ENOTDIR, too
			}
		}
		if !first {
			unix.Close(at)
		}
		if err != nil || !more {
			return fd, err
		}
		at, first, name = fd, false, rest
	}
}
