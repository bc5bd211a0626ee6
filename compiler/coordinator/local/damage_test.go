package local_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/coordinatortest"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/fault"
)

// newStore makes a store with 40 keys, and returns its path, the file's bytes and what it lists.
func newStore(t *testing.T) (path string, file []byte, entries []coordinator.Entry) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "c.db")
	c := open(t, path)
	for i := range 40 {
		coordinatortest.Put(t, c, fmt.Sprintf("/key/%02d", i), strings.Repeat(fmt.Sprint(i), 100))
	}
	entries, _, err := c.List(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	if file, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return path, file, entries
}

// readAll opens the store, lists it and reads the whole watch log.
func readAll(path string) ([]coordinator.Entry, error) {
	c, err := local.Open(path, local.Options{})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	entries, rev, err := c.List(context.Background(), "/")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for d := range c.Watch(ctx, "/", 1) {
		if d.Err != nil {
			return nil, d.Err
		}
		if d.Events[0].Rev == rev {
			cancel()
		}
	}
	return entries, nil
}

func TestDamagedFiles(t *testing.T) {
	_, file, _ := newStore(t)
	page := os.Getpagesize()
	for name, content := range map[string][]byte{
		"empty":             {},
		"one byte":          {0},
		"text":              bytes.Repeat([]byte("not a database\n"), 1000),
		"zeros":             make([]byte, len(file)),
		"one page":          file[:page],
		"two pages":         file[:2*page],
		"half":              file[:len(file)/2],
		"no meta pages":     append(make([]byte, 2*page), file[2*page:]...),
		"zeros behind meta": append(bytes.Clone(file[:2*page]), make([]byte, len(file)-2*page)...),
		"ones behind meta":  append(bytes.Clone(file[:2*page]), bytes.Repeat([]byte{0xff}, len(file)-2*page)...),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := readAll(path)
			wantDamaged(t, err, path)
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(after, content) {
				t.Errorf("the file was changed: %d bytes, %v", len(after), err)
			}
		})
	}
	dir := filepath.Join(t.TempDir(), "c.db")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := readAll(dir)
	wantDamaged(t, err, dir)
}

func wantDamaged(t *testing.T, err error, path string) {
	t.Helper()
	mark, ok := errors.AsType[*fault.Error](err)
	if !ok || !errors.Is(err, local.ErrDamaged) {
		t.Fatalf("got %v", err)
	}
	text := err.Error() + strings.Join(mark.Hints, " ")
	if !strings.Contains(err.Error(), path) || !strings.Contains(text, "mv "+path) ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("the error does not say which file and what to do, in one line: %s", text)
	}
}

// TestFlippedBits flips a bit at random places: a read returns what was written or an error. A flip in the
// newest meta page makes bbolt fall back to the one before; the note beside the file says so.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	path, file, want := newStore(t)
	note := testkit.Read(t, path+".begun")
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	detected := 0
	flip := func(at int) {
		flipped := bytes.Clone(file)
		flipped[at] ^= 1 << rng.IntN(8)
		path := filepath.Join(dir, fmt.Sprint(at))
		testkit.Write(t, path, string(flipped))
		testkit.Write(t, path+".begun", note)
		got, err := readAll(path)
		switch {
		case errors.Is(err, local.ErrDamaged), errors.Is(err, local.ErrOlder):
			detected++
		case err != nil:
			t.Errorf("byte %d: %v", at, err)
		case !same(want, got):
			t.Errorf("byte %d: it reads other values:\n%s", at, cmp.Diff(want, got))
		}
		os.Remove(path)
	}
	for range 300 {
		flip(rng.IntN(len(file)))
	}
	for range 100 {
		flip(rng.IntN(2 * os.Getpagesize()))
	}
	t.Logf("%d of 400 flips lay in data that was read, and were detected", detected)
}

// TestFlippedKeys flips a bit of every place where a key is stored: no read takes the key for missing.
func TestFlippedKeys(t *testing.T) {
	t.Parallel()
	_, file, want := newStore(t)
	dir := t.TempDir()
	key := []byte(want[7].Key)
	for at, n := 0, 0; ; n++ {
		found := bytes.Index(file[at:], key)
		if found < 0 {
			if n == 0 {
				t.Fatal("the file does not hold the key")
			}
			return
		}
		at += found + 1
		for i := range len(key) - 1 {
			flipped := bytes.Clone(file)
			flipped[at+i] ^= 1 << (i % 5)
			path := filepath.Join(dir, fmt.Sprint(at+i))
			testkit.Write(t, path, string(flipped))
			if got, err := readAll(path); !errors.Is(err, local.ErrDamaged) && (err != nil || !same(want, got)) {
				t.Errorf("byte %d: a list has %d keys, %v", at+i, len(got), err)
			}
			c, err := local.Open(path, local.Options{})
			if errors.Is(err, local.ErrDamaged) {
				continue
			}
			if got, err := c.Get(t.Context(), string(key)); !errors.Is(err, local.ErrDamaged) &&
				(err != nil || !same(want[7:8], got)) {
				t.Errorf("byte %d: a read has %v, %v", at+i, got, err)
			}
			c.Close()
		}
	}
}

// TestOlderFile puts a file back from a copy: it is refused until the note beside it is removed. A note
// that is behind, as after a crash, or damaged does no harm.
func TestOlderFile(t *testing.T) {
	t.Parallel()
	path, file, _ := newStore(t)
	c, note := open(t, path), path+".begun"
	behind := testkit.Read(t, note)
	coordinatortest.Put(t, c, "/key/40", "the last release")
	latest := testkit.Read(t, path)
	for _, text := range []string{behind, "", strings.Replace(behind, "4", "5", 1)} {
		testkit.Write(t, note, text)
		if got, err := c.Get(t.Context(), "/key/40"); err != nil || got[0].Rev != 41 {
			t.Errorf("with the note %q: %v, %v", text, got, err)
		}
		if _, err := readAll(path); err != nil || testkit.Read(t, note) == text {
			t.Errorf("with the note %q: %v; it is %q then", text, err, testkit.Read(t, note))
		}
	}
	testkit.Write(t, path, string(file))
	_, err := c.Get(t.Context(), "/key/40")
	if mark := fault.Of(err); !errors.Is(err, local.ErrOlder) || mark.ID != "coordinator/older" ||
		errors.Is(err, coordinator.ErrUnavailable) ||
		!strings.Contains(err.Error(), path) || !strings.Contains(strings.Join(mark.Hints, " "), note) {
		t.Errorf("a read: %v", err)
	}
	write := []coordinator.Write{{Key: "/key/40", Value: []byte("another")}}
	if _, err := c.Commit(t.Context(), nil, write); !errors.Is(err, local.ErrOlder) {
		t.Errorf("a commit: %v", err)
	}
	if _, err := local.Open(path, local.Options{}); !errors.Is(err, local.ErrOlder) {
		t.Errorf("opening it: %v", err)
	}
	testkit.Write(t, path, latest)
	if got, err := c.Get(t.Context(), "/key/40"); err != nil || got[0].Rev != 41 {
		t.Errorf("with the later one: %v, %v", got, err)
	}
	testkit.Write(t, path, string(file))
	if err := os.Remove(note); err != nil {
		t.Fatal(err)
	}
	if entries, err := readAll(path); err != nil || len(entries) != 40 {
		t.Errorf("without the note: %d keys, %v", len(entries), err)
	}
}

func same(a, b []coordinator.Entry) bool {
	return slices.EqualFunc(a, b, func(x, y coordinator.Entry) bool {
		return x.Key == y.Key && x.Rev == y.Rev && bytes.Equal(x.Value, y.Value)
	})
}

func TestMissingFile(t *testing.T) {
	path, _, _ := newStore(t)
	c := open(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err := c.Get(t.Context(), "/a")
	if !errors.Is(err, coordinator.ErrUnavailable) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
}

// TestHeldFile: while another process holds the file, calls wait no longer than Options.Wait; once
// it releases the file, they work.
func TestHeldFile(t *testing.T) {
	t.Parallel()
	path, _, _ := newStore(t)
	c := openWith(t, path, local.Options{Wait: 20 * time.Millisecond})
	unlock := lockFile(t, path+".lock")
	for range 3 {
		if _, err := c.Get(t.Context(), "/key/01"); !errors.Is(err, coordinator.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := c.Get(ctx, "/key/01"); !errors.Is(err, coordinator.ErrUnavailable) ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	watch := c.Watch(t.Context(), "/", 40) // a watch waits
	unlock()
	if d := <-watch; d.Err != nil || d.Events[0].Key != "/key/39" {
		t.Errorf("got %+v", d)
	}
	if read, err := open(t, path).Get(t.Context(), "/key/01"); err != nil || read[0].Rev != 2 {
		t.Errorf("got %v, %v", read, err)
	}
}
