package tree_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/tree"
)

// written makes a tree of files: what ends in a slash is a directory.
func written(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// listed says of each file its mode, its time and its content or where it leads.
func listed(t *testing.T, dir string) map[string]string {
	t.Helper()
	list := map[string]string{}
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
		list[rel] = what
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestCopy(t *testing.T) {
	src := written(
		t,
		map[string]string{"bin/run": "#!/bin/sh\n", "closed/file": "x", "docs/a.md": "a", "docs.txt": "b"},
	)
	at := time.Unix(1000, 0)
	for name, mode := range map[string]os.FileMode{"bin/run": 0o750, "closed/file": 0o400, "docs.txt": 0o644, "closed": 0o555} {
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
	for plain, want := range map[bool]map[string]string{
		false: {"bin": "drwxr-xr-x", "bin/run": "-rwxr-x--- 1000 #!/bin/sh\n", "closed": "dr-xr-xr-x", "closed/file": "-r-------- 1000 x", "docs.txt": "-rw-r--r-- 1000 b", "link": "Lrwxrwxrwx /etc/passwd"},
		true:  {"bin": "drwxr-xr-x", "bin/run": "-rwxr-xr-- 1000 #!/bin/sh\n", "closed": "drwxr-xr-x", "closed/file": "-rw-r--r-- 1000 x", "docs.txt": "-rw-r--r-- 1000 b", "link": "Lrwxrwxrwx /etc/passwd"},
	} {
		dst := filepath.Join(t.TempDir(), "copy")
		t.Cleanup(func() { os.Chmod(filepath.Join(dst, "closed"), 0o755) })
		if err := tree.Copy(src, dst, tree.Options{Plain: plain, Skip: skip}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, listed(t, dst)); diff != "" {
			t.Errorf("plain %t (-want +got):\n%s", plain, diff)
		}
		if err := tree.CopyFile(filepath.Join(src, "docs.txt"), filepath.Join(dst, "link"), 0o644); !os.IsExist(err) {
			t.Errorf("a file was put where something is: %v", err)
		}
	}
}

func TestMove(t *testing.T) {
	src := written(t, map[string]string{"tree/a/b": "x"})
	dst := filepath.Join(t.TempDir(), "deep", "down")
	if err := tree.Move(filepath.Join(src, "tree"), dst); err != nil {
		t.Fatal(err)
	}
	if tree.Exists(filepath.Join(src, "tree")) || !tree.IsFile(filepath.Join(dst, "a/b")) ||
		!tree.IsDir(filepath.Join(dst, "a")) ||
		tree.IsProgram(filepath.Join(dst, "a/b")) {
		t.Error("the tree is not where it was moved to")
	}
	if err := tree.Move(filepath.Join(src, "tree"), dst+"2"); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
}

func TestSizePruneDigest(t *testing.T) {
	dir := written(
		t,
		map[string]string{"a/old": strings.Repeat("x", 60), "b/new": strings.Repeat("x", 60), "c/newest": "x"},
	)
	for i, name := range []string{"a/old", "b/new", "c/newest"} {
		at := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if size := tree.Size(dir); size != 121 {
		t.Errorf("%d bytes, want 121", size)
	}
	if err := tree.Prune(dir, 100); err != nil {
		t.Fatal(err)
	}
	if tree.Exists(filepath.Join(dir, "a/old")) || !tree.Exists(filepath.Join(dir, "b/new")) ||
		!tree.Exists(filepath.Join(dir, "c/newest")) {
		t.Error("not the oldest file is removed")
	}
	if got, err := tree.Digest(filepath.Join(dir, "c/newest")); err != nil ||
		got != "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881" {
		t.Errorf("digest %s (%v)", got, err)
	}
}
