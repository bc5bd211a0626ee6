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

// Main must be the first call in the main function of the binary [Request].Self. When args, which are
// os.Args, are those of a process that this package has started, it does that process's work and exits.
// Otherwise it returns at once.
func Main(args []string) {
	if len(args) < 3 || args[1] != argHidden {
		return
	}
	switch args[2] {
	case argStep:
		os.Exit(stepMain(args[3:]))
	case argSupervise:
		os.Exit(superviseMain(args[0], args[3:]))
	case argExec:
		os.Exit(execMain())
	}
}

// supervisor is the state of the process between slugc and the main process.
type supervisor struct {
	req       supervisorRequest
	main      int // pid
	status    *Status
	stopping  bool             // a stop signal was sent, or the main process has ended
	killing   time.Time        // since when everything is being killed
	signalled map[int]bool     // the processes that have had the stop signal
	grace     <-chan time.Time // its end starts the killing
	children  chan os.Signal   // SIGCHLD
	control   chan byte        // signals from slugc; closed when slugc has ended
}

func superviseMain(self string, args []string) int {
	// The kernel kills the main process when the thread that started it ends, so that thread must not end.
	runtime.LockOSThread()
	CloseInheritedOnExec()
	out := json.NewEncoder(os.NewFile(fdReport, "report"))
	s := &supervisor{children: make(chan os.Signal, 1), control: make(chan byte, 16)}
	var isolation *Isolation
	err := errors.New("a supervisor is told how its process is set apart")
	if len(args) == 1 {
		err = json.Unmarshal([]byte(args[0]), &isolation)
	}
	if err == nil {
		err = s.await(self, newSpawner(isolation))
	}
	if errors.Is(err, errUnneeded) {
		return 0
	}
	if err != nil {
		out.Encode(errorReport(err))
		return 1
	}
	out.Encode(report{Pid: s.main})
	go s.listen(os.NewFile(fdControl, "control"))
	s.run()
	if s.req.Remove != "" {
		os.RemoveAll(s.req.Remove) // slugc, if it is alive, removes read-only directories too
	}
	if s.req.Isolation != nil && s.control == nil {
		s.req.Isolation.Group.Remove() // slugc, while it is alive, reads there what was used
	}
	if s.status == nil {
		s.status = &Status{Code: 137, Signal: syscall.SIGKILL}
	}
	out.Encode(report{Code: s.status.Code, Signal: int(s.status.Signal)})
	return 0
}

func errorReport(err error) report {
	noMount := errors.Is(err, ErrNoMount)
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return report{Error: strings.TrimSuffix(err.Error(), ": "+errno.Error()), Errno: int(errno), NoMount: noMount}
	}
	return report{Error: err.Error(), NoMount: noMount}
}

// await waits for the request and starts the main process.
func (s *supervisor) await(self string, spawner *spawner) error {
	request := os.NewFile(fdRequest, "request")
	req, files, err := receive(request)
	request.Close()
	defer closeAll(files)
	if err != nil {
		spawner.cancel()
		return err
	}
	s.req = req
	s.req.Self = self
	return s.start(spawner, files)
}

// start makes this process a subreaper and starts the main process with the files.
func (s *supervisor) start(spawner *spawner, files []*os.File) error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("becoming a subreaper: %w", err)
	}
	signal.Notify(s.children, syscall.SIGCHLD)
	// The terminal's signals to its whole group are for the main process only. Notify and not Ignore,
	// because a child would inherit an ignored signal.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP)
	if s.req.Files > 0 {
		if err := limitFiles(s.req.Files); err != nil {
			return err
		}
	}
	attr := &syscall.ProcAttr{
		Dir: s.req.Dir, Env: s.req.Env, Files: []uintptr{0, 1, 2},
		Sys: &syscall.SysProcAttr{Setsid: !s.req.Terminal, Pdeathsig: syscall.SIGKILL},
	}
	for i, passed := range s.req.Streams {
		if passed && len(files) > 0 {
			attr.Files[i], files = files[0].Fd(), files[1:]
		}
	}
	for _, f := range files {
		attr.Files = append(attr.Files, f.Fd())
	}
	var err error
	s.main, err = spawner.spawn(attr, func() (int, error) {
		if s.req.Rules != nil {
			return startCopy(s.req.Request, attr)
		}
		if s.req.Overlay != nil || s.req.Root != nil {
			return startMounted(s.req.Request, attr)
		}
		if s.req.Mount != nil {
			if pid, err := startMounted(s.req.Request, attr); err == nil {
				return pid, nil
			}
			attr.Env = append(attr.Env, s.req.Mount.Else...)
		}
		pid, err := syscall.ForkExec(s.req.Args[0], s.req.Args, attr)
		if err != nil {
			return 0, fmt.Errorf("%s in %s: %w", s.req.Args[0], s.req.Dir, err)
		}
		return pid, nil
	})
	return err
}

// CloseInheritedOnExec sets close-on-exec for all open files of this process except the standard three. Go
// sets it for the files that it opens, but not for those that this process has inherited.
func CloseInheritedOnExec() {
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

// limitFiles limits this process's number of open files, and forbids core files.
func limitFiles(files uint64) error {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
		return fmt.Errorf("reading the limit of open files: %w", err)
	}
	files = min(files, now.Max)
	// Only a limit that was set through package syscall stays: when Go starts a program it restores the one
	// that it found at its own start.
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: files, Max: files}); err != nil {
		return fmt.Errorf("limiting open files: %w", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("limiting core files: %w", err)
	}
	return nil
}

// listen reads slugc's signals into the channel, and closes it when slugc has ended.
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

// settling is how long what the main process leaves behind may take to end by itself, as the processes of a
// PID namespace do. To look for them in /proc takes longer.
const settling = 2 * time.Millisecond

// run returns when no descendant is left.
func (s *supervisor) run() {
	var tick <-chan time.Time
	for {
		if s.reap() || (!s.killing.IsZero() && time.Since(s.killing) > killTimeout) {
			return
		}
		if s.stopping {
			// Orphans that were forked just as their parent was stopped. A process that a living one
			// starts, to clean up, gets no signal.
			s.signalNew(living(os.Getpid(), false), syscall.SIGTERM)
		}
		switch {
		case s.killing.IsZero():
		case s.status != nil && time.Since(s.killing) < settling:
			tick = time.After(settling)
		default:
			forbidForks(os.Getpid())
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
			s.forward(syscall.Signal(b))
		}
	}
}

// reap collects the children that have ended, and reports whether there are no children left.
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
				s.forward(syscall.SIGTERM)
			}
		}
	}
}

// forward sends sig to all descendants, and starts the grace when it is a stop signal.
func (s *supervisor) forward(sig syscall.Signal) {
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
	s.signalled = map[int]bool{}
	// Until there are none: some were forked meanwhile.
	for s.signalNew(Descendants(os.Getpid()), sig) {
	}
}

// signalNew sends sig to those of pids that have not had it, and reports whether there were any.
func (s *supervisor) signalNew(pids []int, sig syscall.Signal) (any bool) {
	for _, pid := range pids {
		if !s.signalled[pid] {
			s.signalled[pid] = true
			any = true
			syscall.Kill(pid, sig)
		}
	}
	return any
}

func (s *supervisor) kill() {
	if s.killing.IsZero() {
		s.killing = time.Now()
		if s.req.Isolation != nil {
			s.req.Isolation.Group.Kill()
		}
	}
}
