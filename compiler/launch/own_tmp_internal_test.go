package launch

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"slugc/cache/testkit"
)

// TestCopyReplacedFile copies what was a file when it was listed, and is a FIFO now: nothing waits for a writer.
func TestCopyReplacedFile(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	if err := unix.Mkfifo(filepath.Join(from, "log"), 0o600); err != nil {
		t.Fatal(err)
	}
	roots := make([]*os.Root, 2)
	for i, dir := range []string{from, to} {
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		roots[i] = root
	}
	if err := copyEntry(roots[0], roots[1], "log", "log", 0); err != nil || testkit.Exists(to, "log") {
		t.Errorf("%v, and a copy is there: %v", err, testkit.Exists(to, "log"))
	}
}
