package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// supervisor counts the calls and disturbs one.
type supervisor struct {
	fd      int // the listener
	program os.FileInfo
	kinds   string // which calls count
	at      int
	on      bool
	action  action
	log     io.Writer
	count   int
	ours    map[int]bool // processes that inject itself started
}

// decide returns the error that the call ends with, 0 if the kernel is to do it.
func (s *supervisor) decide(n *notice) syscall.Errno {
	info, err := os.Stat(fmt.Sprintf("/proc/%d/exe", n.tid))
	if err != nil || !os.SameFile(info, s.program) {
		return 0
	}
	text, counts := describe(n, s.kinds)
	if !counts {
		return 0
	}
	s.count++
	hit := s.at > 0 && (s.count == s.at || s.on && s.count > s.at)
	if !hit {
		fmt.Fprintln(s.log, s.count, text)
		return 0
	}
	fmt.Fprintln(s.log, s.count, text, "!")
	return s.action(int(n.tid))
}

// action is what happens at the disturbed call of a thread. It returns the error that the call ends with.
type action func(tid int) syscall.Errno

// parseAction reads the flag -do.
func (s *supervisor) parseAction(do string) (action, error) {
	if command, ok := strings.CutPrefix(do, "run "); ok {
		return func(int) syscall.Errno {
			if err := s.shell(command); err != nil {
				fmt.Fprintln(os.Stderr, "inject:", command+":", err)
			}
			return 0
		}, nil
	}
	switch do {
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
	}
	errno := errnoOf(do)
	if errno == 0 {
		return nil, fmt.Errorf("-do %q is neither kill, killall, run … nor the name of an error", do)
	}
	return func(int) syscall.Errno { return errno }, nil
}

func (s *supervisor) shell(command string) error {
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	s.ours[cmd.Process.Pid] = true
	return cmd.Wait()
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
