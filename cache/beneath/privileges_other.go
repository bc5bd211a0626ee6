//go:build !linux

package beneath

import "golang.org/x/sys/unix"

// DropPrivileges removes the setuid and setgid bits from a regular file, which has the state s.
func (d *Dir) DropPrivileges(name string, s unix.Stat_t) error {
	if s.Mode&(unix.S_ISUID|unix.S_ISGID) == 0 {
		return nil
	}
	return d.at("chmod", name, func(fd int, base string) error {
		return unix.Fchmodat(fd, base, uint32(s.Mode)&0o1777, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// HasAccessList reports that a directory may have an access control list.
func (d *Dir) HasAccessList(name string) bool { return true }
