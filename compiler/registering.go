package compiler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"slugc/cache"
	"slugc/compiler/fault"
	"slugc/compiler/release"
)

// note says on disk under which key a release is registered that will be pending for a while, so
// that if this process is killed meanwhile, the app's next registration cancels it. The note is a
// file in the app's directory "registering", locked as long as its process lives.
type note struct {
	lock *flock.Flock
	path string
}

// notes locks the directory of an app's notes, for as long as it takes to lock a note in it.
func notes(app *cache.App) (dir string, unlock func(), err error) {
	dir = app.Path("registering")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("noting a registration: %w", err)
	}
	lock := flock.New(app.Path("registering", "lock"))
	if err := lock.Lock(); err != nil {
		return "", nil, fmt.Errorf("noting a registration: %w", err)
	}
	return dir, func() { _ = lock.Unlock() }, nil
}

// begin notes a key. It is to be called before the registration.
func begin(app *cache.App, key string) (*note, error) {
	dir, unlock, err := notes(app)
	if err != nil {
		return nil, err
	}
	defer unlock()
	n := &note{path: filepath.Join(dir, cache.Key(key))}
	n.lock = flock.New(n.path, flock.SetFlag(os.O_CREATE|os.O_RDWR))
	mine, err := n.lock.TryLock()
	if err == nil && !mine {
		return nil, fault.TransientError(
			"release/in-progress",
			fmt.Errorf("registering a release of %q: another process is at it under the same key", app.Name),
			"try again when that has ended: it then gives the same release",
		)
	}
	if err == nil {
		err = os.WriteFile(n.path, []byte(key), 0o600)
	}
	if err != nil {
		n.leave()
		return nil, fmt.Errorf("noting a registration: %w", err)
	}
	return n, nil
}

// end forgets the key: its release is settled.
func (n *note) end() error {
	defer n.leave()
	if err := os.Remove(n.path); err != nil {
		return fmt.Errorf("ending a registration: %w", err)
	}
	return nil
}

// leave leaves the key to the next registration to cancel.
func (n *note) leave() { _ = n.lock.Unlock() }

// cancelKilled cancels what was being registered by processes that are gone, but for the key
// except, which is being registered again.
func cancelKilled(ctx context.Context, releases *release.Releases, app *cache.App, except string) error {
	if _, err := os.Stat(app.Path("registering")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	dir, unlock, err := notes(app)
	if err != nil {
		return err
	}
	defer unlock()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading what killed registrations left: %w", err)
	}
	for _, e := range entries {
		if e.Name() == "lock" || e.Name() == cache.Key(except) {
			continue
		}
		if err := cancelNoted(ctx, releases, app.Name, filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// cancelNoted cancels what one note names, unless its process lives.
func cancelNoted(ctx context.Context, releases *release.Releases, app, path string) error {
	n := &note{lock: flock.New(path), path: path}
	if free, err := n.lock.TryLock(); err != nil || !free {
		return err
	}
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		n.leave() // its process ended it just now
		return nil
	}
	if err == nil && len(key) > 0 { // an empty one was killed before it registered anything
		_, err = releases.Cancel(ctx, app, string(key))
	}
	if err != nil {
		n.leave()
		return err
	}
	return n.end()
}
