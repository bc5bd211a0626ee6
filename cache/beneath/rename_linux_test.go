package beneath_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"slugc/cache/beneath"
	"slugc/cache/testkit"
)

// TestRenameClosed moves directories without permissions, as a user for whom permissions count.
func TestRenameClosed(t *testing.T) {
	t.Parallel()
	const nobody = 65534
	top := t.TempDir()
	for _, name := range []string{"from/closed", "from/readonly", "to"} {
		testkit.Write(t, filepath.Join(top, name, "file"), "")
	}
	from, errFrom := beneath.Open(filepath.Join(top, "from"))
	to, errTo := beneath.Open(filepath.Join(top, "to"))
	err := errors.Join(
		errFrom, errTo,
		os.Chmod(filepath.Join(top, "from/closed"), 0), os.Chmod(filepath.Join(top, "from/readonly"), 0o555),
	)
	for _, name := range []string{"from", "from/closed", "from/readonly", "to"} {
		if os.Getuid() == 0 {
			err = errors.Join(err, os.Chown(filepath.Join(top, name), nobody, nobody))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	moved := make(chan error)
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread ends with its user
		if os.Getuid() == 0 {
			unix.Setfsuid(nobody)
		}
		moved <- errors.Join(from.Rename("closed", to, "closed"), from.Rename("readonly", to, "readonly"))
	}()
	if err := <-moved; err != nil || !testkit.Exists(top, "to", "closed") || !testkit.Exists(top, "to", "readonly") {
		t.Errorf("moving them: %v", err)
	}
}
