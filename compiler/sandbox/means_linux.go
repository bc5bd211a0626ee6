package sandbox

import (
	"errors"
	"fmt"

	"slugc/compiler/sandbox/supervise"
)

// supportsLandlock wants version 3 (Linux 6.2): before it, a child could empty any file by
// truncate(2), and rename between directories never.
func supportsLandlock() error {
	switch version := supervise.LandlockVersion(); {
	case version == 0:
		return errors.New("the kernel has no Landlock")
	case version < 3:
		return fmt.Errorf("the kernel's Landlock is of version %d, before 3", version)
	}
	return nil
}

// keepFiles keeps from bubblewrap, and so from the child, what slugc itself has inherited.
func keepFiles() { supervise.KeepFiles() }
