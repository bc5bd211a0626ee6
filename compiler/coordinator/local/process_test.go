package local_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/local"
)

// child is set in processes that this test starts: its value says what to do instead of running
// tests, os.Args[1] is the store.
const child = "LOCAL_TEST_CHILD"

func TestMain(m *testing.M) {
	do, ok := map[string]func(string) error{"commit": commitForever(20), "keep": commitForever(0), "fill": fillUp}[os.Getenv(child)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := do(os.Args[1]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func start(t *testing.T, do, path string) (*exec.Cmd, *bufio.Reader) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], path)
	cmd.Env = append(os.Environ(), child+"="+do)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
	}
	return cmd, bufio.NewReader(out)
}

func open(t testing.TB, path string) coordinator.Coordinator {
	t.Helper()
	c, err := local.Open(path, local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func put(t testing.TB, c coordinator.Coordinator, key, value string) int64 {
	t.Helper()
	rev, err := c.Commit(context.Background(), nil, []coordinator.Write{{Key: key, Value: []byte(value)}})
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

// hold locks a file as another process would, and returns what lets go of it.
func hold(t *testing.T, path string) func() {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { f.Close() }
}

// commitForever commits the same value under two keys, and writes it out once acknowledged.
func commitForever(history int) func(path string) error {
	return func(path string) error {
		for {
			n, err := commitNext(path, history)
			switch {
			case err == nil:
				fmt.Println(n)
			case !errors.Is(err, coordinator.ErrConflict):
				return err
			}
		}
	}
}

func commitNext(path string, history int) (int, error) {
	c, err := local.Open(path, local.Options{History: history})
	if err != nil {
		return 0, err
	}
	defer c.Close()
	read, err := c.Get(context.Background(), "/a")
	if err != nil {
		return 0, err
	}
	e := read[0]
	n, _ := strconv.Atoi(string(e.Value))
	value := []byte(fmt.Sprint(n + 1))
	pad := bytes.Repeat([]byte("x"), rand.N(20_000)) // so that pages are allocated and freed
	_, err = c.Commit(context.Background(), []coordinator.Compare{{Key: "/a", Rev: e.Rev}}, []coordinator.Write{
		{Key: "/a", Value: value}, {Key: "/b", Value: value}, {Key: "/pad/" + fmt.Sprint(n%10), Value: pad},
	})
	return n + 1, err
}

// TestKilledProcesses kills writers at random moments, the store's creation included. The store
// always opens, in the state before or after a commit, and nothing acknowledged is lost.
func TestKilledProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "c.db")
	var mu sync.Mutex
	highest := 0
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 40 {
				cmd, out := start(t, "commit", path)
				var text strings.Builder
				if rand.N(2) > 0 {
					first, _ := out.ReadString('\n')
					text.WriteString(first)
				}
				time.Sleep(rand.N(15 * time.Millisecond))
				cmd.Process.Kill()
				io.Copy(&text, out)
				cmd.Wait()
				for line := range strings.Lines(text.String()) {
					n, err := strconv.Atoi(strings.TrimSpace(line))
					if err != nil && strings.HasSuffix(line, "\n") {
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

// checkPair says whether the two keys are equal, as each commit leaves them.
func checkPair(t *testing.T, path string) {
	c, err := local.Open(path, local.Options{})
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	entries, rev, err := c.List(context.Background(), "/")
	if err != nil ||
		(rev > 0 && (!bytes.Equal(entries[0].Value, entries[1].Value) || fmt.Sprint(rev) != string(entries[0].Value))) {
		t.Errorf("at %d: %v", rev, err)
	}
}

// fillUp writes until the file may not grow, and then says whether the store still is what it was.
func fillUp(path string) error {
	signal.Ignore(unix.SIGXFSZ)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 256 << 10, Max: 256 << 10}); err != nil {
		return err
	}
	c, err := local.Open(path, local.Options{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	for i := 1; ; i++ {
		rev, err := c.Commit(
			ctx,
			nil,
			[]coordinator.Write{{Key: fmt.Sprintf("/%03d", i), Value: bytes.Repeat([]byte{'x'}, 5000)}},
		)
		if err == nil && i < 1000 {
			continue
		}
		if !errors.Is(err, coordinator.ErrUnavailable) || !strings.Contains(err.Error(), path) {
			return fmt.Errorf("commit %d gave %d, %w", i, rev, err)
		}
		entries, at, err := c.List(ctx, "/")
		if err != nil || at != int64(i-1) || len(entries) != i-1 {
			return fmt.Errorf("after %d commits, %d entries at %d: %w", i-1, len(entries), at, err)
		}
		// Deleting needs a few free pages only. They are there once the history shrinks, or they
		// are not; nothing breaks.
		if _, err := c.Commit(ctx, nil, []coordinator.Write{{Key: "/001", Delete: true}}); err != nil &&
			!errors.Is(err, coordinator.ErrUnavailable) {
			return err
		}
		return nil
	}
}

func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	cmd, out := start(t, "fill", path)
	said, _ := io.ReadAll(out)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	// With room again, it works.
	c := open(t, path)
	entries, rev, err := c.List(t.Context(), "/")
	if err != nil || len(entries) == 0 {
		t.Fatal(err)
	}
	if got := put(t, c, "/more", "x"); got != rev+1 {
		t.Errorf("revision %d after %d", got, rev)
	}
}

// TestReadersAreNotStarved: while processes write without a pause, a reader gets its turns, and so
// does another writer.
func TestReadersAreNotStarved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	c := open(t, path)
	for range 4 {
		cmd, out := start(t, "commit", path)
		if _, err := out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, out)
		defer cmd.Wait()
		defer cmd.Process.Kill()
	}
	for i := range 50 {
		if _, err := c.Get(t.Context(), "/a"); err != nil {
			t.Fatal(err)
		}
		put(t, c, "/mine", fmt.Sprint(i))
	}
}

// TestWatchAcrossProcesses: a watch sees each commit of other processes once, in order.
func TestWatchAcrossProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	c := open(t, path)
	cmd, out := start(t, "keep", path)
	defer cmd.Wait()
	defer cmd.Process.Kill()
	go io.Copy(io.Discard, out)
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
