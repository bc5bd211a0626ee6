package supervise

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// startMounted starts the program with r.Mount, in a mount namespace of its own (mount_namespaces(7)). A user
// other than root needs a user namespace for that too, in which it stays itself. It is an error where the kernel
// or a container's rules permit neither.
func startMounted(r Request, attr *syscall.ProcAttr) (int, error) {
	own := *attr.Sys
	own.Cloneflags |= syscall.CLONE_NEWNS
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		own.Cloneflags |= syscall.CLONE_NEWUSER
		own.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		own.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		// Without it the copy of the binary, which is not root in the namespace, would lose the right to mount.
		own.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
	mounted := *attr
	mounted.Sys = &own
	return startCopy(r, &mounted)
}

// mount mounts in the namespace of this process, and gives the right to mount up where it was given for that.
func (m *Mount) mount() error {
	// What the host mounts later shall be seen, and what is mounted here shall not be seen there.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return err
	}
	if err := unix.Mount(m.From, m.To, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		return nil
	}
	return unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
}
