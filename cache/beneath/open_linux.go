package beneath

import (
	"errors"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// noOpenat2 says that the kernel is older than 5.6, or that a filter of system calls refuses openat2.
var noOpenat2 atomic.Bool

// openBeneath opens a clean name below the directory without following links (openat2(2)).
func openBeneath(dir int, name string, flags int, perm uint32) (int, error) {
	if !noOpenat2.Load() {
		fd, err := openat2(dir, name, flags, perm, unix.RESOLVE_NO_SYMLINKS)
		// A link in the place of a directory is ENOTDIR, as a file is: the steps tell them apart.
		if err == nil || !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOTDIR) {
			return fd, err
		}
		if errors.Is(err, unix.ENOSYS) {
			noOpenat2.Store(true)
		}
	}
	return openStepwise(dir, name, flags, perm)
}

func openat2(dir int, name string, flags int, perm uint32, resolve uint64) (int, error) {
	how := unix.OpenHow{
		Flags: uint64(flags), Mode: uint64(perm),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS | resolve,
	}
	return retry(func() (int, error) { return unix.Openat2(dir, name, &how) })
}

// HasDir reports whether the name is that of a directory, or of a link to one that does not lead out of d.
// On a kernel without openat2, a link is none.
func (d *Dir) HasDir(name string) bool {
	fd, err := openat2(d.fd, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0, 0)
	if err != nil {
		s, err := d.Lstat(name)
		return err == nil && IsDir(s)
	}
	unix.Close(fd)
	return true
}
