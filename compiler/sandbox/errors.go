package sandbox

import (
	"fmt"
	"syscall"
	"time"
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
	LimitDeadline = "deadline"
	LimitIdle     = "idle"
)

// LimitError says which limit ended a child.
type LimitError struct {
	Which string        // LimitDeadline or LimitIdle
	Limit time.Duration // the limit's value
}

// Error names the limit.
func (e *LimitError) Error() string {
	if e.Which == LimitIdle {
		return fmt.Sprintf("stopped after %s without output", e.Limit)
	}
	return fmt.Sprintf("stopped after %s", e.Limit)
}
