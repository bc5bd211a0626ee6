package unpack_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"slugc/cache/testkit"
	"slugc/cache/unpack"
)

// TestFolder copies files of all sizes that are treated differently, and holds their content and their modes.
func TestFolder(t *testing.T) {
	t.Parallel()
	from, target := t.TempDir(), t.TempDir()
	w, err := unpack.NewWriter(target, unpack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	folder, err := w.Folder("a/b")
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int{"empty": 0, "small": 10, "edge": 64 << 10, "large": 64<<10 + 1, "huge": 300_000}
	for name, size := range sizes {
		content := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		testkit.Write(t, filepath.Join(from, name), string(content))
		for suffix, mode := range map[string]fs.FileMode{"": 0o600, ".x": 0o100} {
			var seen bytes.Buffer
			var to io.Writer
			if suffix != "" {
				to = &seen
			}
			if err := copyInto(t, folder, filepath.Join(from, name), name+suffix, mode, int64(size), to); err != nil {
				t.Fatal(err)
			}
			copied := filepath.Join(target, "a/b", name+suffix)
			if got := testkit.Read(t, copied); got != string(content) || suffix != "" && seen.String() != got {
				t.Errorf("%s%s: the copy has %d bytes, and %d were seen, of %d",
					name, suffix, len(got), seen.Len(), size)
			}
			info, err := os.Stat(copied)
			if want := map[string]fs.FileMode{"": 0o644, ".x": 0o755}[suffix]; err != nil || info.Mode() != want {
				t.Errorf("%s%s has mode %v (%v), want %v", name, suffix, info.Mode(), err, want)
			}
		}
	}
	if err := errors.Join(folder.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if got := w.Stats(); got.Files != 10 || got.Dirs != 2 {
		t.Errorf("stats are %+v", got)
	}
}

// TestFolderRefuses holds that a folder writes only new names of its own, and leaves nothing incomplete.
func TestFolderRefuses(t *testing.T) {
	t.Parallel()
	from, target := filepath.Join(t.TempDir(), "file"), t.TempDir()
	testkit.Write(t, from, "content")
	outside := filepath.Join(t.TempDir(), "outside")
	testkit.Write(t, outside, "outside")
	for link, to := range map[string]string{"link": outside, "dir": filepath.Dir(outside)} {
		if err := os.Symlink(to, filepath.Join(target, link)); err != nil {
			t.Fatal(err)
		}
	}
	w, err := unpack.NewWriter(target, unpack.Options{Limits: unpack.Limits{Bytes: 20}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, name := range []string{"dir", "dir/below", "..", "/etc"} {
		if folder, err := w.Folder(name); err == nil {
			folder.Close()
			t.Errorf("the folder %q is opened", name)
		}
	}
	folder, err := w.Folder(".")
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if err := copyInto(t, folder, from, "there", 0, 7, nil); err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int64{"link": 1, "there": 1, "a/b": 1, "..": 1, "": 1, ".": 1, "short": 8, "much": 30}
	for name, size := range sizes {
		if err := copyInto(t, folder, from, name, 0, size, nil); err == nil {
			t.Errorf("%q with %d bytes is written", name, size)
		}
	}
	if testkit.Read(t, outside) != "outside" || testkit.Read(t, filepath.Join(target, "there")) != "content" {
		t.Error("a file was written again")
	}
	if testkit.Exists(target, "short") || testkit.Exists(target, "much") {
		t.Error("an incomplete file is left")
	}
}

func copyInto(
	t *testing.T, folder *unpack.Folder, from, name string, mode fs.FileMode, size int64, seen io.Writer,
) error {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return folder.Copy(name, mode, size, int(f.Fd()), seen)
}
