package local

import (
	"errors"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/coordinatortest"
)

// TestCountedKeys holds that a list misses a key that has gone, and that a store of an earlier slugc, which
// did not count them, is counted by its next commit.
func TestCountedKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.db")
	c, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	change := func(do func(*bolt.Tx) error) {
		t.Helper()
		if err := transact(path, false, func(db *bolt.DB) error { return db.Update(do) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"/a", "/b", "/c"} {
		coordinatortest.Put(t, c, key, key)
	}
	change(func(tx *bolt.Tx) error {
		st, err := readState(tx)
		if err != nil || st.keys != 3 {
			t.Errorf("it has the counters %+v, %v", st, err)
		}
		b := appendNumber(appendNumber(nil, 1), st.rev)
		return write(tx, metaBucket, stateKey, appendNumber(appendNumber(b, st.compacted), st.logBytes))
	})
	if entries, _, err := c.List(t.Context(), "/"); err != nil || len(entries) != 3 {
		t.Errorf("of format 1: %v, %v", entries, err)
	}
	if _, err := c.Commit(t.Context(), nil, []coordinator.Write{
		{Key: "/a", Delete: true}, {Key: "/b", Value: []byte("new")}, {Key: "/d"}, {Key: "/e"},
		{Key: "/f", Delete: true},
	}); err != nil {
		t.Fatal(err)
	}
	if entries, _, err := c.List(t.Context(), "/"); err != nil || len(entries) != 4 {
		t.Errorf("after a commit: %v, %v", entries, err)
	}
	change(func(tx *bolt.Tx) error { return tx.Bucket(dataBucket).Delete([]byte("/d")) })
	if _, _, err := c.List(t.Context(), "/"); !errors.Is(err, ErrDamaged) {
		t.Errorf("without a key: %v", err)
	}
}
