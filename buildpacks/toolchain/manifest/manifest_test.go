package manifest_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"slugc/buildpacks/toolchain/manifest"
	"slugc/cache/testkit"
)

// flip changes a byte of a file and gives it its old modification time.
func flip(t *testing.T, file string) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	content := []byte(testkit.Read(t, file))
	content[0] ^= 1
	err = os.WriteFile(file, content, 0)
	if err := errors.Join(err, os.Chtimes(file, info.ModTime(), info.ModTime())); err != nil {
		t.Fatal(err)
	}
}

func tree(t *testing.T) string {
	t.Helper()
	files := map[string]string{
		"bin/run": "#!/bin/sh\n", "lib/a/b": "b", "lib/a/deep/er/x": "", "lib/a/z": "z", ".derived/x": "",
	}
	dir := testkit.Tree(t, t.TempDir(), files)
	if err := os.Symlink("../bin/run", filepath.Join(dir, "lib", "run")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestCheck makes a manifest of a tree, changes the tree, and checks it.
func TestCheck(t *testing.T) {
	t.Parallel()
	write := func(name, text string) func(*testing.T, string) error {
		return func(t *testing.T, dir string) error { testkit.Write(t, dir+name, text); return nil }
	}
	for name, test := range map[string]struct {
		change func(t *testing.T, dir string) error
		want   string
	}{
		"nothing":      {func(*testing.T, string) error { return nil }, ""},
		"another time": {write("/lib/a/b", "b"), ""},
		"a flipped bit": {
			func(t *testing.T, dir string) error { flip(t, dir+"/lib/a/b"); return nil }, "lib/a/b was changed",
		},
		"a longer file": {
			write("/lib/a/b", "bb"), "lib/a/b was changed",
		},
		"other permissions": {
			func(_ *testing.T, dir string) error { return os.Chmod(dir+"/bin/run", 0o755) }, "bin/run was changed",
		},
		"a missing file": {
			func(_ *testing.T, dir string) error { return os.Remove(dir + "/bin/run") }, "bin/run is missing",
		},
		"a missing directory": {
			func(_ *testing.T, dir string) error { return os.RemoveAll(dir + "/lib/a") }, "lib/a is missing",
		},
		"a new file": {
			write("/lib/a/c", ""), "lib/a/c was added",
		},
		"a new file at the root": {
			write("/new", ""), "new was added",
		},
		"what is the store's own": {
			write("/.derived/y", ""), "",
		},
		"another link": {
			func(_ *testing.T, dir string) error {
				return errors.Join(os.Remove(dir+"/lib/run"), os.Symlink("../bin/ran", dir+"/lib/run"))
			}, "lib/run was changed",
		},
		"a changed input": {
			write(".input", "new"), "INPUT was changed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t)
			input := dir + ".input"
			testkit.Write(t, input, "old")
			made, err := manifest.Of(t.Context(), dir, input)
			file := filepath.Join(t.TempDir(), "m")
			if err == nil {
				err = made.Write(file)
			}
			if err := errors.Join(err, test.change(t, dir)); err != nil {
				t.Fatal(err)
			}
			for _, depth := range []manifest.Depth{manifest.ByStat, manifest.ByContent} {
				m, err := manifest.Read(file)
				if err != nil || m.Digest() != made.Digest() {
					t.Fatal("it is not what was written", err)
				}
				err = m.Check(t.Context(), dir, depth)
				damage, damaged := errors.AsType[*manifest.Damage](err)
				switch {
				case err != nil && !damaged, test.want == "" && damaged:
					t.Error(err)
				case damaged && damage.Path == input:
					damage.Path = "INPUT"
				}
				if test.want != "" && (!damaged || damage.Error() != test.want) {
					t.Errorf("got %v, want %q", err, test.want)
				}
			}
		})
	}
}

// TestDigest holds that a copy of a tree has the digest of the tree, and another tree another.
func TestDigest(t *testing.T) {
	t.Parallel()
	dir, copied := tree(t), t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	of := func(dir string) *manifest.Manifest {
		m, err := manifest.Of(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first := of(dir)
	if of(copied).Digest() != first.Digest() {
		t.Error("a copy has another digest")
	}
	if err := first.Check(t.Context(), copied, manifest.ByStat); err != nil || !first.Changed {
		t.Errorf("a copy: %v, changed %t", err, first.Changed)
	}
	flip(t, filepath.Join(copied, "lib", "a", "b"))
	if of(copied).Digest() == first.Digest() {
		t.Error("another tree has the same digest")
	}
}

// TestRead reads files that are no manifests: cut off, changed, missing.
func TestRead(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "m")
	m, err := manifest.Of(t.Context(), tree(t))
	if err == nil {
		err = m.Write(file)
	}
	if err != nil {
		t.Fatal(err)
	}
	whole := testkit.Read(t, file)
	for at := range len(whole) {
		testkit.Write(t, file, whole[:at])
		if _, err := manifest.Read(file); err == nil {
			t.Fatalf("%d bytes of it are read", at)
		}
		testkit.Write(t, file, whole)
		flip(t, file)
	}
	if _, err := manifest.Read(file); err == nil {
		t.Error("a damaged one is read")
	}
	if _, err := manifest.Read(file + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing one: %v", err)
	}
}
