package supervise

import (
	"errors"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// group supervises a process group.
type group struct {
	cmd    *exec.Cmd
	linger bool
	grace  time.Duration

	mu    sync.Mutex
	ended bool        // from now on the group's id may be another's
	timer *time.Timer // to SIGKILL, from the first stop signal on
}

func startGroup(r Request) (int, control, error) {
	cmd := &exec.Cmd{Path: r.Args[0], Args: r.Args, Dir: r.Dir, Env: append([]string{}, r.Env...)}
	if r.Mount != nil {
		cmd.Env = append(cmd.Env, r.Mount.Else...)
	}
	r.setStreams(cmd)
	cmd.ExtraFiles = r.Inherit
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: !r.Terminal}
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	g := &group{cmd: cmd, linger: r.Linger, grace: r.Grace}
	if r.Terminal {
		// The caller is in this group too, so nothing that the process leaves behind is signalled.
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
	// As long as the group has a member, nothing else gets its id. Linux counts ids up and starts again at
	// the end, so the id is still this group's now.
	g.signal(last)
	g.awaitEmpty()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
	if g.timer != nil {
		g.timer.Stop()
	}
	return status, err
}

// awaitEmpty waits until the group has no member. Where no process collects orphans, a dead one stays a
// member for ever, so the wait is limited.
func (g *group) awaitEmpty() {
	end := time.Now().Add(g.grace + killTimeout)
	pause := time.Millisecond
	for syscall.Kill(-g.cmd.Process.Pid, 0) == nil && time.Now().Before(end) {
		time.Sleep(pause)
		pause = min(2*pause, 50*time.Millisecond)
	}
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
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return Status{}, err
	}
	return statusOf(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
}
