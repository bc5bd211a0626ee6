package local

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"strconv"

	bolt "go.etcd.io/bbolt"

	"slugc/cache/disk"
	"slugc/compiler/fault"
)

// begunSuffix is that of the file beside a store that says that there was one, and what its last revision
// was: 20 digits, a space, and their CRC-32C. It is written after each commit, in its place and without
// being synced, so after a crash it names an earlier revision and never a later one.
const begunSuffix = ".begun"

// ErrOlder is wrapped by errors about a file that lacks commits that were made.
var ErrOlder = errors.New("the file is older than the last change that was made to it")

const revDigits = 20

// note is the open file with the last revision. A nil note knows of none.
type note struct {
	file *os.File
	rev  int64
}

// noteBegun writes that there is a store. The revision follows with the next transaction.
func noteBegun(path string) error {
	return disk.WriteFile(path+begunSuffix, noteText(0), 0o600)
}

func noteText(rev int64) []byte {
	digits := fmt.Appendf(nil, "%0*d", revDigits, rev)
	return fmt.Appendf(digits, " %08x\n", crc32.Checksum(digits, castagnoli))
}

// openNote reads the note beside the store at path. One that is missing or damaged names revision 0.
func openNote(path string) (*note, error) {
	f, err := os.OpenFile(path+begunSuffix, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text := make([]byte, len(noteText(0)))
	if _, err := f.ReadAt(text, 0); err != nil && !errors.Is(err, io.EOF) {
		_ = f.Close()
		return nil, err
	}
	n := &note{file: f}
	rev, err := strconv.ParseInt(string(text[:revDigits]), 10, 64)
	if err == nil && bytes.Equal(noteText(rev), text) {
		n.rev = rev
	}
	return n, nil
}

func (n *note) close() {
	if n != nil {
		_ = n.file.Close()
	}
}

// check refuses a store whose last revision is before the noted one: bbolt takes the commit before for the
// last one where that is damaged, and a file may have been put back from a copy.
func (n *note) check(path string, rev int64) error {
	if n == nil || rev >= n.rev {
		return nil
	}
	return fault.New(fault.Slugc, fault.ExitRelease, "coordinator/older",
		fmt.Errorf("reading the coordinator %q: %w (revision %d, not %d)", path, ErrOlder, rev, n.rev),
		"put a later copy of the file in its place",
		fmt.Sprintf("to go on with this one, remove %q: releases that it lacks are forgotten, and slugs are not "+
			"touched", path+begunSuffix))
}

// raise notes the store's last revision. A note that cannot be written is behind until the next
// transaction, and says nothing wrong.
func (n *note) raise(rev int64) {
	if n != nil && rev > n.rev {
		_, _ = n.file.WriteAt(noteText(rev), 0)
	}
}

// run runs a transaction on an open store that is not older than its note, and then notes its revision.
// The caller holds the gate.
func run(path string, transaction func(func(*bolt.Tx) error) error, do func(*bolt.Tx) error) error {
	n, err := openNote(path)
	if err != nil {
		return err
	}
	defer n.close()
	var after state
	err = transaction(func(tx *bolt.Tx) error {
		before, err := readState(tx)
		if err == nil {
			err = n.check(path, before.rev)
		}
		if err == nil {
			err = do(tx)
		}
		if err == nil {
			after, err = readState(tx)
		}
		return err
	})
	if err == nil {
		n.raise(after.rev)
	}
	return err
}
