package tree_test

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/tree"
	"slugc/cache/testkit"
)

// list returns each file's mode, its time and its content or its link's target.
func list(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		what := info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what += fmt.Sprintf(" %d %s", info.ModTime().Unix(), data)
		case d.Type() == fs.ModeSymlink:
			link, _ := os.Readlink(path)
			what += " " + link
		}
		files[rel] = what
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestCopy(t *testing.T) {
	t.Parallel()
	src := testkit.Tree(t, t.TempDir(), map[string]string{
		"bin/run": "#!/bin/sh\n", "closed/file": "x", "docs/a.md": "a", "docs.txt": "b",
	})
	at := time.Unix(1000, 0)
	modes := map[string]os.FileMode{"bin/run": 0o750, "closed/file": 0o400, "docs.txt": 0o644, "closed": 0o555}
	for name, mode := range modes {
		if err := os.Chtimes(filepath.Join(src, name), at, at); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(src, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(src, "closed"), 0o755) })
	if err := os.Symlink("/etc/passwd", filepath.Join(src, "link")); err != nil {
		t.Fatal(err)
	}
	skip := func(rel string) bool { return rel == "docs" }
	kept := map[string]string{
		"bin": "drwxr-xr-x", "bin/run": "-rwxr-x--- 1000 #!/bin/sh\n", "closed": "dr-xr-xr-x",
		"closed/file": "-r-------- 1000 x", "docs.txt": "-rw-r--r-- 1000 b", "link": "Lrwxrwxrwx /etc/passwd",
	}
	plain := maps.Clone(kept)
	maps.Copy(plain, map[string]string{
		"bin/run": "-rwxr-xr-- 1000 #!/bin/sh\n", "closed": "drwxr-xr-x", "closed/file": "-rw-r--r-- 1000 x",
	})
	for plain, want := range map[bool]map[string]string{false: kept, true: plain} {
		dst := filepath.Join(t.TempDir(), "copy")
		t.Cleanup(func() { os.Chmod(filepath.Join(dst, "closed"), 0o755) })
		if err := tree.Copy(src, dst, tree.Options{Plain: plain, Skip: skip}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, list(t, dst)); diff != "" {
			t.Errorf("plain %t (-want +got):\n%s", plain, diff)
		}
	}
}

// TestCopyNames holds that a script which writes to one name of a file finds the others changed in a copy too.
func TestCopyNames(t *testing.T) {
	t.Parallel()
	src := testkit.Tree(t, t.TempDir(), map[string]string{"a/one": "x", "b/alone": "x"})
	if err := os.Link(filepath.Join(src, "a/one"), filepath.Join(src, "b/two")); err != nil {
		t.Fatal(err)
	}
	for plain, want := range map[bool]string{false: "y", true: "x"} {
		dst := filepath.Join(t.TempDir(), "copy")
		if err := tree.Copy(src, dst, tree.Options{Plain: plain}); err != nil {
			t.Fatal(err)
		}
		testkit.Write(t, filepath.Join(dst, "a/one"), "y")
		if two := testkit.Read(t, filepath.Join(dst, "b/two")); two != want {
			t.Errorf("plain %v: the other name has %q", plain, two)
		}
		if testkit.Read(t, filepath.Join(dst, "b/alone"))+testkit.Read(t, filepath.Join(src, "a/one")) != "xx" {
			t.Errorf("plain %v: another file has changed", plain)
		}
	}
}

func TestMove(t *testing.T) {
	t.Parallel()
	src := testkit.Tree(t, t.TempDir(), map[string]string{"tree/a/b": "x"})
	dst := filepath.Join(t.TempDir(), "deep", "down")
	if err := tree.Move(filepath.Join(src, "tree"), dst); err != nil {
		t.Fatal(err)
	}
	if tree.Exists(filepath.Join(src, "tree")) || !tree.IsFile(filepath.Join(dst, "a/b")) ||
		!tree.IsDir(filepath.Join(dst, "a")) || tree.IsProgram(filepath.Join(dst, "a/b")) {
		t.Error("the tree is not where it was moved to")
	}
	if err := tree.Move(filepath.Join(src, "tree"), dst+"2"); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	sixty := strings.Repeat("x", 60)
	dir := testkit.Tree(t, t.TempDir(), map[string]string{
		"README": sixty, "a/old": sixty, "b/new": sixty, "c/newest": "x",
	})
	for i, name := range []string{"README", "a/old", "b/new", "c/newest"} {
		at := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	spare := func(rel string) bool { return rel == "README" }
	for _, step := range []struct {
		limit, keep int64
		want        []string
	}{
		{121, 0, []string{"README", "a/old", "b/new", "c/newest"}},
		{120, 100, []string{"README", "b/new", "c/newest"}},
		{60, 60, []string{"README", "c/newest"}},
	} {
		if err := tree.Prune(dir, step.limit, step.keep, spare); err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, name := range []string{"README", "a/old", "b/new", "c/newest"} {
			if tree.Exists(filepath.Join(dir, name)) {
				left = append(left, name)
			}
		}
		if diff := cmp.Diff(step.want, left); diff != "" {
			t.Errorf("at most %d (-want +got):\n%s", step.limit, diff)
		}
	}
}

func TestReadIn(t *testing.T) {
	t.Parallel()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{"app/Procfile": "web: x\n", "app/sub/y": "", "secret": "s"})
	app := filepath.Join(dir, "app")
	if err := os.Symlink("../secret", filepath.Join(app, "out")); err != nil {
		t.Fatal(err)
	}
	if data, err := tree.ReadIn(app, "Procfile", 7); err != nil || string(data) != "web: x\n" {
		t.Errorf("got %q (%v)", data, err)
	}
	if _, err := tree.ReadIn(app, "none", 7); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	for _, name := range []string{"out", "sub", "../secret"} {
		if data, err := tree.ReadIn(app, name, 7); err == nil {
			t.Errorf("%s is read: %q", name, data)
		}
	}
	if _, err := tree.ReadIn(app, "Procfile", 6); err == nil {
		t.Error("a file beyond the limit is read")
	}
}

// TestCopyFails holds that the copy of many files ends with the error of the one that could not be copied.
func TestCopyFails(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i := range 100 {
		files[fmt.Sprintf("%03d", i)] = "x"
	}
	src := testkit.Tree(t, t.TempDir(), files)
	dst := testkit.Tree(t, t.TempDir(), map[string]string{"050": "there already"})
	if err := tree.Copy(src, dst, tree.Options{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if text := testkit.Read(t, filepath.Join(dst, "050")); text != "there already" {
		t.Errorf("what was there is now %q", text)
	}
}
