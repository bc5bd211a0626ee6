package main

import (
	"fmt"
	"io"
	"os"
	"syscall"
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
	others  []chan error // ends of commands that run beside
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
