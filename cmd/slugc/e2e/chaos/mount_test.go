package chaos_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"slugc/cache/testkit"
)

// mount returns a directory on a file system of its own: tmpfs or ext4.
func mount(t testing.TB, kind string) string {
	t.Helper()
	if kind == "ext4" {
		return loop(t).dir
	}
	dir := mountPoint(t)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1g,nr_inodes=100000,mode=755"); err != nil {
		t.Fatalf("mounting a tmpfs: %v", err)
	}
	return dir
}

// mountPoint returns an empty directory. What is mounted there is unmounted when the test ends.
func mountPoint(t testing.TB) string {
	t.Helper()
	testkit.NeedsTools(t, "bubblewrap", "mkfs.ext4")
	if os.Geteuid() != 0 {
		t.Fatal("this test mounts file systems and needs root")
	}
	dir := filepath.Join(t.TempDir(), "fs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting %s: %v", dir, err)
		}
	})
	return dir
}

// loopDisk is an ext4 in a file.
type loopDisk struct {
	testing.TB
	image, dir string
}

func loop(t testing.TB) *loopDisk {
	t.Helper()
	d := &loopDisk{TB: t, dir: mountPoint(t), image: filepath.Join(t.TempDir(), "image")}
	d.shell("truncate -s 512M " + d.image + " && mkfs.ext4 -q " + d.image)
	d.mount()
	return d
}

func (d *loopDisk) mount() {
	d.Helper()
	d.shell("mount -o loop " + d.image + " " + d.dir)
}

// sync writes everything to the disk.
func (d *loopDisk) sync() {
	d.Helper()
	d.shell("sync -f " + d.dir)
}

// cut cuts the power, and switches it on again.
func (d *loopDisk) cut() {
	d.Helper()
	d.shell(injector(d) + " -cut " + d.dir)
	d.shell("umount " + d.dir)
	// A mount namespace that began meanwhile holds the file system a moment longer.
	testkit.Eventually(d, "the file system is gone", func() bool {
		out, err := exec.Command("losetup", "-j", d.image).Output()
		return err == nil && len(out) == 0
	})
	d.mount()
}

func (d *loopDisk) shell(script string) {
	d.Helper()
	if out, err := exec.Command("/bin/sh", "-c", script).CombinedOutput(); err != nil {
		d.Fatalf("%s: %v\n%s", script, err, out)
	}
}
