package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"slugc/cache"
	"slugc/cache/disk"
	"slugc/compiler/fault"
)

const (
	keysDir  = "registering" // among the app's state
	keysLock = "lock"        // in keysDir, beside the keys
)

// pendingKey is the key of a pending release, kept in a file that is locked as long as its process
// lives. If the process is killed, the app's next deployment finds the file unlocked and cancels
// the release.
type pendingKey struct {
	lock *flock.Flock
	path string
}

// lockKeys locks the directory of an app's pending keys, so that one of its files can be made,
// locked or removed.
func lockKeys(app *cache.App) (dir string, unlock func(), err error) {
	dir = app.Path(keysDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("recording a registration: %w", err)
	}
	lock := flock.New(app.Path(keysDir, keysLock))
	if err := lock.Lock(); err != nil {
		return "", nil, fmt.Errorf("recording a registration: %w", err)
	}
	return dir, func() { _ = lock.Unlock() }, nil
}

// recordKey writes a key to disk and locks it. Call it before the registration.
func recordKey(app *cache.App, key string) (*pendingKey, error) {
	dir, unlock, err := lockKeys(app)
	if err != nil {
		return nil, err
	}
	defer unlock()
	k := &pendingKey{path: filepath.Join(dir, cache.Key(key))}
	k.lock = flock.New(k.path, flock.SetFlag(os.O_CREATE|os.O_RDWR))
	free, err := k.lock.TryLock()
	if err == nil && !free {
		return nil, fault.TransientError("release/in-progress",
			fmt.Errorf("registering a release of %q: another process registers one under the same key", app.Name),
			"try again when that process has ended: the result is its release")
	}
	if err == nil {
		err = writeSynced(k.path, key)
	}
	if err != nil {
		k.unlock()
		return nil, fmt.Errorf("recording a registration: %w", err)
	}
	return k, nil
}

// writeSynced writes a key into its file, which is locked, so that it survives a power cut: the release
// that is registered next does.
func writeSynced(path, key string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(key)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	return errors.Join(disk.SyncDir(dir), disk.SyncDir(filepath.Dir(dir)))
}

// remove removes the key: its release is settled.
func (k *pendingKey) remove() error {
	defer k.unlock()
	if err := os.Remove(k.path); err != nil {
		return fmt.Errorf("ending a registration: %w", err)
	}
	return nil
}

// unlock leaves the key to the app's next deployment, which cancels its release.
func (k *pendingKey) unlock() { _ = k.lock.Unlock() }

// CancelKilled cancels the pending releases of an app whose processes on this machine were killed.
// The key except is left out: its release is registered again by the caller.
func (d *Deployer) CancelKilled(ctx context.Context, app, except string) error {
	state, err := d.Home.App(app)
	if err != nil {
		return err
	}
	if _, err := os.Stat(state.Path(keysDir)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	dir, unlock, err := lockKeys(state)
	if err != nil {
		return err
	}
	defer unlock()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading what killed registrations left: %w", err)
	}
	for _, e := range entries {
		if e.Name() == keysLock || e.Name() == cache.Key(except) {
			continue
		}
		if err := d.cancelKey(ctx, app, filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// cancelKey cancels the release of the key in the file path, unless its process lives.
func (d *Deployer) cancelKey(ctx context.Context, app, path string) error {
	k := &pendingKey{lock: flock.New(path), path: path}
	if free, err := k.lock.TryLock(); err != nil || !free {
		return err
	}
	key, err := disk.ReadRegular(path, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		k.unlock() // its process removed it just now
		return nil
	}
	if err == nil && len(key) > 0 { // an empty file: killed before it registered anything
		_, err = d.Releases.Cancel(ctx, app, string(key))
	}
	if err != nil {
		k.unlock()
		return err
	}
	return k.remove()
}
