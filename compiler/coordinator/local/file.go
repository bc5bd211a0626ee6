package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"

	"slugc/cache/disk"
	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
)

// ErrDamaged is wrapped by errors about a file that is damaged or no store.
var ErrDamaged = errors.New("the file is damaged")

// ErrMissing is wrapped by errors about a file that was there.
var ErrMissing = errors.New("the file is gone; it held the releases")

// errBusy is the cause of a wait that took too long.
var errBusy = errors.New("other processes have been using it for too long")

// create creates an empty store if there never was one. The caller holds the gate.
func create(path string) error {
	info, begun := os.Lstat(path + begunSuffix)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if begun != nil || info.Size() == 0 {
			_ = noteBegun(path) // an older slugc made it, or a kill came in between; the next opening tries again
		}
		return nil // opening it shows what it is
	}
	if begun == nil {
		return missing(path)
	}
	draft := path + ".new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explain(path, err)
	}
	db, err := bolt.Open(draft, 0o600, &bolt.Options{Timeout: time.Second, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return explain(path, err)
	}
	if err := errors.Join(db.Update(initialize), db.Close()); err != nil {
		return explain(path, err)
	}
	if err := os.Rename(draft, path); err != nil {
		return explain(path, err)
	}
	if err := disk.SyncDir(filepath.Dir(path)); err != nil {
		return explain(path, err)
	}
	return explain(path, noteBegun(path))
}

// missing is the fault of a store that was there: an empty one would number releases from 1 again.
func missing(path string) error {
	return fault.New(fault.Slugc, fault.ExitRelease, "coordinator/missing",
		fmt.Errorf("opening the coordinator %q: %w", path, ErrMissing),
		"put a copy of the file in its place",
		fmt.Sprintf("to start without the earlier releases, remove %q: releases then start at 1 again, "+
			"and slugs are not touched", path+begunSuffix))
}

// transact opens the file, runs one transaction and closes the file. The caller holds the gate.
// bbolt trusts its pages: on a damaged file it panics, or reads unmapped memory. Both become errors
// here.
func transact(path string, readOnly bool, do func(*bolt.DB) error) (err error) {
	var file *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if reason := recover(); reason != nil {
			if file != nil {
				file.Close() // this releases bbolt's lock; its mapping can't be reached
			}
			err = damaged(path, fmt.Errorf("%v", reason))
		}
	}()
	if err := checkFile(path); err != nil {
		return err
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout: time.Second, ReadOnly: readOnly, FreelistType: bolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
			file, err = os.OpenFile(name, flag&^os.O_CREATE|unix.O_NONBLOCK, mode)
			return file, err
		},
	})
	if err != nil {
		return explain(path, err)
	}
	err = do(db)
	if closeErr := db.Close(); err == nil && readOnly {
		err = closeErr // after a commit it would say nothing about the commit
	}
	return explain(path, err)
}

// checkFile refuses what bbolt would take for a new file.
func checkFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return explain(path, err)
	case !info.Mode().IsRegular():
		return damaged(path, errors.New("it is not a regular file"))
	case info.Size() < 4*int64(os.Getpagesize()): // bbolt's smallest
		return damaged(path, fmt.Errorf("it has only %d bytes", info.Size()))
	}
	return nil
}

// explain turns an error about the file into one of the contract's or a fault for the user.
func explain(path string, err error) error {
	switch {
	case err == nil, errors.Is(err, coordinator.ErrConflict), errors.Is(err, ErrOlder):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return contextError(path, err)
	case errors.Is(err, ErrDamaged), errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum),
		errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrInvalidMapping):
		return damaged(path, err)
	case errors.Is(err, coordinator.ErrCompacted), errors.Is(err, coordinator.ErrUnavailable):
		return err
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EISDIR):
		return fault.New(fault.Usage, fault.ExitRelease, "coordinator/unusable",
			fmt.Errorf("using the coordinator %q: %w", path, err),
			"let slugc's user read and write the file and its directory, "+
				"or name another with --coordinator local:///path/to/file.db")
	}
	return unavailable(path, err)
}

func unavailable(path string, err error) error {
	return fmt.Errorf("using the coordinator %q: %w: %w", path, coordinator.ErrUnavailable, err)
}

// contextError is the error of a call whose context ended. A deadline means that the coordinator
// was too slow, a cancellation does not.
func contextError(path string, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("using the coordinator %q: %w", path, err)
	}
	return unavailable(path, err)
}

// damaged names the file and what can be done.
func damaged(path string, err error) error {
	if marked, ok := errors.AsType[*fault.Error](err); ok {
		return marked
	}
	if !errors.Is(err, ErrDamaged) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return fault.New(fault.Slugc, fault.ExitRelease, "coordinator/damaged",
		fmt.Errorf("reading the coordinator %q: %w", path, err),
		"put a copy of the file in its place",
		fmt.Sprintf("without a copy, move it away with `mv %[1]s %[1]s.damaged && rm -f %[1]s%[2]s`: "+
			"releases then start at 1 again, and slugs are not touched", path, begunSuffix))
}
