package cache_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slugc/cache/testkit"
)

// refused are what a push that is refused does to a layer with the files a/1, a/2 and b/1, and which of them are
// left where each file stands for itself. whole says that all are left in any layer.
var refused = map[string]struct {
	do    func(dir string) error
	left  []string
	whole bool
}{
	"nothing": {func(string) error { return nil }, []string{"a/1", "a/2", "b/1"}, true},
	"adds": {func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "a/3"), nil, 0o644)
	}, []string{"a/1", "a/2", "b/1"}, true},
	"adds a directory": {func(dir string) error {
		return os.MkdirAll(filepath.Join(dir, "a/c/d"), 0o755)
	}, []string{"a/1", "a/2", "b/1"}, true},
	"moves out and back": {func(dir string) error {
		if err := os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "x")); err != nil {
			return err
		}
		return os.Rename(filepath.Join(dir, "x"), filepath.Join(dir, "a"))
	}, []string{"a/1", "a/2", "b/1"}, true},
	"removes a file": {func(dir string) error {
		return os.Remove(filepath.Join(dir, "a/1"))
	}, []string{"a/2", "b/1"}, false},
	"removes a directory": {func(dir string) error {
		return os.RemoveAll(filepath.Join(dir, "a"))
	}, []string{"b/1"}, false},
	"writes": {func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "a/1"), []byte("evil"), 0o644)
	}, []string{"a/2", "b/1"}, false},
	"writes by another name": {func(dir string) error {
		name := filepath.Join(dir, "link")
		if err := os.Link(filepath.Join(dir, "a/1"), name); err != nil {
			return err
		}
		return os.WriteFile(name, []byte("evil"), 0o644)
	}, []string{"a/2", "b/1"}, false},
	"exchanges files": {func(dir string) error {
		return exchange(filepath.Join(dir, "a/1"), filepath.Join(dir, "a/2"))
	}, []string{"b/1"}, false},
	"exchanges directories": {func(dir string) error {
		return exchange(filepath.Join(dir, "a"), filepath.Join(dir, "b"))
	}, nil, false},
	"moves a directory into another": {func(dir string) error {
		return os.Rename(filepath.Join(dir, "b"), filepath.Join(dir, "a/b"))
	}, []string{"a/1", "a/2"}, false},
	"puts a link in the place of a directory": {func(dir string) error {
		if err := os.Rename(filepath.Join(dir, "b"), filepath.Join(dir, "c")); err != nil {
			return err
		}
		return os.Symlink("a", filepath.Join(dir, "b"))
	}, []string{"a/1", "a/2"}, false},
	"changes a file's mode": {func(dir string) error {
		return os.Chmod(filepath.Join(dir, "a/1"), 0o700)
	}, []string{"a/2", "b/1"}, false},
	"changes a directory's mode": {func(dir string) error {
		return os.Chmod(filepath.Join(dir, "a"), 0o777)
	}, []string{"b/1"}, false},
	"gives a directory an access list": {func(dir string) error {
		// Version 2: rwx for the owner, the group and others.
		list := []byte{2, 0, 0, 0}
		for _, tag := range []byte{0x01, 0x04, 0x20} {
			list = append(list, tag, 0, 7, 0, 0xff, 0xff, 0xff, 0xff)
		}
		err := unix.Setxattr(filepath.Join(dir, "a"), "system.posix_acl_default", list, 0)
		if errors.Is(err, unix.ENOTSUP) {
			return os.Chmod(filepath.Join(dir, "a"), 0o777)
		}
		return err
	}, []string{"b/1"}, false},
}

func exchange(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}

// TestTakenBack holds that nothing which a refused push has done to the layers reaches a later build, and that
// what it has left alone does.
func TestTakenBack(t *testing.T) {
	t.Parallel()
	for name, test := range refused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := app(t)
			b := begin(t, a, false)
			files := map[string]string{"a/1": "a1", "a/2": "a2", "b/1": "b1"}
			for _, layer := range []string{"loose", "strict"} {
				testkit.Tree(t, filepath.Join(b.LayersDir, "bp", layer), files)
				testkit.Write(t, filepath.Join(b.LayersDir, "bp", layer+".toml"), layer)
			}
			if err := b.Commit(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(tick)
			b = beginPush(t, a, "refused")
			for _, layer := range []string{"loose", "strict"} {
				if err := test.do(filepath.Join(b.LayersDir, "bp", layer)); err != nil {
					t.Fatal(err)
				}
			}
			endBuild(t, a, b, "built")
			dir := filepath.Join(begin(t, a, false).LayersDir, "bp")
			checkFiles(t, filepath.Join(dir, "loose"), files, test.left)
			if test.whole {
				checkFiles(t, filepath.Join(dir, "strict"), files, test.left)
			} else if testkit.Exists(dir, "strict") {
				t.Error("a layer is left of which something is missing")
			}
			loose := testkit.Read(t, filepath.Join(dir, "loose.toml"))
			if testkit.Exists(dir, "strict.toml") != test.whole || loose != "loose" {
				t.Error("the metadata is not that of the layers")
			}
		})
	}
}

// checkFiles checks that a layer has those of its files that are left, as they were, and nothing else.
func checkFiles(t *testing.T, dir string, files map[string]string, left []string) {
	t.Helper()
	var got []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			got = append(got, name)
			if text := testkit.Read(t, filepath.Join(dir, name)); text != files[name] {
				t.Errorf("%s is %q", name, text)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if !slices.Equal(got, left) {
		t.Errorf("left in %s are %q, want %q", filepath.Base(dir), got, left)
	}
}
