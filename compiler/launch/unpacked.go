package launch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/slug"
)

// Unpacked is a slug unpacked in a directory of its own. The directory belongs to whoever holds the
// flock on it; the kernel releases it when the process dies.
type Unpacked struct {
	Dir string // the app
	Tmp string // where the processes of a formation have each a tmp of its own
	// Directory is where in Dir the processes start ([slug.Manifest]).
	Directory string
	tmp       string
	lock      *flock.Flock
}

// directoryLock is the flock on a directory. That on the directory to run in itself is held while
// those below are made and swept.
func directoryLock(dir string) *flock.Flock { return flock.New(dir, flock.SetFlag(os.O_RDONLY)) }

// Unpack unpacks the slug in file into a new directory below runs. It makes runs if it is missing,
// and removes there what killed processes have left (see [Sweep]). want is the digest that the file
// must have, or "" for any; another one is a fault "slug/not-the-release". progress may be nil.
func Unpack(
	ctx context.Context, runs, file string, want digest.Digest, progress func(done, total int64),
) (*Unpacked, error) {
	if err := CheckDigest(file, want); err != nil {
		return nil, err
	}
	u, err := newUnpacked(runs)
	if err != nil {
		return nil, fmt.Errorf("making a directory to run in: %w", err)
	}
	m, err := slug.Inspect(file)
	if err != nil {
		u.Remove()
		return nil, err
	}
	u.Directory = m.Directory
	if err := slug.Unpack(ctx, file, u.Dir, slug.UnpackOptions{Progress: progress}); err != nil {
		u.Remove()
		return nil, err
	}
	return u, nil
}

// labelFile is the file beside an unpacked slug that names its app.
const labelFile = "app-name"

// Label notes whose slug it is, for [InUse].
func (u *Unpacked) Label(app string) error {
	if err := os.WriteFile(filepath.Join(u.tmp, labelFile), []byte(app), 0o600); err != nil {
		return fmt.Errorf("making a directory to run in: %w", err)
	}
	return nil
}

// InUse reports whether a process runs a slug of the app, unpacked below runs.
func InUse(runs, app string) (bool, error) {
	entries, err := os.ReadDir(runs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("looking for processes: %w", err)
	}
	for _, e := range entries {
		dir := filepath.Join(runs, e.Name())
		name, err := disk.ReadRegular(filepath.Join(dir, labelFile), 1<<10)
		if err != nil || string(name) != app {
			continue // it may have been removed just now
		}
		lock := directoryLock(dir)
		if free, err := lock.TryLock(); !free && !errors.Is(err, fs.ErrNotExist) {
			return true, err
		}
		_ = lock.Unlock()
	}
	return false, nil
}

// newUnpacked makes an empty directory to run in and locks it.
func newUnpacked(runs string) (*Unpacked, error) {
	if err := os.MkdirAll(runs, 0o700); err != nil {
		return nil, err
	}
	all := directoryLock(runs)
	if err := all.Lock(); err != nil {
		return nil, err
	}
	defer func() { _ = all.Unlock() }()
	_, _ = sweep(runs) // what cannot be removed now, a later sweep removes
	tmp, err := os.MkdirTemp(runs, fmt.Sprintf("%d-*", os.Getpid()))
	if err != nil {
		return nil, err
	}
	u := &Unpacked{Dir: filepath.Join(tmp, "app"), Tmp: filepath.Join(tmp, "tmp"), tmp: tmp, lock: directoryLock(tmp)}
	if err := u.lock.Lock(); err != nil {
		return nil, errors.Join(err, disk.RemoveAll(tmp))
	}
	return u, nil
}

// Sweep removes the directories below runs that killed processes have left: those that nobody holds
// the lock of, in whatever container. It returns the bytes freed, also with an error.
func Sweep(runs string) (freed int64, err error) {
	if _, err := os.Stat(runs); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	all := directoryLock(runs)
	if err := all.Lock(); err != nil {
		return 0, fmt.Errorf("removing what was run: %w", err)
	}
	defer func() { _ = all.Unlock() }()
	return sweep(runs)
}

// sweep is [Sweep] under the lock of all.
func sweep(runs string) (freed int64, err error) {
	entries, err := os.ReadDir(runs)
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		dir := filepath.Join(runs, e.Name())
		lock := directoryLock(dir)
		if free, locked := lock.TryLock(); !free {
			if !errors.Is(locked, fs.ErrNotExist) { // its process removed it just now
				err = errors.Join(err, locked)
			}
			continue
		}
		size, _ := disk.Size(dir)
		removed := disk.RemoveAll(dir)
		_ = lock.Unlock()
		if err = errors.Join(err, removed); removed == nil {
			freed += size
		}
	}
	return freed, err
}

// CheckDigest returns a fault "slug/not-the-release" when the slug in file has another digest than
// the release's, want. With "" any digest is right.
func CheckDigest(file string, want digest.Digest) error {
	if want == "" {
		return nil
	}
	is, _, err := digest.File(file)
	if err != nil || is == want {
		return err
	}
	return fault.New(fault.Slugc, fault.ExitPack, "slug/not-the-release",
		fmt.Errorf("reading %q: its digest is %s, the release's is %s", file, is, want),
		"build the app again, or roll back to a release whose slug is whole")
}

// Remove removes the directory. What it cannot remove, a later [Unpack] or [Sweep] removes.
func (u *Unpacked) Remove() {
	_ = disk.RemoveAll(u.tmp)
	_ = u.lock.Unlock()
}
