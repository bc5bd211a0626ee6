package seccomp

import (
	"encoding/binary"
	"testing"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const allow = unix.Errno(0)

// TestFilter runs the filter over calls as the kernel would.
func TestFilter(t *testing.T) {
	t.Parallel()
	const high = 1 << 32 // a bit that the kernel ignores in an int
	for name, test := range map[string]struct {
		options Options
		call    string
		args    [6]uint64
		want    unix.Errno
	}{
		"read":                 {call: "read", want: allow},
		"keyctl":               {call: "keyctl", want: unix.EPERM},
		"io_uring":             {call: "io_uring_setup", want: unix.ENOSYS},
		"clone3":               {call: "clone3", want: unix.ENOSYS},
		"extended attribute":   {call: "setxattr", want: unix.ENOTSUP},
		"reading an attribute": {call: "getxattr", want: allow},
		"thread":               {call: "clone", args: [6]uint64{unix.CLONE_VM | unix.CLONE_THREAD}, want: allow},
		"user namespace":       {call: "clone", args: [6]uint64{unix.CLONE_NEWUSER}, want: unix.EPERM},
		"own file table":       {call: "unshare", args: [6]uint64{unix.CLONE_FILES}, want: allow},
		"network namespace":    {call: "unshare", args: [6]uint64{unix.CLONE_NEWNET}, want: unix.EPERM},
		"network namespace, permitted": {
			Options{NewNetwork: true}, "unshare", [6]uint64{unix.CLONE_NEWNET}, allow,
		},
		"user namespace beside it": {
			Options{NewNetwork: true}, "unshare", [6]uint64{unix.CLONE_NEWNET | unix.CLONE_NEWUSER}, unix.EPERM,
		},
		"child with a network of its own": {
			Options{NewNetwork: true}, "clone", [6]uint64{unix.CLONE_NEWNET}, unix.EPERM,
		},
		"terminal input":         {call: "ioctl", args: [6]uint64{0, unix.TIOCSTI}, want: unix.EPERM},
		"terminal input, hidden": {call: "ioctl", args: [6]uint64{0, unix.TIOCSTI | high}, want: unix.EPERM},
		"terminal size":          {call: "ioctl", args: [6]uint64{0, unix.TIOCGWINSZ}, want: allow},
		"executable":             {call: "fchmodat", args: [6]uint64{0, 0, 0o755}, want: allow},
		"setuid":                 {call: "fchmodat", args: [6]uint64{0, 0, 0o4755}, want: unix.EPERM},
		"setgid":                 {call: "fchmod", args: [6]uint64{0, 0o2755}, want: unix.EPERM},
		"sticky":                 {call: "fchmod", args: [6]uint64{0, 0o1777}, want: allow},
		"new setuid file": {
			call: "openat", args: [6]uint64{0, 0, unix.O_CREAT | unix.O_WRONLY, 0o4755}, want: unix.EPERM,
		},
		"setuid file without a name": {
			call: "openat", args: [6]uint64{0, 0, unix.O_TMPFILE | unix.O_WRONLY, 0o4755}, want: unix.EPERM,
		},
		"opened directory": {call: "openat", args: [6]uint64{0, 0, unix.O_DIRECTORY, 0o4755}, want: allow},
		"TCP":              {call: "socket", args: [6]uint64{unix.AF_INET, unix.SOCK_STREAM}, want: allow},
		"raw": {
			call: "socket", args: [6]uint64{unix.AF_INET6, unix.SOCK_RAW | unix.SOCK_CLOEXEC}, want: unix.EPERM,
		},
		"virtual machine": {call: "socket", args: [6]uint64{unix.AF_VSOCK, unix.SOCK_STREAM}, want: unix.EPERM},
		"crypto": {
			call: "socket", args: [6]uint64{unix.AF_ALG | high, unix.SOCK_SEQPACKET}, want: unix.EPERM,
		},
		"packets": {call: "socket", args: [6]uint64{unix.AF_PACKET, unix.SOCK_DGRAM}, want: unix.EPERM},
		"addresses": {
			call: "socket", args: [6]uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, want: allow,
		},
		"audit": {
			call: "socket", args: [6]uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT}, want: unix.EPERM,
		},
		"Unix": {call: "socket", args: [6]uint64{unix.AF_UNIX, unix.SOCK_STREAM}, want: allow},
		"Unix, denied": {
			Options{NoUnix: true}, "socket", [6]uint64{unix.AF_UNIX | high, unix.SOCK_STREAM}, unix.EPERM,
		},
		"pair, permitted": {
			Options{NoUnix: true}, "socketpair", [6]uint64{unix.AF_UNIX, unix.SOCK_STREAM | unix.SOCK_CLOEXEC}, allow,
		},
		"pair of datagrams": {
			Options{NoUnix: true}, "socketpair", [6]uint64{unix.AF_UNIX, unix.SOCK_DGRAM}, unix.EPERM,
		},
		"TCP, denied": {
			Options{NoInternet: true}, "socket", [6]uint64{unix.AF_INET, unix.SOCK_STREAM}, unix.EPERM,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here, err := arch.GetInfo("")
			if err != nil {
				t.Fatal(err)
			}
			number, ok := here.SyscallNames[test.call]
			if !ok {
				t.Fatalf("this processor has no %s", test.call)
			}
			if got := run(t, test.options, uint32(here.ID), uint32(number), test.args); got != test.want {
				t.Errorf("%s: %v, want %v", test.call, got, test.want)
			}
			// A 32-bit program numbers its calls otherwise.
			if got := run(t, test.options, uint32(arch.I386.ID), uint32(number), test.args); got != unix.EPERM {
				t.Errorf("%s of a 32-bit program: %v", test.call, got)
			}
			const x32 = 0x40000000
			if got := run(t, test.options, uint32(here.ID), uint32(number)|x32, test.args); here == arch.X86_64 &&
				got != unix.ENOSYS {
				t.Errorf("%s of x32: %v", test.call, got)
			}
		})
	}
}

// run returns the error that the filter gives a call, 0 if it permits it.
func run(t *testing.T, o Options, kind, number uint32, args [6]uint64) unix.Errno {
	t.Helper()
	raw, err := assemble(o)
	if err != nil {
		t.Fatal(err)
	}
	list, _ := bpf.Disassemble(raw)
	vm, err := bpf.NewVM(list)
	if err != nil {
		t.Fatal(err)
	}
	// struct seccomp_data of seccomp(2). This machine reads words as a network sends them.
	words := []uint32{number, kind, 0, 0}
	for _, arg := range args {
		words = append(words, uint32(arg), uint32(arg>>32))
	}
	var data []byte
	for _, w := range words {
		data = binary.BigEndian.AppendUint32(data, w)
	}
	action, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case uint32(action) == unix.SECCOMP_RET_ALLOW:
		return 0
	case uint32(action)&unix.SECCOMP_RET_ACTION_FULL == unix.SECCOMP_RET_ERRNO:
		return unix.Errno(action & unix.SECCOMP_RET_DATA)
	}
	t.Fatalf("the action is %#x", action)
	return 0
}
