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
)

// The files that the restricted copy of the binary inherits.
const (
	fdSpec   = 3 // JSON, read to its end
	fdFailed = 4 // why it could not start the program; closed when it could
)

// What may be done beneath a path. Device nodes are never made: root among the children could reach
// the disk through one.
const (
	accessRead = ll.AccessFSExecute | ll.AccessFSReadFile | ll.AccessFSReadDir
	accessFile = ll.AccessFSExecute | ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSTruncate
	accessAll  = accessRead | accessFile | ll.AccessFSRemoveDir | ll.AccessFSRemoveFile | ll.AccessFSMakeDir | ll.AccessFSMakeReg |
		ll.AccessFSMakeSock | ll.AccessFSMakeFifo | ll.AccessFSMakeSym | ll.AccessFSRefer
)

// LandlockVersion returns the version of Landlock that the kernel has, 0 for none.
func LandlockVersion() int {
	version, err := ll.LandlockGetABIVersion()
	if err != nil {
		return 0
	}
	return version
}

// startRestricted starts a copy of the binary that restricts itself and becomes the program.
// Restricting takes effect between the two, so that the supervisor itself stays free and out of the
// program's reach.
func startRestricted(r Request, attr *syscall.ProcAttr) (int, error) {
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
	pid, err := syscall.ForkExec("/proc/self/exe", []string{r.Self, hidden, argExec}, &copied)
	if err != nil {
		return 0, fmt.Errorf("restarting %s: %w", r.Self, err)
	}
	pipes[0].Close()
	pipes[3].Close()
	err = json.NewEncoder(pipes[1]).Encode(r)
	pipes[1].Close()
	said, _ := io.ReadAll(pipes[2])
	if len(said) == 0 && err == nil {
		return pid, nil
	}
	syscall.Wait4(pid, nil, 0, nil)
	var why report
	switch json.Unmarshal(said, &why); {
	case why.Errno != 0:
		return 0, fmt.Errorf("%s: %w", why.Error, syscall.Errno(why.Errno))
	case why.Error != "":
		return 0, fmt.Errorf("%s", why.Error)
	}
	return 0, fmt.Errorf("restricting the process: %w", err)
}

// execMain restricts this process and replaces it. It returns only when that fails.
func execMain() int {
	// Capabilities belong to a thread, and it is the thread calling exec whose remain.
	runtime.LockOSThread()
	failed := os.NewFile(fdFailed, "failed")
	var r Request
	err := json.NewDecoder(os.NewFile(fdSpec, "spec")).Decode(&r)
	if err == nil {
		err = become(r)
	}
	json.NewEncoder(failed).Encode(failure(err))
	return 127
}

func become(r Request) error {
	if err := os.Chdir(r.Dir); err != nil {
		return err
	}
	if err := r.Rules.enforce(); err != nil {
		return fmt.Errorf("restricting the process: %w", err)
	}
	if err := dropCapabilities(); err != nil {
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	if err := unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("closing files: %w", err)
	}
	if err := syscall.Exec(r.Args[0], r.Args, r.Env); err != nil {
		return fmt.Errorf("%s: %w", r.Args[0], err)
	}
	return nil
}

// enforce restricts this process and all it becomes. It sets no_new_privs.
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

// rule allows access beneath path, without what a file cannot have.
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

// dropCapabilities takes from this thread, and from whatever it executes, all that distinguishes
// root but the user id.
func dropCapabilities() error {
	for capability := uintptr(0); ; capability++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0)
		if err == unix.EINVAL || err == unix.EPERM {
			break // past the last one; or not privileged, and then no_new_privs keeps it so
		}
		if err != nil {
			return err
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}
