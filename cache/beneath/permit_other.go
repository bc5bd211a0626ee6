//go:build !linux

package beneath

import "golang.org/x/sys/unix"

// permit gives the owner all rights to a directory. What fails here fails again when it matters.
func permit(parent int, name string) {
	_ = unix.Fchmodat(parent, name, 0o700, unix.AT_SYMLINK_NOFOLLOW)
}
