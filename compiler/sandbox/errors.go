package sandbox

import (
	"fmt"
	"syscall"
	"time"
)

// ExitError is how a child that was not stopped by a limit ended, when it did not end with code 0.
type ExitError struct {
	Code   int            // as a shell has it: 128+n when ended by signal n
	Signal syscall.Signal // 0 when it exited; at level Bubblewrap it is read from Code, as a shell would
}

// Error says how the child ended.
func (e *ExitError) Error() string {
	if e.Signal != 0 {
		return fmt.Sprintf("ended by signal %d (%s)", int(e.Signal), e.Signal)
	}
	return fmt.Sprintf("exited with code %d", e.Code)
}

// Which limit ended a child.
const (
	LimitDeadline = "deadline"
	LimitIdle     = "idle"
)

// LimitError is a child that a limit ended.
type LimitError struct {
	Which string        // LimitDeadline or LimitIdle
	Limit time.Duration // what it was set to
}

// Error names the limit.
func (e *LimitError) Error() string {
	if e.Which == LimitIdle {
		return fmt.Sprintf("stopped after %s without output", e.Limit)
	}
	return fmt.Sprintf("stopped after %s", e.Limit)
}
