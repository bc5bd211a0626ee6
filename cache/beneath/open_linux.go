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
		how := unix.OpenHow{
			Flags: uint64(flags), Mode: uint64(perm),
			Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
		}
		fd, err := retry(func() (int, error) { return unix.Openat2(dir, name, &how) })
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
