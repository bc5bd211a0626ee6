package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// armed is the first argument of the process that becomes the command.
const armed = "armed"

// arm makes the kernel report the calling thread's file calls, hands the listener to the parent over
// descriptor 3, and becomes the program args[0]. It returns only if that fails.
func arm(args []string) error {
	runtime.LockOSThread()
	if os.Geteuid() != 0 {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return err
		}
	}
	filter := program()
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	fd, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags,
		uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("setting the filter: %w", errno)
	}
	if err := unix.Sendmsg(3, []byte{0}, unix.UnixRights(int(fd)), nil, 0); err != nil {
		return fmt.Errorf("handing the listener over: %w", err)
	}
	unix.CloseOnExec(3)
	unix.CloseOnExec(int(fd))
	return unix.Exec(args[0], args[1:], os.Environ())
}

// program is the filter: the calls of the table are reported, all others run.
func program() []unix.SockFilter {
	list := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}} // the call's number is at 0
	for nr := range calls {
		list = append(list,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(nr)},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	return append(list, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
}

// receive takes the listener from the socket.
func receive(socket int) (int, error) {
	data, rights := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, data, rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) != 1 {
		return 0, errors.Join(errors.New("no listener came"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return 0, err
	}
	return fds[0], nil
}

// notice is the kernel's struct seccomp_notif: a call that waits for an answer.
type notice struct {
	id         uint64
	tid, flags uint32
	nr         int32
	arch       uint32
	ip         uint64
	args       [6]uint64
}

// answer is the kernel's struct seccomp_notif_resp.
type answer struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

// serve answers until no process is left that the filter is on.
func (s *supervisor) serve() error {
	for {
		poll := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, 100); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		switch {
		case poll[0].Revents&unix.POLLIN != 0:
			var n notice
			err := ioctl(s.fd, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n))
			if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINTR) {
				continue // the caller was killed meanwhile
			}
			if err != nil {
				return fmt.Errorf("receiving a call: %w", err)
			}
			a := answer{id: n.id}
			if errno := s.decide(&n); errno != 0 {
				a.errno = -int32(errno)
			} else {
				a.flags = unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE
			}
			err = ioctl(s.fd, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&a))
			if err != nil && !errors.Is(err, unix.ENOENT) {
				return fmt.Errorf("answering a call: %w", err)
			}
		case poll[0].Revents&unix.POLLHUP != 0:
			return nil
		default:
			s.reap()
		}
	}
}

func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
	if errno != 0 {
		return errno
	}
	return nil
}

// errnoOf returns the number of an error by its name, 0 if there is none.
func errnoOf(name string) syscall.Errno {
	for n := syscall.Errno(1); n < 140; n++ {
		if unix.ErrnoName(n) == name {
			return n
		}
	}
	return 0
}
