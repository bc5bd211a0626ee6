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
	"slugc/compiler/abi"
	"slugc/compiler/fault"
	"slugc/compiler/slug"
)

// Unpacked is a slug that is ready to run. Its directory belongs to whoever holds the flock on it; the kernel
// releases it when the process dies.
type Unpacked struct {
	Dir string // where processes see the app
	Tmp string // where the processes of a formation have each a tmp of its own, unless they have Layers
	// Directory is where in Dir the processes start ([slug.Manifest]).
	Directory string
	// Mounts are the paths that processes are to see the app at ([slug.Manifest]).
	Mounts []string
	// ABI is what its programs need, for [CheckMachine].
	ABI *abi.Record
	// Layers are put together in Dir for each process; nil if Dir is the app.
	Layers *Layers
	runs   string
	tmp    string
	lock   *flock.Flock
}

// UnpackOptions say where and for whom to unpack.
type UnpackOptions struct {
	// Runs is the directory to run in, where each call makes one of its own; it is made if it is missing.
	Runs string
	// Digest is what the file must have, or "" for any; another one is a fault "slug/not-the-release".
	Digest digest.Digest
	Known  *digest.Known // remembers the digests of files; may be nil
	// Trees is where sections are kept unpacked (package trees), and Self the path of the slugc binary, as in
	// RunOptions. With either "" the slug is unpacked into a directory of its own.
	Trees, Self string
	Progress    func(done, total int64) // may be nil
}

// directoryLock is the flock on a directory.
func directoryLock(dir string) *flock.Flock { return flock.New(dir, flock.SetFlag(os.O_RDONLY)) }

// Unpack makes the slug in file ready to run. Where the kernel permits it, the app is put together from kept
// sections when a process starts; otherwise the slug is unpacked.
func Unpack(ctx context.Context, file string, o UnpackOptions) (*Unpacked, error) {
	if err := CheckDigest(o.Known, file, o.Digest); err != nil {
		return nil, err
	}
	m, err := slug.Inspect(file)
	if err == nil {
		err = CheckMounts(m.Mounts)
	}
	if err != nil {
		return nil, err
	}
	u, err := newUnpacked(o.Runs)
	if err != nil {
		return nil, fmt.Errorf("making a directory to run in: %w", err)
	}
	u.Directory, u.Mounts, u.ABI = m.Directory, m.Mounts, m.ABI
	plain := func() error {
		return slug.Unpack(context.WithoutCancel(ctx), file, u.Dir, slug.UnpackOptions{Progress: o.Progress})
	}
	if o.Trees != "" && o.Self != "" {
		u.Layers, err = newLayers(ctx, u, file, m, o)
		if _, known := errors.AsType[*fault.Error](err); known || ctx.Err() != nil {
			u.Remove()
			return nil, err
		}
	}
	if u.Layers != nil {
		u.Layers.plain = plain
		return u, nil
	}
	if err := slug.Unpack(ctx, file, u.Dir, slug.UnpackOptions{Progress: o.Progress}); err != nil {
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
	for {
		tmp, err := os.MkdirTemp(runs, fmt.Sprintf("%d-*", os.Getpid()))
		if err != nil {
			return nil, err
		}
		u := &Unpacked{
			Dir: filepath.Join(tmp, "app"), Tmp: filepath.Join(tmp, "tmp"), runs: runs, tmp: tmp,
			lock: directoryLock(tmp),
		}
		err = u.lock.Lock()
		if err == nil && isAt(u.lock, tmp) {
			return u, nil
		}
		_ = u.lock.Unlock()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(err, disk.RemoveAll(tmp))
		}
		// A sweep took it for a dead process's, between making and locking.
	}
}

// isAt reports whether the directory that is locked is the one at a path.
func isAt(lock *flock.Flock, path string) bool {
	is, err := lock.Stat()
	if err != nil {
		return false
	}
	at, err := os.Lstat(path)
	return err == nil && os.SameFile(is, at)
}

// Sweep removes the directories below runs that killed processes have left: those that nobody holds
// the lock of, in whatever container. It returns the bytes freed, also with an error.
func Sweep(runs string) (freed int64, err error) {
	entries, err := os.ReadDir(runs)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
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
		if !isAt(lock, dir) {
			_ = lock.Unlock()
			continue
		}
		size, _ := disk.Size(dir)
		removed := disk.RemoveAll(dir)
		_ = lock.Unlock()
		if err = errors.Join(err, removed); removed == nil {
			freed += size
		}
	}
	if err != nil {
		return freed, fmt.Errorf("removing what was run: %w", err)
	}
	return freed, nil
}

// CheckDigest returns a fault "slug/not-the-release" when the slug in file has another digest than
// the release's, want. With "" any digest is right. known may be nil.
func CheckDigest(known *digest.Known, file string, want digest.Digest) error {
	if want == "" {
		return nil
	}
	is, err := known.File(file, want)
	if err != nil || is == want {
		return err
	}
	return fault.New(fault.Slugc, fault.ExitPack, "slug/not-the-release",
		fmt.Errorf("reading %q: its digest is %s, the release's is %s", file, is, want),
		"build the app again, or roll back to a release whose slug is whole")
}

// Remove removes the directory, what killed processes have left beside it, and kept sections that are too many.
// What it cannot remove, a later one removes.
func (u *Unpacked) Remove() {
	unlink(Places(u.Dir, u.Mounts))
	_ = disk.RemoveAll(u.tmp)
	_ = u.lock.Unlock()
	if u.Layers != nil {
		u.Layers.close()
	}
	_, _ = Sweep(u.runs)
}
