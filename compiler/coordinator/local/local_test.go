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

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/coordinatortest"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/fault"
)

func TestConformance(t *testing.T) {
	coordinatortest.Run(t, func(t *testing.T) coordinatortest.Store {
		path := filepath.Join(t.TempDir(), "state", "coordinator.db")
		return coordinatortest.Store{
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
	for path, want := range map[string]fs.FileMode{dir: 0o700, dir + "/c.db": 0o600, dir + "/c.db.lock": 0o600, dir + "/c.db.turn": 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	if _, err := os.Stat(dir + "/c.db.new"); err == nil {
		t.Error("the draft is still there")
	}
}

// TestLeftovers: what a killed creation leaves is no obstacle.
func TestLeftovers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	if err := os.WriteFile(path+".new", []byte("half a draft"), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, open(t, path), "/a", "1")
}

func TestUnusablePaths(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := local.Open(filepath.Join(file, "c.db"), local.Options{})
	if mark := fault.Of(err); err == nil || mark.ID != "coordinator/unusable" || mark.Code != fault.ExitRelease {
		t.Errorf("got %v", err)
	}
}

// TestHistory: the log keeps as many revisions as it is told, and the file stops growing.
func TestHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	c, err := local.Open(path, local.Options{History: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	var early int64
	for i := range 400 {
		put(t, c, fmt.Sprint("/k/", i%5), strings.Repeat("x", 3000))
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
	put(b, c, "/a", "1")
	for b.Loop() {
		if _, err := c.Get(b.Context(), "/a"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCommit(b *testing.B) {
	c := open(b, filepath.Join(b.TempDir(), "c.db"))
	for b.Loop() {
		put(b, c, "/a", "1")
	}
}
