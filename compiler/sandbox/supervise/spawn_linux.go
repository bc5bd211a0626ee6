package supervise

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// spawner is the thread that starts a process, with an isolation.
//
// Keyrings, no_new_privs, Landlock's domains, priorities and groups of version 1 belong to a thread, and a
// process inherits them from the thread that forks it. So a thread of its own takes them on, and the
// supervisor itself does not. That thread must not end before the process: the kernel would end that too
// (PR_SET_PDEATHSIG in prctl(2)).
type spawner struct {
	isolation *Isolation // nil: the caller's thread starts the process
	start     chan func() (int, error)
	started   chan spawned
	left      chan struct{} // closed when the thread has left the groups of version 1
}

type spawned struct {
	pid int
	err error
}

// newSpawner starts the thread. It takes the isolation on at once: to enter a group takes the kernel a while.
func newSpawner(i *Isolation) *spawner {
	s := &spawner{i, make(chan func() (int, error)), make(chan spawned), make(chan struct{})}
	if i != nil {
		go s.run()
	}
	return s
}

func (s *spawner) run() {
	runtime.LockOSThread()
	err := s.isolation.enter()
	if start, wanted := <-s.start; wanted {
		var pid int
		if err == nil {
			pid, err = s.isolation.limited(start)
		}
		s.started <- spawned{pid, err}
	}
	// Without this the group is removed a little later, by the next that makes one. It takes the kernel some
	// milliseconds, so the process is started first.
	_ = s.isolation.Group.Leave()
	close(s.left)
	select {}
}

// spawn starts a process with start, and with the isolation.
func (s *spawner) spawn(attr *syscall.ProcAttr, start func() (int, error)) (int, error) {
	if s.isolation == nil {
		return start()
	}
	if dir := s.isolation.Group.V2; dir != "" {
		f, err := os.Open(dir)
		if err != nil {
			return 0, fmt.Errorf("opening the control group: %w", err)
		}
		defer f.Close()
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(f.Fd())
	}
	s.start <- start
	result := <-s.started
	return result.pid, result.err
}

// cancel removes the group: there is no process to start.
func (s *spawner) cancel() {
	if s.isolation == nil {
		return
	}
	close(s.start)
	<-s.left
	s.isolation.Group.Remove()
}

// enter takes the isolation on, for the calling thread.
func (i *Isolation) enter() error {
	if i.Keyring {
		// Where the kernel has no keys, or denies the call, there is nothing to keep apart: the filter of
		// system calls denies keyctl in any case. 0 is a keyring without a name.
		_, _ = unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
	}
	if err := i.Group.Enter(); err != nil {
		return fmt.Errorf("entering the control group: %w", err)
	}
	if i.Nice > 0 {
		// It only makes the process give way, so a failure is none.
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, i.Nice)
	}
	if i.Scopes {
		return scope()
	}
	return nil
}

// limited starts a process with the limit of threads. A limit is inherited and belongs to a whole process, so
// this one has it for a moment, and may take it off again because only the soft one is set.
func (i *Isolation) limited(start func() (int, error)) (int, error) {
	var own unix.Rlimit
	if i.Threads <= 0 || unix.Getrlimit(unix.RLIMIT_NPROC, &own) != nil {
		return start()
	}
	limit := min(own.Max, uint64(threadsOfUser(uint32(os.Getuid()))+i.Threads))
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{Cur: limit, Max: own.Max}); err != nil {
		return 0, fmt.Errorf("limiting processes: %w", err)
	}
	pid, err := start()
	if err == nil {
		// It may have ended already.
		_ = unix.Prlimit(pid, unix.RLIMIT_NPROC, &unix.Rlimit{Cur: limit, Max: limit}, nil)
	}
	return pid, errors.Join(err, unix.Setrlimit(unix.RLIMIT_NPROC, &own))
}

// Scopes reports whether the kernel can keep a process from the abstract sockets and the processes outside
// of its domain: Landlock version 6, Linux 6.12.
func Scopes() bool { return LandlockVersion() >= 6 }

// scope keeps this thread and what it executes from connecting to abstract Unix sockets and from signalling
// processes outside. It restricts no files, so the process may still mount.
func scope() error {
	if !Scopes() {
		return nil
	}
	attr := ll.RulesetAttr{Scoped: ll.ScopeAbstractUnixSocket | ll.ScopeSignal}
	fd, err := ll.LandlockCreateRuleset(&attr, 0)
	if err != nil {
		return fmt.Errorf("making a domain: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbidding new privileges: %w", err)
	}
	if err := ll.LandlockRestrictSelf(fd, 0); err != nil {
		return fmt.Errorf("entering a domain: %w", err)
	}
	return nil
}
