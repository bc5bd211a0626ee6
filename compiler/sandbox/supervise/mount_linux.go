package supervise

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// startMounted starts the program with r.Mount, r.Overlay or r.Root, in a mount namespace of its own
// (mount_namespaces(7)). A user other than root needs a user namespace for that too, in which it stays itself. It is
// an error where the kernel or a container's rules permit neither.
func startMounted(r Request, attr *syscall.ProcAttr) (int, error) {
	own := *attr.Sys
	own.Cloneflags |= syscall.CLONE_NEWNS
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		own.Cloneflags |= syscall.CLONE_NEWUSER
		own.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		own.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		// Without it the copy of the binary, which is not root in the namespace, would lose the right to mount.
		own.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
		if r.Overlay != nil {
			// The kernel writes to the upper and the work directory, of mode 0, as whoever has mounted it.
			own.AmbientCaps = append(own.AmbientCaps,
				unix.CAP_DAC_OVERRIDE, unix.CAP_CHOWN, unix.CAP_FOWNER, unix.CAP_FSETID)
		}
	}
	mounted := *attr
	mounted.Sys = &own
	return startCopy(r, &mounted)
}

// mount mounts in the namespace of this process, and gives the right to mount up where it was given for that.
func (r Request) mount() error {
	if r.Mount == nil && r.Overlay == nil && r.Root == nil {
		return nil
	}
	// What the host mounts later shall be seen, and what is mounted here shall not be seen there.
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, "")
	if err == nil && r.Mount != nil {
		err = unix.Mount(r.Mount.From, r.Mount.To, "", unix.MS_BIND, "")
	}
	if err == nil && r.Overlay != nil {
		err = r.Overlay.mount()
	}
	if err == nil && r.Root != nil {
		err = r.Root.enter()
	}
	if err == nil && os.Geteuid() != 0 {
		err = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	}
	if err != nil {
		return fmt.Errorf("%w: mounting: %w", ErrNoMount, err)
	}
	return nil
}

// mount mounts the overlay. Its own notes are extended attributes of the upper directory: trusted ones, which
// only the host's root may write, else those of users. Without either a directory could not be replaced.
func (o *Overlay) mount() error {
	if err := os.Chdir(o.Dir); err != nil {
		return err
	}
	options := "redirect_dir=on"
	if err := unix.Setxattr(o.Upper, "trusted.slugc", []byte("1"), 0); err != nil {
		if err := unix.Setxattr(o.Upper, "user.slugc", []byte("1"), 0); err != nil {
			return err
		}
		options = "userxattr"
	}
	// Volatile: what the process writes goes with it. Else its end would write the whole disk's pages out.
	options += ",volatile,lowerdir=" + strings.Join(o.Lower, ":") + ",upperdir=" + o.Upper + ",workdir=" + o.Work
	return unix.Mount("overlay", o.To, "overlay", 0, options)
}
