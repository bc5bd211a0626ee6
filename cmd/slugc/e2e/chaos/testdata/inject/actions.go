package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// action is what happens at the disturbed call of a thread. It returns the error that the call ends with.
type action func(tid int) syscall.Errno

// parseAction reads the flag -do.
func (s *supervisor) parseAction(do string) (action, error) {
	verb, argument, _ := strings.Cut(do, " ")
	switch verb {
	case "":
		return func(int) syscall.Errno { return 0 }, nil
	case "kill":
		return func(tid int) syscall.Errno {
			_ = unix.Kill(tid, unix.SIGKILL)
			return 0
		}, nil
	case "killall":
		return func(int) syscall.Errno {
			killBelow(os.Getpid())
			return 0
		}, nil
	case "cut":
		return func(int) syscall.Errno {
			say(cut(argument))
			killBelow(os.Getpid())
			return 0
		}, nil
	case "beside":
		return func(int) syscall.Errno {
			say(s.beside(argument))
			return 0
		}, nil
	}
	errno := errnoOf(do)
	if errno == 0 {
		return nil, fmt.Errorf("-do %q is neither kill, killall, cut …, beside … nor the name of an error", do)
	}
	return func(int) syscall.Errno { return errno }, nil
}

func say(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "inject:", err)
	}
}

// cut ends an ext4 file system as a power cut does: what is not on the disk yet never gets there. It is
// EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH, see fs/ext4/ext4.h.
func cut(dir string) error {
	const shutdown, noLogFlush = 0x8004587d, 2
	root, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	how := uint32(noLogFlush)
	if err := ioctl(int(root.Fd()), shutdown, unsafe.Pointer(&how)); err != nil {
		return fmt.Errorf("shutting %s down: %w", dir, err)
	}
	return nil
}

// beside runs a shell command. The disturbed call goes on when it has ended or, because it may wait for
// a lock that the caller holds, after a while.
func (s *supervisor) beside(command string) error {
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	s.ours[cmd.Process.Pid] = true
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(300 * time.Millisecond):
		s.others = append(s.others, ended)
		return nil
	}
}

// killBelow kills all descendants of a process. They are stopped first, so that none starts another
// that is missed.
func killBelow(pid int) {
	for _, child := range children(pid) {
		_ = unix.Kill(child, unix.SIGSTOP)
		killBelow(child)
		_ = unix.Kill(child, unix.SIGKILL)
	}
}

func children(pid int) (list []int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		data, _ := os.ReadFile(file)
		for field := range strings.FieldsSeq(string(data)) {
			if child, err := strconv.Atoi(field); err == nil {
				list = append(list, child)
			}
		}
	}
	return list
}

// reap ends the zombies among the processes that the command left behind. The others are waited for
// where they were started.
func (s *supervisor) reap() {
	for _, child := range children(os.Getpid()) {
		if !s.ours[child] {
			_, _ = unix.Wait4(child, nil, unix.WNOHANG, nil)
		}
	}
}
