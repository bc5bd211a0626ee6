package trees

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The names in a store that are no trees.
const (
	lockName   = "lock"
	awayPrefix = ".away-"
)

// lockPause is how often a lock is tried that another process holds.
const lockPause = 20 * time.Millisecond

// lock makes the directory of a tree if it is missing, and locks it by how of flock(2). It waits until ctx ends.
func (s *Store) lock(ctx context.Context, key string, how int) (*os.File, error) {
	for {
		if err := os.Mkdir(s.path(key), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		f, err := os.Open(s.path(key))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for err = flock(f, how|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK); err = flock(f, how|unix.LOCK_NB) {
			select {
			case <-ctx.Done():
				_ = f.Close()
				return nil, context.Cause(ctx)
			case <-time.After(lockPause):
			}
		}
		if err == nil && isAt(f, s.path(key)) {
			return f, nil
		}
		_ = f.Close()
		if err != nil {
			return nil, err
		}
	}
}

// tryLock locks what is there by that name alone for this process, if nobody else has locked it. f is nil if
// somebody has, or if nothing is there.
func (s *Store) tryLock(name string) (f *os.File, err error) {
	f, err = os.Open(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = flock(f, unix.LOCK_EX|unix.LOCK_NB)
	if err == nil && isAt(f, s.path(name)) {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = nil
	}
	return nil, err
}

// retire moves a tree that this process has locked to another name, unless another process has: what runs on it
// goes on. It returns that name, "" for none.
func (s *Store) retire(f *os.File, key string) (name string, err error) {
	all, err := os.OpenFile(s.path(lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	defer all.Close()
	if err := flock(all, unix.LOCK_EX); err != nil {
		return "", err
	}
	if !isAt(f, s.path(key)) {
		return "", nil
	}
	name = awayPrefix + rand.Text()
	return name, os.Rename(s.path(key), s.path(name))
}

// isAt reports whether an open directory is the one at a path.
func isAt(f *os.File, path string) bool {
	is, err := f.Stat()
	if err != nil {
		return false
	}
	at, err := os.Lstat(path)
	return err == nil && os.SameFile(is, at)
}

// flock locks an open file or directory by how of flock(2).
func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return err
		}
	}
}
