package supervise

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"slugc/compiler/sandbox/seccomp"
)

// The files that the restricted copy of the binary inherits.
const (
	fdRestricted = 3 // the request: JSON, read to its end
	fdFailure    = 4 // a report with an error; empty when the program was started
)

// What the process may do beneath a path. It may never make a device node: through one, a child that runs as
// root could reach the disk.
const (
	accessRead = ll.AccessFSExecute | ll.AccessFSReadFile | ll.AccessFSReadDir
	accessFile = ll.AccessFSExecute | ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSTruncate
	accessAll  = accessRead | accessFile | ll.AccessFSRemoveDir | ll.AccessFSRemoveFile | ll.AccessFSMakeDir |
		ll.AccessFSMakeReg | ll.AccessFSMakeSock | ll.AccessFSMakeFifo | ll.AccessFSMakeSym | ll.AccessFSRefer
)

// LandlockVersion returns the version of Landlock that the kernel has, 0 for none.
func LandlockVersion() int {
	version, err := ll.LandlockGetABIVersion()
	if err != nil {
		return 0
	}
	return version
}

// startCopy starts a copy of the binary that restricts itself, or mounts, and then executes the program. So
// the supervisor itself is not restricted, and the program cannot reach it.
func startCopy(r Request, attr *syscall.ProcAttr) (int, error) {
	var pipes [4]*os.File
	for i := 0; i < len(pipes); i += 2 {
		var err error
		if pipes[i], pipes[i+1], err = os.Pipe(); err != nil {
			return 0, err
		}
	}
	defer closeAll(pipes[:])
	copied := *attr
	copied.Dir, copied.Env = "/", []string{}
	copied.Files = append(copied.Files[:3:3], pipes[0].Fd(), pipes[3].Fd())
	pid, err := syscall.ForkExec("/proc/self/exe", []string{r.Self, argHidden, argExec}, &copied)
	if err != nil && (r.Overlay != nil || r.Root != nil) {
		return 0, fmt.Errorf("%w: %w", ErrNoMount, err)
	}
	if err != nil {
		return 0, fmt.Errorf("restarting %s: %w", r.Self, err)
	}
	pipes[0].Close()
	pipes[3].Close()
	err = json.NewEncoder(pipes[1]).Encode(r)
	pipes[1].Close()
	message, _ := io.ReadAll(pipes[2])
	if len(message) == 0 && err == nil {
		return pid, nil
	}
	syscall.Wait4(pid, nil, 0, nil)
	var why report
	switch json.Unmarshal(message, &why); {
	case why.NoMount:
		return 0, fmt.Errorf("%w: %w", ErrNoMount, syscall.Errno(why.Errno))
	case why.Errno != 0:
		return 0, fmt.Errorf("%s: %w", why.Error, syscall.Errno(why.Errno))
	case why.Error != "":
		return 0, fmt.Errorf("%s", why.Error)
	}
	return 0, fmt.Errorf("restricting the process: %w", err)
}

// execMain restricts this process and replaces it by the program. It returns only when that fails.
func execMain() int {
	// Capabilities belong to a thread. Those of the thread that calls exec remain.
	runtime.LockOSThread()
	failure := os.NewFile(fdFailure, "failure")
	var r Request
	err := json.NewDecoder(os.NewFile(fdRestricted, "request")).Decode(&r)
	if err == nil {
		err = restrictAndExec(r)
	}
	json.NewEncoder(failure).Encode(errorReport(err))
	return 127
}

func restrictAndExec(r Request) error {
	if err := r.mount(); err != nil {
		return err
	}
	if err := os.Chdir(r.Dir); err != nil {
		return err
	}
	if r.Rules != nil {
		if err := r.restrict(); err != nil {
			return err
		}
	}
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("closing files: %w", err)
	}
	if err := syscall.Exec(r.Args[0], r.Args, r.Env); err != nil {
		return fmt.Errorf("%s: %w", r.Args[0], err)
	}
	return nil
}

// restrict restricts this process by r.Rules.
func (r Request) restrict() error {
	// Root has still its capabilities here. A namespace leaves loopback, which a filter does not.
	if !r.Rules.Network && ownNetwork() == nil {
		r.Rules.Network = true
	}
	if err := r.Rules.enforce(); err != nil {
		return fmt.Errorf("restricting the process: %w", err)
	}
	if err := dropCapabilities(); err != nil {
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	return seccomp.Install(r.Rules.filter())
}

// enforce restricts this process and whatever it executes. It sets no_new_privs.
func (r *Rules) enforce() error {
	if version := LandlockVersion(); version < 3 {
		return fmt.Errorf("the kernel has Landlock version %d, and 3 is needed", version)
	}
	config := landlock.V11
	if r.Network {
		config.HandledAccessNet = 0
	}
	var rules []landlock.Rule
	for _, path := range r.Read {
		rules = append(rules, rule(path, accessRead))
	}
	for _, path := range r.Write {
		rules = append(rules, rule(path, accessAll))
	}
	return config.BestEffort().Restrict(rules...)
}

// filter are the options of the filter of system calls. Landlock knows sockets with a path from version 9
// on; before it, no new Unix socket is permitted at all, because one leads to every service of the host.
func (r *Rules) filter() seccomp.Options {
	return seccomp.Options{NoUnix: LandlockVersion() < 9, NoInternet: !r.Network}
}

// rule permits access beneath path. For a file it leaves out the rights that only directories have.
func rule(path string, access landlock.AccessFSSet) landlock.Rule {
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		access &= accessFile
		if access&ll.AccessFSWriteFile != 0 && info.Mode()&os.ModeDevice != 0 {
			access |= ll.AccessFSIoctlDev
		}
	} else if access&ll.AccessFSWriteFile != 0 {
		access |= ll.AccessFSResolveUnix
	}
	return landlock.PathAccess(access, path).IgnoreIfMissing()
}

// dropCapabilities takes all capabilities from this thread and from whatever it executes. Of root, only
// the user id is left.
func dropCapabilities() error {
	for capability := uintptr(0); ; capability++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0)
		if err == unix.EINVAL || err == unix.EPERM {
			break // after the last one; or without privileges, which no_new_privs keeps away
		}
		if err != nil {
			return err
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}
