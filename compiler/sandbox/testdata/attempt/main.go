// Command attempt tries in tests what a hostile child would, and prints REACHED and what for each success:
//
//	attempt keyring NAME     reads the key NAME of the session keyring that it was started with, and adds one
//	attempt kernel           uses the parts of the kernel that have often been its weak place
//	attempt unix ADDRESS     connects to a Unix socket; @NAME is an abstract one
//	attempt typing           types into the terminal on its stdin
//	attempt attribute FILE   sets an extended attribute
//	attempt memory BYTES     uses so much memory and waits
//	attempt network ADDRESS  connects to a server, and to one of its own on loopback, for which it prints LOOPBACK
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	map[string]func(arg string){
		"keyring": keyring, "kernel": func(string) { kernel() }, "unix": connect, "typing": func(string) { typing() },
		"attribute": attribute, "memory": memory,
		"network": network,
	}[os.Args[1]](append(os.Args, "")[2])
}

// report prints the outcome of one attempt.
func report(what string, err error) {
	if err == nil {
		what = "REACHED " + what
	}
	fmt.Println(what, err)
}

func keyring(name string) {
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_SESSION_KEYRING, "user", name, 0)
	report("key "+strconv.Itoa(id), err)
	id, err = unix.AddKey("user", name+"-planted", []byte("x"), unix.KEY_SPEC_USER_KEYRING)
	_, _ = unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, 60, 0, 0)
	report("user keyring", err)
}

func kernel() {
	for _, family := range []int{unix.AF_VSOCK, unix.AF_ALG, unix.AF_PACKET, unix.AF_BLUETOOTH} {
		_, err := unix.Socket(family, unix.SOCK_RAW, 0)
		report("socket family "+strconv.Itoa(family), err)
	}
	_, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_KOBJECT_UEVENT)
	report("events of devices", err)
	var arg [128]byte
	for name, number := range map[string]uintptr{
		"io_uring": unix.SYS_IO_URING_SETUP, "userfaultfd": unix.SYS_USERFAULTFD, "bpf": unix.SYS_BPF,
	} {
		_, _, errno := unix.Syscall(number, 1, uintptr(unsafe.Pointer(&arg)), unsafe.Sizeof(arg))
		report(name, asError(errno))
	}
	_, err = unix.PerfEventOpen(&unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE}, 0, -1, -1, 0)
	report("perf_event_open", err)
	_, _, errno := unix.Syscall(unix.SYS_SYSLOG, 10, 0, 0)
	report("syslog", asError(errno))
}

// asError is nil for 0.
func asError(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

func connect(address string) {
	_, err := net.Dial("unix", address)
	report(address, err)
}

func network(address string) {
	_, err := net.Dial("tcp", address)
	report(address, err)
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		_, err = net.Dial("tcp", server.Addr().String())
	}
	if err == nil {
		fmt.Println("LOOPBACK")
	}
}

func typing() {
	c := byte('x')
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, 0, unix.TIOCSTI, uintptr(unsafe.Pointer(&c)))
	report("terminal", asError(errno))
}

func attribute(file string) { report(file, unix.Setxattr(file, "user.slugc", []byte("x"), 0)) }

func memory(bytes string) {
	n, _ := strconv.Atoi(bytes)
	block := make([]byte, n)
	for i := 0; i < n; i += os.Getpagesize() {
		block[i] = 1
	}
	time.Sleep(time.Minute)
	report("memory", nil)
	_ = block
}
