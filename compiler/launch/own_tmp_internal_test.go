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

// TestOwnTmpOfMember gives a process its own copy of the tmp in the directory where it starts.
func TestOwnTmpOfMember(t *testing.T) {
	t.Parallel()
	app := testkit.Tree(t, t.TempDir(), map[string]string{"tmp/root": "", "apps/api/tmp/own": ""})
	o := RunOptions{Dir: app, Directory: "apps/api", Tmp: filepath.Join(t.TempDir(), "web.1")}
	mount, err := o.ownTmp()
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(app, "apps/api/tmp"); mount == nil || mount.To != want {
		t.Errorf("it is mounted as %+v, want at %s", mount, want)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(app, "out")); err != nil {
		t.Fatal(err)
	}
	if _, err := copyTmp(app, "out", o.Tmp+"2"); err == nil {
		t.Error("a link out of the slug is followed")
	}
	if !testkit.Exists(o.Tmp, "own") || testkit.Exists(o.Tmp, "root") {
		t.Error("the copy is not that of the member's tmp")
	}
}
