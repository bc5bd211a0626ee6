package seccomp

import (
	"slices"

	"github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"
)

// denied are the calls that fail with EPERM whatever their arguments are.
var denied = []string{
	"keyctl", "add_key", "request_key",
	"bpf", "perf_event_open", "userfaultfd", "fanotify_init", "open_by_handle_at",
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot",
	"swapon", "swapoff", "quotactl", "quotactl_fd", "acct", "syslog", "nfsservctl", "vhangup",
	"settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname", "iopl", "ioperm",
	"mount", "umount2", "pivot_root", "chroot", "move_mount", "mount_setattr", "fsopen", "fsconfig", "fsmount",
	"fspick", "open_tree", "setns",
}

// missing are the calls that fail with ENOSYS: programs have another way. clone3 hides its flags behind a
// pointer, openat2 and fchmodat2 are new ways to set the setuid bit.
var missing = []string{
	"io_uring_setup", "io_uring_enter", "io_uring_register", "clone3", "openat2", "fchmodat2",
}

// unsupported are the calls that fail with ENOTSUP: extended attributes hold file capabilities and access
// lists, and the caller's own files, anywhere, would take them.
var unsupported = []string{
	"setxattr", "lsetxattr", "fsetxattr", "setxattrat",
	"removexattr", "lremovexattr", "fremovexattr", "removexattrat",
}

const (
	setid      = unix.S_ISUID | unix.S_ISGID
	namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC |
		unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
)

// call is a system call that is denied when all conditions hold.
type call struct {
	name string
	when []seccomp.Condition
}

// calls returns the calls that fail with EPERM depending on their arguments.
func calls(o Options) []call {
	unshared := uint64(namespaces | unix.CLONE_NEWTIME)
	if o.NewNetwork {
		unshared &^= unix.CLONE_NEWNET
	}
	list := []call{
		{"ioctl", is(1, unix.TIOCSTI)}, {"ioctl", is(1, unix.TIOCLINUX)},
		{"clone", hasAny(0, namespaces)}, {"unshare", hasAny(0, unshared)},
		{"chmod", hasAny(1, setid)}, {"fchmod", hasAny(1, setid)}, {"fchmodat", hasAny(2, setid)},
		{"creat", hasAny(1, setid)}, {"mknod", hasAny(1, setid)}, {"mknodat", hasAny(2, setid)},
		// The mode counts only in a call that makes a file. Otherwise it may be anything.
		{"open", slices.Concat(hasAny(2, setid), hasAny(1, unix.O_CREAT))},
		{"openat", slices.Concat(hasAny(3, setid), hasAny(2, unix.O_CREAT))},
		{"open", slices.Concat(hasAny(2, setid), hasAny(1, tmpfile))},
		{"openat", slices.Concat(hasAny(3, setid), hasAny(2, tmpfile))},
		{"socket", slices.Concat(not(0, unix.AF_UNIX), not(0, unix.AF_INET), not(0, unix.AF_INET6),
			not(0, unix.AF_NETLINK))},
		{"socket", slices.Concat(is(0, unix.AF_NETLINK), not(2, unix.NETLINK_ROUTE))},
		// Raw and packet sockets need capabilities, which no child has. This holds it twice.
		{"socket", slices.Concat(not(0, unix.AF_UNIX), not(0, unix.AF_NETLINK), is4(1, unix.SOCK_RAW))},
	}
	if o.NoUnix {
		// A pair of datagram sockets could connect again, to an address.
		list = append(list, call{"socket", is(0, unix.AF_UNIX)}, call{"socketpair", hasAny(1, unix.SOCK_DGRAM)})
	}
	if o.NoInternet {
		list = append(list, call{"socket", is(0, unix.AF_INET)}, call{"socket", is(0, unix.AF_INET6)})
	}
	return list
}

// tmpfile is the bit of O_TMPFILE that O_DIRECTORY does not have.
const tmpfile = unix.O_TMPFILE &^ unix.O_DIRECTORY

// hasAny holds when the argument has any of the bits.
func hasAny(argument uint32, bits uint64) []seccomp.Condition {
	return []seccomp.Condition{{Argument: argument, Operation: seccomp.BitsSet, Value: bits}}
}

// is holds when the lower 32 bits of the argument are value. The kernel takes only those of an int, and a
// program may set the others: a comparison of all 64 would miss it (CVE-2019-10063).
func is(argument uint32, value uint32) []seccomp.Condition {
	return equal(argument, value, 0xffffffff)
}

// is4 is like is for the lower four bits, which are the type of a socket; the others are flags.
func is4(argument uint32, value uint32) []seccomp.Condition {
	return equal(argument, value, 0xf)
}

func equal(argument, value, mask uint32) []seccomp.Condition {
	list := []seccomp.Condition{
		{Argument: argument, Operation: seccomp.BitsNotSet, Value: uint64(^value & mask)},
	}
	for bit := uint32(1); bit != 0; bit <<= 1 {
		if value&bit != 0 {
			list = append(list, hasAny(argument, uint64(bit))...)
		}
	}
	return list
}

// not holds when the argument is not value, which includes those with one of the upper 32 bits.
func not(argument uint32, value uint64) []seccomp.Condition {
	return []seccomp.Condition{{Argument: argument, Operation: seccomp.NotEqual, Value: value}}
}
