package blobstore

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestStores uses every kind of store with the real server behind it.
func TestStores(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			url, o := k.open(t)
			t.Run("round trip", func(t *testing.T) { roundTrip(t, url, o) })
			t.Run("four builders", func(t *testing.T) { fourBuilders(t, url, o) })
			t.Run("denied", func(t *testing.T) { denied(t, url, k.guarded) })
		})
	}
}

// roundTrip puts a slug of usual size and one with one line changed, and fetches both on another
// machine.
func roundTrip(t *testing.T, url string, o Options) {
	before, after := large()
	s, err := Open(url, o)
	check(t, err)
	started := time.Now()
	lap := func(what string, tr Transfer) {
		t.Logf(
			"%-22s %8.2f s  moved %9d in %2d, reused %9d in %2d",
			what,
			time.Since(started).Seconds(),
			tr.Bytes,
			tr.Parts,
			tr.Reused,
			tr.ReusedParts,
		)
		started = time.Now()
	}
	first, put, err := s.Put(t.Context(), before.file, before.digest)
	check(t, err)
	lap("put", put)
	if put.Reused != 0 || put.Bytes < before.size {
		t.Errorf("the first put moved %+v of %d bytes", put, before.size)
	}
	again, put, err := s.Put(t.Context(), before.file, before.digest)
	check(t, err)
	lap("put again", put)
	if again != first || put.Bytes != 0 || put.Reused < before.size {
		t.Errorf("putting it again moved %+v and gave %q, then %q", put, first, again)
	}
	second, put, err := s.Put(t.Context(), after.file, after.digest)
	check(t, err)
	lap("put one line", put)
	if put.Bytes > 6<<20 || put.Bytes+put.Reused < after.size || second == first {
		t.Errorf("one line's change moved %+v", put)
	}
	check(t, s.Stat(t.Context(), second, after.digest))
	check(t, s.Stat(t.Context(), "", after.digest))

	dir := t.TempDir()
	s, err = Open(first, o)
	check(t, err)
	to := filepath.Join(dir, "one.tgz")
	started = time.Now()
	got, err := s.Get(t.Context(), first, before.digest, to, nil)
	check(t, err)
	lap("get", got)
	same(t, to, before)
	if got.Bytes != before.size || got.Reused != 0 {
		t.Errorf("the first get moved %+v of %d bytes", got, before.size)
	}
	damaged := filepath.Join(dir, "damaged.tgz")
	damage(t, to, damaged)
	two := filepath.Join(dir, "two.tgz")
	started = time.Now()
	got, err = s.Get(t.Context(), "", after.digest, two, []string{filepath.Join(dir, "gone.tgz"), to})
	check(t, err)
	lap("get one line", got)
	same(t, two, after)
	if got.Bytes > 6<<20 || got.Bytes+got.Reused != after.size {
		t.Errorf("one line's change moved %+v", got)
	}
	three := filepath.Join(dir, "three.tgz")
	got, err = s.Get(t.Context(), first, before.digest, three, []string{damaged})
	check(t, err)
	same(t, three, before)
	if got.Parts == 0 || got.ReusedParts == 0 || got.Bytes+got.Reused != before.size {
		t.Errorf("beside a damaged slug a get moved %+v", got)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if check(t, err); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// damage copies a slug with bytes flipped in its middle and near its end, where its runtime and its
// app are.
func damage(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	check(t, err)
	b[len(b)/2] ^= 1
	b[len(b)-9<<20] ^= 1
	check(t, os.WriteFile(to, b, 0o644))
}
