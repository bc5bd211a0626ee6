package sandbox

import (
	"fmt"
	"syscall"
	"time"

	"slugc/compiler/fault"
	"slugc/compiler/report"
)

// ExitError says how a child ended that no limit stopped, when its exit code is not 0.
type ExitError struct {
	Code   int            // as in a shell: 128+n when signal n ended the child
	Signal syscall.Signal // 0 when the child exited; at level Bubblewrap it is derived from Code
}

// Error says how the child ended.
func (e *ExitError) Error() string {
	if e.Signal != 0 {
		return fmt.Sprintf("ended by signal %d (%s)", int(e.Signal), e.Signal)
	}
	return fmt.Sprintf("exited with code %d", e.Code)
}

// The values of [LimitError.Which].
const (
	LimitDeadline  = "deadline"
	LimitIdle      = "idle"
	LimitMemory    = "memory"
	LimitProcesses = "processes"
	LimitDisk      = "disk"
	LimitFree      = "free" // bytes that must stay free
	LimitInodes    = "inodes"
)

// LimitError says which limit ended a child.
type LimitError struct {
	Which string        // LimitDeadline, LimitIdle …
	Limit time.Duration // of LimitDeadline and LimitIdle
	Used  int64         // bytes or processes; of LimitFree and LimitInodes, what is left
	Max   int64         // bytes or processes; of LimitFree and LimitInodes, what must be left
}

// Hint says how the limit of a build is raised.
func (e *LimitError) Hint() string {
	switch e.Which {
	case LimitMemory:
		return "raise the limit with --memory or SLUGC_MEMORY if so much is really needed"
	case LimitProcesses:
		return "raise the limit with --pids or SLUGC_PIDS if so many are really needed"
	case LimitDisk:
		return "raise the limit with --disk or SLUGC_DISK if so much is really needed"
	case LimitFree, LimitInodes:
		return "make room on the disk; --disk SIZE bounds what a build writes, --disk 0 lets it fill the disk"
	}
	return "raise the limit with --timeout or --idle-timeout if the build really needs longer"
}

// Fault returns the fault of a build's step that the limit has ended with err. A disk on which too little is free
// may be full of other things, so that is not the app's.
func (e *LimitError) Fault(err error) *fault.Error {
	if e.Which == LimitFree || e.Which == LimitInodes {
		return fault.TransientError("disk/full", err, e.Hint())
	}
	return fault.AppError("build/limit", err, e.Hint())
}

// Error names the limit.
func (e *LimitError) Error() string {
	switch e.Which {
	case LimitIdle:
		return fmt.Sprintf("stopped after %s without output", e.Limit)
	case LimitMemory:
		return fmt.Sprintf("used %s of memory, limit %s", report.Bytes(e.Used), report.Bytes(e.Max))
	case LimitProcesses:
		return fmt.Sprintf("had %d processes and threads, limit %d", e.Used, e.Max)
	case LimitDisk:
		return fmt.Sprintf("wrote %s, limit %s", report.Bytes(e.Used), report.Bytes(e.Max))
	case LimitFree:
		return fmt.Sprintf("left %s of the disk free, limit %s", report.Bytes(e.Used), report.Bytes(e.Max))
	case LimitInodes:
		return fmt.Sprintf("left room for %d files on the disk, limit %d", e.Used, e.Max)
	}
	return fmt.Sprintf("stopped after %s", e.Limit)
}
