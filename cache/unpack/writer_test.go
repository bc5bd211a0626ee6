package unpack_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/unpack"
)

func TestStripAndOnly(t *testing.T) {
	t.Parallel()
	mtime := time.Date(2020, 2, 2, 2, 2, 2, 0, time.UTC)
	at := func(i item) item {
		i.header = func(h *tar.Header) { h.ModTime = mtime }
		return i
	}
	archive := makeTar(
		t,
		items(at(dir("top")), at(file("top/README", "r")), at(dir("top/bin")), at(file("top/bin/tool", "tool")),
			at(hard("top/bin/same", "top/bin/tool")), at(symlink("top/bin/link", "tool")), file("stray", "s")),
	)
	target := t.TempDir()
	var asked []string
	var progress int64
	stats, err := unpack.Archive(context.Background(), bytes.NewReader(archive), target, unpack.Options{
		Strip:     1,
		KeepTimes: true,
		Only:      func(name string) bool { asked = append(asked, name); return name != "README" },
		Progress:  func(n int64) { progress = n },
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(unpack.Stats{Files: 1, Dirs: 1, Links: 2, Bytes: 4}, stats); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"README", "bin", "bin/tool", "bin/same", "bin/link"}, asked); diff != "" {
		t.Errorf("asked about (-want +got):\n%s", diff)
	}
	if progress != 4 {
		t.Errorf("progress = %d", progress)
	}
	for _, name := range []string{"bin", "bin/tool", "bin/same"} {
		st, err := os.Stat(filepath.Join(target, name))
		if err != nil {
			t.Fatal(err)
		}
		if !st.ModTime().Equal(mtime) {
			t.Errorf("time of %s = %v", name, st.ModTime())
		}
	}
	a, _ := os.Stat(filepath.Join(target, "bin/tool"))
	b, _ := os.Stat(filepath.Join(target, "bin/same"))
	if !os.SameFile(a, b) {
		t.Error("a hard link became a copy")
	}
	for _, name := range []string{"README", "stray", "top"} {
		if _, err := os.Lstat(filepath.Join(target, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there: %v", name, err)
		}
	}
}

func TestUmask(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	archive := makeTar(t, items(file("d/e/plain", "x"), item{typ: tar.TypeReg, name: "exec", mode: 0o700}))
	target := t.TempDir()
	if _, err := unpack.Archive(context.Background(), bytes.NewReader(archive), target, unpack.Options{}); err != nil {
		t.Fatal(err)
	}
	wantMode(t, filepath.Join(target, "d/e/plain"), 0o644)
	wantMode(t, filepath.Join(target, "exec"), 0o755)
	wantMode(t, filepath.Join(target, "d/e"), 0o755|os.ModeDir)
}

func TestWriterIsConcurrent(t *testing.T) {
	t.Parallel()
	target := t.TempDir()
	w, err := unpack.NewWriter(target, unpack.Options{Limits: unpack.Limits{Files: 1000, Bytes: 1 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	var g sync.WaitGroup
	for n := range 8 {
		g.Go(func() {
			for i := range 40 {
				name := fmt.Sprintf("d%d/e%d/f%d", i%5, i%7, n*100+i)
				if err := w.File(name, 0o644, -1, strings.NewReader(name)); err != nil {
					t.Error(err)
				}
				if err := w.Hardlink(name+".hard", name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	g.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if s := w.Stats(); s.Files != 320 || s.Links != 320 || s.Dirs != 40 {
		t.Errorf("stats = %+v", s)
	}
}

// TestWriterOntoTree writes into a directory that holds things already, links out of it among them.
func TestWriterOntoTree(t *testing.T) {
	t.Parallel()
	target := t.TempDir()
	outside := t.TempDir()
	run(
		t,
		target,
		"bash",
		"-c",
		`mkdir d; echo x > f; ln -s "$0" out; ln -s d in; mkdir -p deep/er; ln -s .. deep/er/up`,
		outside,
	)
	w, err := unpack.NewWriter(target, unpack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	content := func() *strings.Reader { return strings.NewReader("x") }
	for name, err := range map[string]error{
		"through a link out": w.File("out/x", 0o644, 1, content()),
		"through a link in":  w.File("in/x", 0o644, 1, content()),
		"over a link":        w.File("out", 0o644, 1, content()),
		"over a file":        w.File("f", 0o644, 1, content()),
		"below a file":       w.File("f/x", 0o644, 1, content()),
		"over a dir":         w.Symlink("d", "f"),
	} {
		if _, ok := errors.AsType[*unpack.Refusal](err); !ok {
			t.Errorf("%s: error %v, want a refusal", name, err)
		}
	}
	if err := w.File("d/new", 0o755, 1, content()); err != nil {
		t.Error(err)
	}
	if err := w.File("more", 0o755, 1, strings.NewReader("xy")); !errors.Is(err, unpack.ErrDamaged) {
		t.Errorf("more content than announced: %v", err)
	}
	if err := w.Symlink("twisted", "deep/er/up/../../x"); err != nil {
		t.Error(err) // what is wrong with it shows at the end
	}
	if err := w.Close(); err == nil {
		t.Error("a link that leads out was not noticed")
	}
	if left := run(t, outside, "ls", "-A"); left != "" {
		t.Errorf("written outside: %s", left)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{1 << 30: "1 GiB", 3 << 20: "3 MiB", 1 << 10: "1 KiB",
		12345678: "12,345,678 bytes", 7: "7 bytes", 1536: "1,536 bytes"} {
		if got := unpack.Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
}
