package source

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
)

// TestView holds that a view has the files of the staged copy: not those that are ignored, and what a link of a
// subdirectory leads to.
func TestView(t *testing.T) {
	t.Parallel()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{
		"common/a.txt": "common", "app/x/y.txt": "y", "app/z": "z",
		"app/.slugignore": "*.log\nnone/\n", "app/b.log": "", "app/none/n": "",
	})
	for name, target := range map[string]string{"app/in": "x", "app/out": "../common", "app/file": "../common/a.txt"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	spec := Spec{Kind: Dir, Dir: dir, Subdir: "app"}
	src, err := Open(t.Context(), spec, Options{Listing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	if tree, err := src.Stage(t.Context(), filepath.Join(t.TempDir(), "staged")); err == nil || src.Digest() != "" {
		t.Errorf("it was staged: %+v; digest %q", tree, src.Digest())
	}
	view, err := src.View()
	if err != nil {
		t.Fatal(err)
	}
	full, err := Open(t.Context(), spec, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	staged := filepath.Join(t.TempDir(), "staged")
	if _, err := full.Stage(t.Context(), staged); err != nil {
		t.Fatal(err)
	}
	want, got := contents(t, os.DirFS(staged)), contents(t, view)
	if diff := cmp.Diff(want, got); diff != "" || len(got) < 9 {
		t.Errorf("(-staged +view):\n%s", diff)
	}
	for _, name := range []string{"none", "b.log", "../common/a.txt", "x/../z"} {
		if f, err := view.Open(name); err == nil {
			t.Errorf("%s is there: %v", name, f)
		}
	}
	if f, err := view.Open("in"); err == nil {
		t.Errorf("a link is followed: %v", f)
	}
}

// contents lists a file system: what each name is, and its content or target.
func contents(t *testing.T, files fs.FS) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := fs.Lstat(files, name)
		if err != nil {
			return err
		}
		text := ""
		switch {
		case d.Type() == fs.ModeSymlink:
			text, err = fs.ReadLink(files, name)
		case !d.IsDir():
			var b []byte
			b, err = fs.ReadFile(files, name)
			text = string(b)
		}
		all[name] = info.Mode().String() + " " + text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
