package launch_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"

	"slugc/cache/testkit"
	"slugc/compiler/launch"
	"slugc/compiler/slug"
)

// TestSweep removes directories that nobody holds the lock of, whatever pid their names begin with.
func TestSweep(t *testing.T) {
	t.Parallel()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{"app/hello.txt": "hello"})
	file, runs := filepath.Join(dir, "hello.tgz"), filepath.Join(dir, "run")
	if freed, err := launch.Sweep(runs); freed != 0 || err != nil {
		t.Errorf("without a directory: freed %d, %v", freed, err)
	}
	_, err := slug.Pack(t.Context(), slug.PackOptions{
		Output: file, Sections: []slug.Section{{Name: "app", Dir: filepath.Join(dir, "app")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	// Of a pid that does not run here, but whose process holds the lock: it is of another container.
	testkit.Tree(t, runs, map[string]string{
		"999999999-other/app/file": "12345", "1-killed/app/file": "123456",
	})
	other := flock.New(filepath.Join(runs, "999999999-other"), flock.SetFlag(os.O_RDONLY))
	if err := other.Lock(); err != nil {
		t.Fatal(err)
	}
	own, err := launch.Unpack(t.Context(), file, launch.UnpackOptions{Runs: runs})
	if err != nil {
		t.Fatal(err)
	}
	if err := own.Label("blog"); err != nil {
		t.Fatal(err)
	}
	testkit.Write(t, filepath.Join(runs, "1-ended", "app-name"), "shop")
	for app, want := range map[string]bool{"blog": true, "shop": false, "hello": false} {
		if runs, err := launch.InUse(runs, app); runs != want || err != nil {
			t.Errorf("%s runs: %v, %v", app, runs, err)
		}
	}
	if freed, err := launch.Sweep(runs); freed != 10 || err != nil || testkit.Exists(runs, "1-killed") {
		t.Errorf("freed %d, %v", freed, err)
	}
	if !testkit.Exists(runs, "999999999-other") {
		t.Error("what another process runs is gone")
	}
	if err := other.Unlock(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(own.Dir, "hello.txt")); string(data) != "hello" {
		t.Errorf("the app's own file: %q, %v", data, err)
	}
	own.Remove()
	if left, _ := filepath.Glob(filepath.Join(runs, "*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
