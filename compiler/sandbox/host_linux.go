package sandbox

import (
	"errors"
	"fmt"

	"slugc/compiler/sandbox/supervise"
)

// supportsLandlock requires version 3 (Linux 6.2). Before it, a child could empty any file by
// truncate(2), and could never rename between directories.
func supportsLandlock() error {
	switch version := supervise.LandlockVersion(); {
	case version == 0:
		return errors.New("the kernel has no Landlock")
	case version < 3:
		return fmt.Errorf("the kernel's Landlock is of version %d, before 3", version)
	}
	return nil
}

// closeInherited keeps the files that slugc itself has inherited from bubblewrap and from the child.
func closeInherited() { supervise.CloseInheritedOnExec() }

// scopes reports whether the kernel keeps a child from abstract sockets and from signalling other processes.
func scopes() bool { return supervise.Scopes() }
