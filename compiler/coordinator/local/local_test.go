package local_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/coordinatortest"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/fault"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	coordinatortest.Run(t, func(t *testing.T) coordinatortest.Backend {
		path := filepath.Join(t.TempDir(), "state", "coordinator.db")
		return coordinatortest.Backend{
			Open: func() (coordinator.Coordinator, error) { return local.Open(path, local.Options{}) },
			Compact: func(int64) error { // a commit by a handle that keeps one revision
				c, err := local.Open(path, local.Options{History: 1})
				if err != nil {
					return err
				}
				defer c.Close()
				_, err = c.Commit(context.Background(), nil, []coordinator.Write{{Key: "/compact"}})
				return err
			},
		}
	})
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	open(t, filepath.Join(dir, "c.db"))
	for path, want := range map[string]fs.FileMode{
		dir:                0o700,
		dir + "/c.db":      0o600,
		dir + "/c.db.lock": 0o600,
		dir + "/c.db.turn": 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	if testkit.Exists(dir, "c.db.new") {
		t.Error("the draft is still there")
	}
}

// TestUnfinishedCreation: a process that was killed while it created the store does no harm.
func TestUnfinishedCreation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	testkit.Write(t, path+".new", "half a draft")
	coordinatortest.Put(t, open(t, path), "/a", "1")
}

func TestUnusablePaths(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	testkit.Write(t, file, "")
	_, err := local.Open(filepath.Join(file, "c.db"), local.Options{})
	if mark := fault.Of(err); err == nil || mark.ID != "coordinator/unusable" || mark.Code != fault.ExitRelease {
		t.Errorf("got %v", err)
	}
}

// TestHistory: the log keeps as many revisions as the options say, and the file stops growing.
func TestHistory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.db")
	c := openWith(t, path, local.Options{History: 10})
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	var early int64
	for i := range 400 {
		coordinatortest.Put(t, c, fmt.Sprint("/k/", i%5), strings.Repeat("x", 3000))
		if i == 99 {
			early = size()
		}
	}
	if late := size(); late > 2*early {
		t.Errorf("%d bytes after 100 commits, %d after 400", early, late)
	}
	if d := <-c.Watch(t.Context(), "/", 391); d.Err != nil || d.Events[0].Rev != 391 {
		t.Errorf("got %+v", d)
	}
	if d := <-c.Watch(t.Context(), "/", 390); !errors.Is(d.Err, coordinator.ErrCompacted) {
		t.Errorf("got %+v", d)
	}
}

func BenchmarkGet(b *testing.B) {
	c := open(b, filepath.Join(b.TempDir(), "c.db"))
	coordinatortest.Put(b, c, "/a", "1")
	for b.Loop() {
		if _, err := c.Get(b.Context(), "/a"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCommit(b *testing.B) {
	c := open(b, filepath.Join(b.TempDir(), "c.db"))
	for b.Loop() {
		coordinatortest.Put(b, c, "/a", "1")
	}
}
