package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slugc/cache/disk"
	"slugc/cache/testkit"
)

// chmod sets a directory's permissions, and lets the test clean up after it.
func chmod(t *testing.T, dir string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
}

// names lists what is in a directory.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

// replacements are the ways to replace a file; each writes the text new.
var replacements = map[string]func(t *testing.T, path string) error{
	"WriteFile": func(_ *testing.T, path string) error { return disk.WriteFile(path, []byte("new"), 0o640) },
	"ReplaceFile": func(t *testing.T, path string) error {
		from := filepath.Join(t.TempDir(), "from")
		testkit.Write(t, from, "new")
		return disk.ReplaceFile(from, path, 0o640)
	},
}

func TestReplace(t *testing.T) {
	t.Parallel()
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			for _, former := range []string{"", "a longer former text"} {
				if former != "" {
					testkit.Write(t, path, former)
				}
				if err := replace(t, path); err != nil {
					t.Fatal(err)
				}
				info, err := os.Stat(path)
				if err != nil || testkit.Read(t, path) != "new" || info.Mode() != 0o640 {
					t.Errorf("after %q: %q, %v, %v", former, testkit.Read(t, path), info.Mode(), err)
				}
			}
			if got := names(t, dir); got != "file" {
				t.Errorf("the directory holds %q", got)
			}
		})
	}
}

// TestReplaceLink replaces a link itself, not the file that it names.
func TestReplaceLink(t *testing.T) {
	t.Parallel()
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
			testkit.Write(t, target, "kept")
			if err := os.Symlink("target", link); err != nil {
				t.Fatal(err)
			}
			if err := replace(t, link); err != nil {
				t.Fatal(err)
			}
			info, err := os.Lstat(link)
			if err != nil || !info.Mode().IsRegular() || testkit.Read(t, target) != "kept" {
				t.Errorf("the link is %v, its target holds %q, %v", info.Mode(), testkit.Read(t, target), err)
			}
		})
	}
}

// TestReplaceFails leaves the former file, and nothing beside it, when a replacement fails.
func TestReplaceFails(t *testing.T) {
	t.Parallel()
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := replace(t, filepath.Join(dir, "none", "file")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("without a directory: %v", err)
			}
			inTheWay := filepath.Join(dir, "directory")
			testkit.Write(t, filepath.Join(inTheWay, "file"), "kept")
			if err := replace(t, inTheWay); err == nil {
				t.Error("a directory is replaced by a file")
			}
			if names(t, dir) != "directory" || testkit.Read(t, filepath.Join(inTheWay, "file")) != "kept" {
				t.Errorf("the directory holds %q", names(t, dir))
			}
		})
	}
}

// TestReplaceOnFullDisk writes under a limit on file sizes, which fails like a full disk.
func TestReplaceOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	path, from := filepath.Join(dir, "file"), filepath.Join(t.TempDir(), "from")
	testkit.Write(t, path, "former")
	testkit.Write(t, from, strings.Repeat("new", 1<<20))
	var former syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &former); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: former.Max}); err != nil {
		t.Fatal(err)
	}
	errs := map[string]error{
		"WriteFile":   disk.WriteFile(path, make([]byte, 3<<20), 0o644),
		"ReplaceFile": disk.ReplaceFile(from, path, 0o644),
		"CopyFile":    disk.CopyFile(from, filepath.Join(dir, "copy"), 0o644),
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &former); err != nil {
		t.Fatal(err)
	}
	for name, err := range errs {
		if !errors.Is(err, syscall.EFBIG) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := names(t, dir); got != "file" || testkit.Read(t, path) != "former" {
		t.Errorf("the directory holds %q, the file %.10q", got, testkit.Read(t, path))
	}
}

// TestUnwritable needs a user whom permissions bind.
func TestUnwritable(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("permissions do not bind root")
	}
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "file")
			testkit.Write(t, path, "former")
			chmod(t, dir, 0o500)
			if err := replace(t, path); !errors.Is(err, fs.ErrPermission) || testkit.Read(t, path) != "former" {
				t.Errorf("%v, the file holds %q", err, testkit.Read(t, path))
			}
		})
	}
}

func TestCopyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	testkit.Write(t, from, "content")
	at := time.Date(2001, 2, 3, 4, 5, 6, 789, time.UTC)
	if err := os.Chtimes(from, at, at); err != nil {
		t.Fatal(err)
	}
	if err := disk.CopyFile(from, to, 0o751); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(to)
	if err != nil {
		t.Fatal(err)
	}
	if testkit.Read(t, to) != "content" || info.Mode() != 0o751 || !info.ModTime().Equal(at) {
		t.Errorf("%q, %v, %v", testkit.Read(t, to), info.Mode(), info.ModTime())
	}
	testkit.Write(t, to, "taken")
	if err := disk.CopyFile(from, to, 0o644); !errors.Is(err, fs.ErrExist) || testkit.Read(t, to) != "taken" {
		t.Errorf("over a file: %v, it holds %q", err, testkit.Read(t, to))
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), link); err != nil {
		t.Fatal(err)
	}
	if err := disk.CopyFile(from, link, 0o644); !errors.Is(err, fs.ErrExist) || testkit.Exists(dir, "elsewhere") {
		t.Errorf("over a dangling link: %v", err)
	}
	err = disk.CopyFile(filepath.Join(dir, "none"), filepath.Join(dir, "copy"), 0o644)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
	if testkit.Exists(dir, "copy") {
		t.Error("a copy of nothing is left")
	}
}

func TestRemoveAll(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside")
	testkit.Write(t, filepath.Join(outside, "file"), "kept")
	dir := filepath.Join(t.TempDir(), "tree")
	testkit.Write(t, filepath.Join(dir, "a", "b", "file"), "x")
	links := map[string]string{"directory": outside, "file": filepath.Join(outside, "file"), "loop": "loop"}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(dir, "a", name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, closed := range []string{"a/b", "a"} {
		chmod(t, filepath.Join(dir, closed), 0o500)
	}
	chmod(t, outside, 0o500)
	if err := disk.RemoveAll(dir); err != nil || testkit.Exists(dir) {
		t.Errorf("a tree with read-only directories: %v, it is there: %t", err, testkit.Exists(dir))
	}
	info, err := os.Stat(outside)
	if err != nil || info.Mode().Perm() != 0o500 || testkit.Read(t, filepath.Join(outside, "file")) != "kept" {
		t.Errorf("what links led to is changed: %v, %v", info, err)
	}
	if err := disk.RemoveAll(dir); err != nil {
		t.Errorf("a missing tree: %v", err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	if err := disk.RemoveAll(link); err != nil || testkit.Exists(link) || !testkit.Exists(outside, "file") {
		t.Errorf("a link: %v", err)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{"a": "12345", "b/c": "678"})
	a := filepath.Join(dir, "a")
	if err := errors.Join(os.Link(a, filepath.Join(dir, "d")), os.Symlink("a", filepath.Join(dir, "e"))); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int64{dir: 13, filepath.Join(dir, "a"): 5, filepath.Join(dir, "none"): 0} {
		if n, err := disk.Size(path); err != nil || n != want {
			t.Errorf("%s: %d, %v, want %d", filepath.Base(path), n, err, want)
		}
	}
}

func TestSyncDir(t *testing.T) {
	t.Parallel()
	if err := disk.SyncDir(t.TempDir()); err != nil {
		t.Error(err)
	}
	if err := disk.SyncDir(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory: %v", err)
	}
}

func TestRemoveStale(t *testing.T) {
	t.Parallel()
	files := map[string]string{".new-old": "", ".new-young": "", "old": "", ".new-dir/x": ""}
	dir := testkit.Tree(t, t.TempDir(), files)
	yesterday := time.Now().Add(-25 * time.Hour)
	for _, name := range []string{".new-old", "old", ".new-dir"} {
		if err := os.Chtimes(filepath.Join(dir, name), yesterday, yesterday); err != nil {
			t.Fatal(err)
		}
	}
	disk.RemoveStale(dir, ".new-")
	disk.RemoveStale(filepath.Join(dir, "none"), ".new-")
	if got := names(t, dir); got != ".new-dir .new-young old" {
		t.Errorf("the directory holds %q", got)
	}
}

// TestReplaceSweeps removes what a killed process left of the same file, and nothing else.
func TestReplaceSweeps(t *testing.T) {
	t.Parallel()
	for name, replace := range replacements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := withUnfinished(t)
			if err := replace(t, filepath.Join(dir, "to")); err != nil {
				t.Fatal(err)
			}
			if got := names(t, dir); got != ".other.slugc-1 .slugc-1 .to.slugc-2 to" {
				t.Errorf("the directory holds %q", got)
			}
		})
	}
}

// TestRemoveUnfinished takes every file that a killed process was writing.
func TestRemoveUnfinished(t *testing.T) {
	t.Parallel()
	dir := withUnfinished(t)
	disk.RemoveUnfinished(dir)
	disk.RemoveUnfinished(filepath.Join(dir, "none"))
	if got := names(t, dir); got != ".slugc-1 .to.slugc-2" {
		t.Errorf("the directory holds %q", got)
	}
}

// withUnfinished makes a directory with files that are being written, of which a process lives that writes
// .to.slugc-2.
func withUnfinished(t *testing.T) string {
	t.Helper()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{
		".to.slugc-1": "left", ".to.slugc-2": "being written", ".other.slugc-1": "", ".slugc-1": "",
	})
	busy, err := os.Open(filepath.Join(dir, ".to.slugc-2"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { busy.Close() })
	if err := unix.Flock(int(busy.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestReplaceAndSweep replaces a file while others sweep without pause: none takes what another writes.
func TestReplaceAndSweep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 50 {
				if err := disk.WriteFile(filepath.Join(dir, "to"), []byte("new"), 0o600); err != nil {
					t.Error(err)
				}
				disk.RemoveUnfinished(dir)
			}
		})
	}
	group.Wait()
	if got := names(t, dir); got != "to" {
		t.Errorf("the directory holds %q", got)
	}
}

// TestFileClock compares the clock with the times of new files.
func TestFileClock(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "new")
	for range 20 {
		before := disk.FileClock()
		testkit.Write(t, name, "text")
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if at := info.ModTime().UnixNano(); at < before || at > time.Now().UnixNano() {
			t.Errorf("a file made at %d has the time %d", before, at)
		}
		time.Sleep(3 * time.Millisecond)
	}
}
