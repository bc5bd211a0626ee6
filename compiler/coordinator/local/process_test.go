package local_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slugc/cache/testkit"
	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/coordinatortest"
	"slugc/compiler/coordinator/local"
)

// child is a process that uses the store at path (see testdata/child).
func child(t testing.TB, mode, path string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), testkit.Program(t, "./testdata/child"), mode, path)
}

func open(t testing.TB, path string) coordinator.Coordinator {
	t.Helper()
	return openWith(t, path, local.Options{})
}

func openWith(t testing.TB, path string, o local.Options) coordinator.Coordinator {
	t.Helper()
	c, err := local.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// lockFile locks a file as another process would, and returns what releases it.
func lockFile(t *testing.T, path string) func() {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { _ = f.Close() }
}

// TestKilledProcesses kills writers at random moments, also while they create the store. The store
// always opens, in the state before or after a commit, and nothing acknowledged is lost.
func TestKilledProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "c.db")
	testkit.Program(t, "./testdata/child") // goroutines must not call t.Fatal
	var mu sync.Mutex
	highest := 0
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 40 {
				for _, line := range testkit.RunAndKill(t, child(t, "commit", path), 15*time.Millisecond) {
					n, err := strconv.Atoi(line)
					if err != nil {
						t.Errorf("a writer said %q", line)
					}
					mu.Lock()
					highest = max(highest, n)
					mu.Unlock()
				}
				checkPair(t, path)
			}
		})
	}
	wg.Wait()
	read, err := open(t, path).Get(t.Context(), "/a")
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := strconv.Atoi(string(read[0].Value)); n < highest {
		t.Errorf("the store is at %d, and %d was acknowledged", n, highest)
	}
	t.Logf("120 kills, %d acknowledged, store at %s", highest, read[0].Value)
}

// checkPair requires that the two keys are equal, as each commit leaves them.
func checkPair(t *testing.T, path string) {
	c, err := local.Open(path, local.Options{})
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	entries, rev, err := c.List(context.Background(), "/")
	if err == nil && rev > 0 {
		a, b := entries[0].Value, entries[1].Value
		if !bytes.Equal(a, b) || fmt.Sprint(rev) != string(a) {
			t.Errorf("at %d, the keys hold %s and %s", rev, a, b)
		}
	} else if err != nil {
		t.Error(err)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.db")
	if out, err := child(t, "fill", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	// With room again, it works.
	c := open(t, path)
	entries, rev, err := c.List(t.Context(), "/")
	if err != nil || len(entries) == 0 {
		t.Fatal(err)
	}
	if got := coordinatortest.Put(t, c, "/more", "x"); got != rev+1 {
		t.Errorf("revision %d after %d", got, rev)
	}
}

// TestReadersAreNotStarved: while processes write without a pause, a reader and another writer get
// their turns.
func TestReadersAreNotStarved(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.db")
	c := open(t, path)
	for range 4 {
		testkit.StartAndAwaitLine(t, child(t, "commit", path))
	}
	for i := range 50 {
		if _, err := c.Get(t.Context(), "/a"); err != nil {
			t.Fatal(err)
		}
		coordinatortest.Put(t, c, "/mine", fmt.Sprint(i))
	}
}

// TestWatchAcrossProcesses: a watch receives each commit of other processes once, in order.
func TestWatchAcrossProcesses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.db")
	c := open(t, path)
	testkit.StartAndAwaitLine(t, child(t, "keep", path))
	next := int64(1)
	for d := range c.Watch(t.Context(), "/", next) {
		if d.Err != nil || len(d.Events) != 3 || d.Events[0].Rev != next ||
			string(d.Events[0].Value) != fmt.Sprint(next) {
			t.Fatalf("want revision %d, got %d events, %v", next, len(d.Events), d.Err)
		}
		if next++; next > 50 {
			return
		}
	}
}
