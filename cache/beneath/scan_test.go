package beneath_test

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"slugc/cache/beneath"
	"slugc/cache/testkit"
)

// scanned returns the paths that a scan lists, links with their targets. Directories named "skipped" are left out.
func scanned(t *testing.T, d *beneath.Dir, name string) (paths []string) {
	t.Helper()
	var mu sync.Mutex
	must(t, d.Scan(name, func(l *beneath.Listing) error {
		mu.Lock()
		defer mu.Unlock()
		l.Entries = slices.DeleteFunc(l.Entries, func(e beneath.Entry) bool { return e.Name == "skipped" })
		if !slices.IsSortedFunc(l.Entries, func(a, b beneath.Entry) int { return strings.Compare(a.Name, b.Name) }) {
			t.Errorf("%s is not sorted", l.Path)
		}
		for _, e := range l.Entries {
			what := path.Join(l.Path, e.Name)
			if target, err := l.Readlink(e.Name); err == nil {
				what += "->" + target
			}
			paths = append(paths, what)
		}
		return nil
	}))
	slices.Sort(paths)
	return paths
}

// TestScan holds that a scan lists each file once, whatever the tree: links as such, more names than one system call
// returns, and directories that lie deeper than it may hold open.
func TestScan(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		dir := testkit.Tree(t, t.TempDir(), map[string]string{"skipped/x": "", "a/skipped/x": "", "a/b/x": ""})
		must(t, os.Symlink("../a", filepath.Join(dir, "a/link")))
		want := []string{"a", "a/b", "a/b/x", "a/link->../a"}
		for i := range 1000 {
			name := fmt.Sprintf("many/a-file-%d", i)
			testkit.Write(t, filepath.Join(dir, name), "")
			want = append(want, name)
		}
		deep := strings.Repeat("deep/", 200)
		testkit.Write(t, filepath.Join(dir, deep, "x"), "")
		for at := path.Join(deep, "x"); at != "."; at = path.Dir(at) {
			want = append(want, at)
		}
		slices.Sort(want)
		want = slices.Insert(want, slices.Index(want, "many/a-file-0"), "many")
		d, err := beneath.Open(dir)
		must(t, err)
		defer d.Close()
		if diff := cmp.Diff(want, scanned(t, d, ".")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"a/b", "a/b/x", "a/link->../a"}, scanned(t, d, "a")); diff != "" {
			t.Errorf("of a directory in it (-want +got):\n%s", diff)
		}
	})
}

// TestScanFails holds that an error of the visitor, or of a directory, ends a scan and is its error, and that no link
// is followed.
func TestScanFails(t *testing.T) {
	t.Parallel()
	d, dir, _ := tree(t)
	broken := errors.New("broken")
	err := d.Scan(".", func(l *beneath.Listing) error {
		if l.Path == "dir" {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	for _, name := range through {
		if err := d.Scan(name, func(*beneath.Listing) error { return nil }); err == nil {
			t.Errorf("%s is scanned", name)
		}
	}
	swap := func(by func(name string) error) error {
		return d.Scan(".", func(l *beneath.Listing) error {
			if l.Path != "." {
				return nil
			}
			name := filepath.Join(dir, "dir")
			return errors.Join(os.RemoveAll(name), by(name))
		})
	}
	if err := swap(func(name string) error { return os.Symlink("/", name) }); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a link in place of a directory: %v", err)
	}
	must(t, os.Remove(filepath.Join(dir, "dir")))
	must(t, os.Mkdir(filepath.Join(dir, "dir"), 0o755))
	must(t, swap(func(string) error { return nil })) // it goes away meanwhile
}
