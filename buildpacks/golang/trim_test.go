package golang

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
)

// names lists the files below dir.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTrimModules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{
		"example.com/!used@v1.0.0/a@b/x.go", "example.com/!used@v1.0.0/x.go",
		"example.com/old@v1.0.0/x.go", "example.com/old@v1.0.0/sub@dir/x.go",
		"cache/download/example.com/!used/@v/v1.0.0.zip", "cache/download/example.com/old/@v/v1.0.0.zip",
		"cache/download/example.com/old/@v/v1.0.0.mod", "cache/vcs/0123/packed-refs", "cache/lock",
	} {
		testkit.Write(t, filepath.Join(dir, name), "1234567890")
	}
	if err := os.Chmod(filepath.Join(dir, "example.com/old@v1.0.0/sub@dir"), 0o500); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"example.com/!used@v1.0.0": true}
	if err := trimModules(dir, used, 90); err != nil || len(names(t, dir)) != 9 {
		t.Fatalf("trimmed below the limit: %v (%v)", names(t, dir), err)
	}
	if err := trimModules(dir, used, 89); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"cache/download/example.com/!used/@v/v1.0.0.zip", "cache/download/example.com/old/@v/v1.0.0.mod", "cache/lock",
		"example.com/!used@v1.0.0/a@b/x.go", "example.com/!used@v1.0.0/x.go",
	}
	if diff := cmp.Diff(want, names(t, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTopLevel holds that the go command's own records in a GOCACHE are spared.
func TestTopLevel(t *testing.T) {
	t.Parallel()
	if !topLevel("README") || topLevel("00/entry-d") {
		t.Error("entries are spared, or records are not")
	}
}
