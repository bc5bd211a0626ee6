package local

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	bolt "go.etcd.io/bbolt"

	"slugc/compiler/coordinator"
)

// The file has three buckets:
//
//	meta   "state"            → sum, format, rev, compacted, log bytes, keys
//	data   key                → sum, rev, value
//	log    rev (big endian)   → sum, { flag, key length, key, value length, value }
//
// Numbers are 8 bytes big endian, lengths are uvarints, sum is the CRC-32C of the bucket's key and
// all that follows sum. Format 1 did not count the keys; the first commit makes it format 2.
var (
	metaBucket = []byte("meta")
	dataBucket = []byte("data")
	logBucket  = []byte("log")
	stateKey   = []byte("state")
)

const format = 2

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// state is the store's counters.
type state struct {
	rev       int64 // of the last commit; 0: none yet
	compacted int64 // the last revision no longer in the log
	logBytes  int64 // the log's values
	keys      int64 // how many there are; -1: nobody has counted
}

func initialize(tx *bolt.Tx) error {
	for _, name := range [][]byte{metaBucket, dataBucket, logBucket} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return writeState(tx, state{})
}

func readState(tx *bolt.Tx) (state, error) {
	b, err := read(tx, metaBucket, stateKey)
	if err != nil {
		return state{}, err
	}
	if len(b) < 32 {
		return state{}, fmt.Errorf("%w: it has no counters", ErrDamaged)
	}
	st := state{rev: number(b[8:]), compacted: number(b[16:]), logBytes: number(b[24:]), keys: -1}
	switch n := number(b); {
	case n == format && len(b) == 40:
		st.keys = number(b[32:])
	case n != 1 || len(b) != 32:
		return state{}, fmt.Errorf("%w: its format is %d, this slugc reads %d", ErrDamaged, n, format)
	}
	return st, nil
}

func writeState(tx *bolt.Tx, s state) error {
	b := appendNumber(nil, format)
	b = appendNumber(b, s.rev)
	b = appendNumber(b, s.compacted)
	b = appendNumber(b, s.logBytes)
	return write(tx, metaBucket, stateKey, appendNumber(b, s.keys))
}

// get reads an entry; a missing key has revision 0. Where it would stand, its neighbours' sums are checked:
// with a flipped bit a key is not found, and another is in its place.
func get(tx *bolt.Tx, key string) (coordinator.Entry, error) {
	none := coordinator.Entry{Key: key}
	bucket, err := open(tx, dataBucket)
	if err != nil {
		return none, err
	}
	c := bucket.Cursor()
	k, v := c.Seek([]byte(key))
	if string(k) == key {
		b, err := verify(k, v)
		if err != nil {
			return none, err
		}
		return entry(key, b)
	}
	before := c.Prev
	if k == nil {
		before = c.Last
	} else if _, err := verify(k, v); err != nil {
		return none, err
	}
	if k, v = before(); k != nil {
		_, err = verify(k, v)
	}
	return none, err
}

func entry(key string, b []byte) (coordinator.Entry, error) {
	if len(b) < 8 {
		return coordinator.Entry{}, fmt.Errorf("%w: the value of key %q is truncated", ErrDamaged, key)
	}
	return coordinator.Entry{Key: key, Rev: number(b), Value: bytes.Clone(b[8:])}, nil
}

// list returns the entries under a prefix. It reads all entries of the store, in the order of its pages: a
// flipped bit in any key, or a lost page, may be about one under the prefix.
func list(tx *bolt.Tx, prefix string, st state) ([]coordinator.Entry, error) {
	bucket, err := open(tx, dataBucket)
	if err != nil {
		return nil, err
	}
	var entries []coordinator.Entry
	var keys int64
	c := bucket.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		keys++
		b, err := verify(k, v)
		if err != nil {
			return nil, err
		}
		if !bytes.HasPrefix(k, []byte(prefix)) {
			continue
		}
		e, err := entry(string(k), b)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if st.keys >= 0 && keys != st.keys {
		return nil, fmt.Errorf("%w: it has %d keys, not %d", ErrDamaged, keys, st.keys)
	}
	return entries, nil
}

// count returns how many keys there are.
func count(tx *bolt.Tx) (keys int64, err error) {
	bucket, err := open(tx, dataBucket)
	if err != nil {
		return 0, err
	}
	c := bucket.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		keys++
	}
	return keys, nil
}

// apply makes a commit within a transaction and returns the new revision.
func apply(tx *bolt.Tx, compares []coordinator.Compare, writes []coordinator.Write, history int) (int64, error) {
	st, err := readState(tx)
	if err != nil {
		return 0, err
	}
	for _, c := range compares {
		e, err := get(tx, c.Key)
		if err != nil {
			return 0, err
		}
		if e.Rev != c.Rev {
			return 0, fmt.Errorf("key %q has revision %d, not %d: %w", c.Key, e.Rev, c.Rev, coordinator.ErrConflict)
		}
	}
	if st.keys < 0 {
		if st.keys, err = count(tx); err != nil {
			return 0, err
		}
	}
	done, err := change(tx, &st, writes)
	if err != nil || len(done) == 0 {
		return st.rev, err
	}
	st.rev++
	if err := appendLog(tx, &st, done, history); err != nil {
		return 0, err
	}
	return st.rev, writeState(tx, st)
}

// change applies writes to the data, under the revision after st's, and returns those that changed
// something. It counts the keys in st.
func change(tx *bolt.Tx, st *state, writes []coordinator.Write) ([]coordinator.Write, error) {
	bucket, err := open(tx, dataBucket)
	if err != nil {
		return nil, err
	}
	done := make([]coordinator.Write, 0, len(writes))
	for _, w := range writes {
		has := bucket.Get([]byte(w.Key)) != nil
		switch {
		case !w.Delete:
			value := append(appendNumber(nil, st.rev+1), w.Value...)
			if err := write(tx, dataBucket, []byte(w.Key), value); err != nil {
				return nil, err
			}
			if !has {
				st.keys++
			}
		case has:
			if err := bucket.Delete([]byte(w.Key)); err != nil {
				return nil, err
			}
			st.keys--
			w.Value = nil
		default:
			continue
		}
		done = append(done, w)
	}
	return done, nil
}

func open(tx *bolt.Tx, name []byte) (*bolt.Bucket, error) {
	if b := tx.Bucket(name); b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("%w: it has no bucket %q", ErrDamaged, name)
}

// read returns what write wrote, nil if the key is missing. The bytes are valid within the
// transaction.
func read(tx *bolt.Tx, bucket, key []byte) ([]byte, error) {
	b, err := open(tx, bucket)
	if err != nil {
		return nil, err
	}
	v := b.Get(key)
	if v == nil {
		return nil, nil
	}
	return verify(key, v)
}

func write(tx *bolt.Tx, bucket, key, value []byte) error {
	b, err := open(tx, bucket)
	if err != nil {
		return err
	}
	return b.Put(key, append(binary.BigEndian.AppendUint32(nil, sum(key, value)), value...))
}

// verify checks the sum and returns what follows it.
func verify(key, v []byte) ([]byte, error) {
	if len(v) < 4 || binary.BigEndian.Uint32(v) != sum(key, v[4:]) {
		return nil, fmt.Errorf("%w: the checksum of key %q is wrong", ErrDamaged, key)
	}
	return v[4:], nil
}

func sum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

func number(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }

func appendNumber(b []byte, n int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }
