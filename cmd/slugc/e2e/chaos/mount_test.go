package chaos_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"slugc/cache/testkit"
)

// mount returns a directory on a file system of its own: tmpfs, or ext4 in a file.
func mount(t testing.TB, kind string) string {
	t.Helper()
	testkit.NeedsTools(t, "bubblewrap", "mkfs.ext4")
	if os.Geteuid() != 0 {
		t.Fatal("this test mounts file systems and needs root")
	}
	dir := filepath.Join(t.TempDir(), "fs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if kind == "tmpfs" {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1g,mode=755"); err != nil {
			t.Fatalf("mounting a tmpfs: %v", err)
		}
	} else {
		image := filepath.Join(t.TempDir(), "image")
		shell(t, "truncate -s 512M "+image+" && mkfs.ext4 -q -E lazy_itable_init=1 "+image)
		shell(t, "mount -o loop "+image+" "+dir)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting %s: %v", dir, err)
		}
	})
	return dir
}

func shell(t testing.TB, script string) {
	t.Helper()
	if out, err := exec.Command("/bin/sh", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}
