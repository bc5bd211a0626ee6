package beneath_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"slugc/cache/beneath"
	"slugc/cache/testkit"
)

// tree returns an open directory, and a directory of the host beside it that nothing may reach.
func tree(t *testing.T) (d *beneath.Dir, dir, host string) {
	t.Helper()
	base := testkit.Tree(t, t.TempDir(), map[string]string{
		"host/file": "host", "host/dir/file": "host", "tree/file": "tree", "tree/dir/file": "tree",
	})
	dir, host = filepath.Join(base, "tree"), filepath.Join(base, "host")
	for name, target := range map[string]string{
		"link": host, "dir/link": "../../host", "filelink": filepath.Join(host, "file"), "inner": "dir",
		"dir/up": "..", "gone": "nowhere", "proc": "/proc/self/cwd",
	} {
		must(t, os.Symlink(target, filepath.Join(dir, name)))
	}
	must(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	d, err := beneath.Open(dir)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d, dir, host
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eachWay runs a test with openat2 and without it.
func eachWay(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	for _, stepwise := range []bool{false, true} {
		t.Run(fmt.Sprintf("stepwise %t", stepwise), func(t *testing.T) {
			beneath.NoOpenat2.Store(stepwise)
			defer beneath.NoOpenat2.Store(false)
			test(t)
		})
	}
}

// through are names that lead through a link.
var through = []string{
	"link", "link/file", "dir/link/file", "filelink", "inner", "inner/file", "dir/up/file", "gone", "proc",
	"proc/file",
}

// TestNoLinks holds that no operation follows a link, wherever it leads.
func TestNoLinks(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		d, _, host := tree(t)
		other, err := d.Dir("dir")
		must(t, err)
		defer other.Close()
		for _, name := range through {
			_, read := d.ReadFile(name, 100)
			_, open := d.Dir(name)
			_, list := d.ReadDir(name)
			below := name + "/x"
			for what, err := range map[string]error{
				"ReadFile": read, "Dir": open, "ReadDir": list, "Mkdir": d.Mkdir(below, 0o755),
				"WriteFile": d.WriteFile(below, nil, 0o644), "Remove": d.Remove(below),
				"RemoveAll": d.RemoveAll(below), "Rename": d.Rename("file", d, below),
				"Mkdir itself": d.Mkdir(name, 0o755),
			} {
				if !errors.Is(err, beneath.ErrLink) {
					t.Errorf("%s of %q: %v", what, name, err)
				}
			}
		}
		for _, name := range []string{"..", "../host/file", "/etc/passwd", "dir/../../host/file", ""} {
			if _, err := d.ReadFile(name, 1000); err == nil {
				t.Errorf("%q is read", name)
			}
		}
		must(t, d.WriteFile("filelink", []byte("new"), 0o644))
		must(t, d.RemoveAll("link"))
		must(t, d.RemoveAll("dir"))
		if got := testkit.Read(t, filepath.Join(host, "file")); got != "host" || !testkit.Exists(host, "dir", "file") {
			t.Errorf("the host's file is %q", got)
		}
	})
}

// TestReadFile accepts regular files up to a limit.
func TestReadFile(t *testing.T) {
	t.Parallel()
	d, dir, _ := tree(t)
	must(t, os.Truncate(filepath.Join(dir, "file"), 1<<40))
	large := &beneath.SizeError{}
	if _, err := d.ReadFile("file", 100); !errors.As(err, &large) || large.Size != 1<<40 {
		t.Errorf("a sparse file: %v", err)
	}
	if data, err := d.ReadFile("dir/file", 4); err != nil || string(data) != "tree" {
		t.Errorf("got %q, %v", data, err)
	}
	if _, err := d.ReadFile("fifo", 100); !errors.Is(err, beneath.ErrNotRegular) {
		t.Errorf("a FIFO: %v", err)
	}
	if data, err := beneath.ReadLinked(dir, "inner/file", 4); err != nil || string(data) != "tree" {
		t.Errorf("a link inside: %q, %v", data, err)
	}
	for _, name := range []string{"filelink", "dir/link/file", "fifo", "proc/file", "gone", "dir"} {
		if data, err := beneath.ReadLinked(dir, name, 100); err == nil {
			t.Errorf("%s is read: %q", name, data)
		}
	}
}

// TestRemoveAll removes trees that make removing hard.
func TestRemoveAll(t *testing.T) {
	t.Parallel()
	d, dir, _ := tree(t)
	must(t, os.MkdirAll(filepath.Join(dir, "locked/a/b"), 0o755))
	testkit.Write(t, filepath.Join(dir, "locked/a/b/file"), "")
	must(t, os.Chmod(filepath.Join(dir, "locked/a"), 0))
	must(t, os.Chmod(filepath.Join(dir, "locked"), 0))
	deep, err := d.Dir("dir")
	must(t, err)
	for range 1000 {
		must(t, deep.Mkdir(strings.Repeat("d", 20), 0o755))
		next, err := deep.Dir(strings.Repeat("d", 20))
		must(t, err)
		must(t, deep.Close())
		deep = next
	}
	must(t, deep.Close())
	for i := range 1500 {
		must(t, d.WriteFile(fmt.Sprintf("dir/many-%d", i), nil, 0o644))
	}
	for _, name := range []string{"locked", "dir", "link", "fifo", "file", "missing", "missing/file"} {
		must(t, d.RemoveAll(name))
		if testkit.Exists(dir, name) {
			t.Errorf("%s is left", name)
		}
	}
	entries, err := d.ReadDir(".")
	must(t, err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name, beneath.TempPrefix) {
			t.Errorf("%s is left", e.Name)
		}
	}
	must(t, beneath.RemoveAll(dir))
	must(t, beneath.RemoveAll(filepath.Join(dir, "missing", "file")))
}
