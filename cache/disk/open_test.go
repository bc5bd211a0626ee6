package disk_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slugc/cache/disk"
	"slugc/cache/testkit"
)

// TestOpenRegular refuses everything that is not a regular file, at once.
func TestOpenRegular(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	testkit.Write(t, path("file"), "12345")
	socket, err := net.Listen("unix", path("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	err = errors.Join(
		unix.Mkfifo(path("fifo"), 0o600),
		os.Symlink("file", path("link")),
		os.Symlink("fifo", path("to-fifo")),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path("fifo"), path("to-fifo"), path("socket"), dir, os.DevNull, "/dev/zero"} {
		f, err := disk.OpenRegular(name)
		if !errors.Is(err, disk.ErrNotRegular) || f != nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for _, name := range []string{"file", "link"} {
		if data, err := disk.ReadRegular(path(name), 5); string(data) != "12345" || err != nil {
			t.Errorf("%s: got %q, %v", name, data, err)
		}
	}
	if data, err := disk.ReadRegular(path("file"), 4); data != nil || err == nil {
		t.Errorf("larger than the limit: got %q, %v", data, err)
	}
	if _, err := disk.OpenRegular(path("none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
