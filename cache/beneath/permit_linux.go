package beneath

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// permit gives the owner all rights to a directory. fchmodat(2) follows links, so the directory is
// opened as a place first, which needs no rights. What fails here fails again when it matters.
func permit(parent int, name string) {
	fd, err := unix.Openat(parent, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_ = unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), 0o700)
}
