package beneath

import (
	"errors"
	"path"
	"strconv"

	"golang.org/x/sys/unix"
)

// capabilities is the extended attribute that holds a file's capabilities (capabilities(7)).
const capabilities = "security.capability"

// DropPrivileges removes from a regular file, which has the state s, what would give rights to whoever
// runs it: the setuid and setgid bits, and file capabilities.
func (d *Dir) DropPrivileges(name string, s unix.Stat_t) error {
	fd, err := openBeneath(d.fd, path.Clean(name), unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return d.fail("open", name, err)
	}
	defer unix.Close(fd)
	at := "/proc/self/fd/" + strconv.Itoa(fd) // fchmod(2) and fsetxattr(2) do not take an O_PATH descriptor
	if s.Mode&(unix.S_ISUID|unix.S_ISGID) != 0 {
		err = unix.Chmod(at, uint32(s.Mode)&0o1777)
	}
	if xattr := unix.Removexattr(at, capabilities); !errors.Is(xattr, unix.ENODATA) && !errors.Is(xattr, unix.ENOTSUP) {
		err = errors.Join(err, xattr)
	}
	if err != nil {
		return d.fail("chmod", name, err)
	}
	return nil
}

// HasAccessList reports whether a directory has an access control list (acl(5)) of its own or for its entries,
// or may have one.
func (d *Dir) HasAccessList(name string) bool {
	fd, err := d.open(name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	for _, list := range []string{"system.posix_acl_access", "system.posix_acl_default"} {
		if _, err := unix.Fgetxattr(fd, list, nil); !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) {
			return true
		}
	}
	return false
}
