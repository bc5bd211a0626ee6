package supervise

import (
	"errors"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// group supervises by process group alone.
type group struct {
	cmd    *exec.Cmd
	linger bool
	grace  time.Duration

	mu    sync.Mutex
	ended bool        // the group's id may belong to someone else from here on
	timer *time.Timer // to SIGKILL, once a stop signal was given
}

func startGroup(r Request) (int, control, error) {
	cmd := &exec.Cmd{Path: r.Args[0], Args: r.Args, Dir: r.Dir, Env: append([]string{}, r.Env...)}
	// A nil *os.File in an interface is not nil, and exec.Cmd would use it.
	if r.Stdin != nil {
		cmd.Stdin = r.Stdin
	}
	if r.Stdout != nil {
		cmd.Stdout = r.Stdout
	}
	if r.Stderr != nil {
		cmd.Stderr = r.Stderr
	}
	cmd.ExtraFiles = r.Inherit
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: !r.Terminal}
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	g := &group{cmd: cmd, linger: r.Linger, grace: r.Grace}
	if r.Terminal {
		// The caller is in this group too, so what the process leaves behind is left alone.
		return cmd.Process.Pid, &single{cmd: cmd, grace: r.Grace}, nil
	}
	return cmd.Process.Pid, g, nil
}

func (g *group) signal(sig syscall.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return
	}
	if stops(sig) && g.grace == 0 {
		sig = syscall.SIGKILL
	}
	syscall.Kill(-g.cmd.Process.Pid, sig)
	if stops(sig) && g.timer == nil {
		g.timer = time.AfterFunc(g.grace, func() { g.signal(syscall.SIGKILL) })
	}
}

func (g *group) wait() (Status, error) {
	status, err := waitCmd(g.cmd)
	last := syscall.SIGKILL
	if g.linger {
		last = syscall.SIGTERM
	}
	// The id stays taken as long as the group has a member, and Linux hands out ids in a circle, so
	// it is still this group's.
	g.signal(last)
	// Where nobody collects orphans, a dead one stays a member for ever: hence an end.
	end := time.Now().Add(g.grace + unkillable)
	for wait := time.Millisecond; syscall.Kill(-g.cmd.Process.Pid, 0) == nil && time.Now().Before(end); wait = min(2*wait, 50*time.Millisecond) {
		time.Sleep(wait)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	if g.timer != nil {
		g.timer.Stop()
	}
	return status, err
}

// single supervises one process that shares the caller's terminal and group.
type single struct {
	cmd   *exec.Cmd
	grace time.Duration
	once  sync.Once
}

func (s *single) signal(sig syscall.Signal) {
	s.cmd.Process.Signal(sig)
	if stops(sig) {
		s.once.Do(func() { time.AfterFunc(s.grace, func() { s.cmd.Process.Kill() }) })
	}
}

func (s *single) wait() (Status, error) { return waitCmd(s.cmd) }

func waitCmd(cmd *exec.Cmd) (Status, error) {
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return Status{}, err
	}
	return statusOf(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
}
