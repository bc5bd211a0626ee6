package supervise

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"slugc/compiler/sandbox/seccomp"
)

// How a step is started.
const (
	stepOnline  = "online"
	stepOffline = "offline"
)

// Step returns the start of a command line. With a program's absolute path and arguments behind it, it runs
// the program without the capabilities that bubblewrap has left to the caller and, if offline is true,
// without network: in a network namespace of its own where one can be made, so that loopback works, else
// under a filter that denies sockets of IPv4 and IPv6. self is the path of the slugc binary as the caller
// sees it. Where neither works, the program is not started.
func Step(self string, offline bool) []string {
	mode := stepOnline
	if offline {
		mode = stepOffline
	}
	return []string{self, argHidden, argStep, mode}
}

// stepMain turns this process into a step. It returns only when that fails, as a shell does for a program
// that it cannot run.
func stepMain(args []string) int {
	// Capabilities, filters and namespaces belong to a thread. Those of the thread that calls exec remain.
	runtime.LockOSThread()
	err := errors.New("a step has a mode and a program")
	if len(args) > 1 {
		if err = enterStep(args[0] == stepOffline); err == nil {
			err = syscall.Exec(args[1], args[1:], os.Environ())
		}
		err = fmt.Errorf("running %q: %w", args[1], err)
	}
	fmt.Fprintln(os.Stderr, err)
	return 127
}

func enterStep(offline bool) error {
	filtered := false
	if offline {
		filtered = ownNetwork() != nil
	}
	// Root without a sandbox keeps what it has. Ambient capabilities are those that bubblewrap has left.
	ambient, err := unix.PrctlRetInt(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_IS_SET, unix.CAP_SYS_ADMIN, 0, 0)
	if err == nil && ambient == 1 {
		if err := dropCapabilities(); err != nil {
			return fmt.Errorf("dropping capabilities: %w", err)
		}
	}
	if !filtered {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbidding new privileges: %w", err)
	}
	return seccomp.Install(seccomp.Options{NoInternet: true})
}

// ownNetwork gives the calling thread, and what it executes, a network namespace in which there is nothing
// but loopback.
func ownNetwork() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("making a network namespace: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("setting up loopback: %w", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err == nil {
		lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		err = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
	}
	if err != nil {
		return fmt.Errorf("setting up loopback: %w", err)
	}
	return nil
}
