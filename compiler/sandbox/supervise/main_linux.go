package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Main does the work of a supervisor when args (the process's arguments, with its name) are those
// of one, and then ends the process. A binary whose path is given as Request.Self calls it first
// thing. It returns at once when the arguments are not its own.
func Main(args []string) {
	if len(args) != 3 || args[1] != hidden {
		return
	}
	switch args[2] {
	case argSupervise:
		os.Exit(superviseMain(args[0]))
	case argExec:
		os.Exit(execMain())
	}
}

// supervisor is the state of the process in the middle.
type supervisor struct {
	req      sent
	main     int // pid
	status   *Status
	stopping bool             // a stop signal was given, or the main process has ended
	killing  time.Time        // since when everything is being killed
	told     map[int]bool     // who has had a stop signal
	grace    <-chan time.Time // to killing
	children chan os.Signal
	control  chan byte
}

func superviseMain(self string) int {
	// The main process is killed when the thread that started it ends, so that thread must last.
	runtime.LockOSThread()
	KeepFiles()
	out := json.NewEncoder(os.NewFile(fdReport, "report"))
	s := &supervisor{children: make(chan os.Signal, 1), control: make(chan byte, 16)}
	request := os.NewFile(fdRequest, "request")
	err := json.NewDecoder(request).Decode(&s.req)
	request.Close()
	if err == nil {
		s.req.Self = self
		err = s.start()
	}
	if err != nil {
		out.Encode(failure(err))
		return 1
	}
	out.Encode(report{Pid: s.main})
	go s.listen(os.NewFile(fdControl, "control"))
	s.run()
	if s.req.Remove != "" {
		os.RemoveAll(s.req.Remove) // slugc does so more thoroughly, if it lives
	}
	if s.status == nil {
		s.status = &Status{Code: 137, Signal: syscall.SIGKILL}
	}
	out.Encode(report{Code: s.status.Code, Signal: int(s.status.Signal)})
	return 0
}

func failure(err error) report {
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return report{Error: strings.TrimSuffix(err.Error(), ": "+errno.Error()), Errno: int(errno)}
	}
	return report{Error: err.Error()}
}

// start makes this process a subreaper and starts the main process.
func (s *supervisor) start() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("becoming a subreaper: %w", err)
	}
	signal.Notify(s.children, syscall.SIGCHLD)
	// What the terminal sends to its whole group is for the main process alone. Notify, not Ignore:
	// a child inherits what is ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	if s.req.Files > 0 {
		if err := limit(s.req.Files); err != nil {
			return err
		}
	}
	attr := &syscall.ProcAttr{
		Dir: s.req.Dir, Env: s.req.Env, Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{Setsid: !s.req.Terminal, Pdeathsig: syscall.SIGKILL},
	}
	for i := range s.req.Inherited {
		attr.Files = append(attr.Files, uintptr(fdInherit+i))
	}
	var err error
	if s.req.Rules != nil {
		s.main, err = startRestricted(s.req.Request, attr)
		return err
	}
	if s.main, err = syscall.ForkExec(s.req.Args[0], s.req.Args, attr); err != nil {
		return fmt.Errorf("%s in %s: %w", s.req.Args[0], s.req.Dir, err)
	}
	return nil
}

// KeepFiles marks all of this process's files but the standard three as not to be inherited. Go
// does so with what it opens itself, but not with what this process has inherited.
func KeepFiles() {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, name := range names {
		if fd, err := strconv.Atoi(name.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// limit sets this process's number of open files to at most files, and forbids core files.
func limit(files uint64) error {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
		return fmt.Errorf("reading the limit of open files: %w", err)
	}
	files = min(files, now.Max)
	// Through package syscall: Go restores the limit that it found when it starts a program, unless
	// it was set there.
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: files, Max: files}); err != nil {
		return fmt.Errorf("limiting open files: %w", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("limiting core files: %w", err)
	}
	return nil
}

// listen passes on what slugc says, and closes the channel when slugc is gone.
func (s *supervisor) listen(control *os.File) {
	buf := make([]byte, 16)
	for {
		n, err := control.Read(buf)
		for _, b := range buf[:n] {
			s.control <- b
		}
		if err != nil {
			close(s.control)
			return
		}
	}
}

// run returns when no descendant is left.
func (s *supervisor) run() {
	var tick <-chan time.Time
	for {
		if s.reap() || (!s.killing.IsZero() && time.Since(s.killing) > unkillable) {
			return
		}
		if s.stopping {
			// An orphan that was forked just as its parent was stopped. What a living process
			// starts to clean up is left alone.
			s.tell(living(os.Getpid(), false), syscall.SIGTERM)
		}
		if !s.killing.IsZero() {
			SignalDescendants(os.Getpid(), syscall.SIGKILL)
			tick = time.After(5 * time.Millisecond)
		}
		select {
		case <-s.children:
		case <-tick:
		case <-s.grace:
			s.kill()
		case b, open := <-s.control:
			if !open {
				s.control = nil
				s.kill()
				continue
			}
			s.pass(syscall.Signal(b))
		}
	}
}

// reap collects the dead and reports whether none are left.
func (s *supervisor) reap() bool {
	for {
		var w syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &w, syscall.WNOHANG, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return true
		case pid == 0:
			return false
		case pid == s.main:
			status := statusOf(w)
			s.status = &status
			if !s.req.Linger {
				s.kill()
			} else if !s.stopping {
				s.pass(syscall.SIGTERM)
			}
		}
	}
}

// pass gives sig to all, and starts the grace when it is a stop signal.
func (s *supervisor) pass(sig syscall.Signal) {
	if sig == syscall.SIGKILL || (stops(sig) && s.req.Grace <= 0) {
		s.kill()
		return
	}
	if !stops(sig) {
		SignalDescendants(os.Getpid(), sig)
		return
	}
	if !s.stopping {
		s.stopping = true
		s.grace = time.After(s.req.Grace)
	}
	s.told = map[int]bool{}
	// Again, for those that were forked meanwhile.
	for s.tell(Descendants(os.Getpid()), sig) {
	}
}

// tell gives sig to those who have not had it, and reports whether there were any.
func (s *supervisor) tell(pids []int, sig syscall.Signal) (any bool) {
	for _, pid := range pids {
		if !s.told[pid] {
			s.told[pid] = true
			any = true
			syscall.Kill(pid, sig)
		}
	}
	return any
}

func (s *supervisor) kill() {
	if s.killing.IsZero() {
		s.killing = time.Now()
	}
}
