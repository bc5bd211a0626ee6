package language

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// noTracing keeps the programs that this process starts from its memory and its open files: one that has no
// network could make this process, which has, connect for it (PR_SET_DUMPABLE in prctl(2), ptrace(2)).
func noTracing() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbidding to be traced: %w", err)
	}
	return nil
}
