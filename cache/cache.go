// Package cache is slugc's state on disk: one directory for the machine, one per app inside it.
// Caches are per app, so that no app can poison another; only verified toolchains are shared.
//
//	‹home›/
//	  toolchains/            verified runtimes and package managers, shared, read-only for builds
//	  buildpacks/            the built-in buildpacks as directories
//	  coordinator.db         the local coordinator
//	  run/                   slugs unpacked to run, ‹pid›-‹any›; what a killed process left is swept by the next
//	  apps/‹app›/
//	    lock                 flock: held by the one build of the app; never deleted
//	    stat                 stat cache of the source
//	    record.json          what the last build was made from, and its result
//	    layers/              CNB layers of the last build, ‹buildpack›/‹layer›
//	    segments/            compressed bytes of the last slugs' sections
//	    slugs/               slugs
//	    build/               the build under way; what a killed one left is recovered by the next
//	    logs/                output of processes, see package logs
//	    registering/         keys of registrations under way, each locked by its process
//
// Files are replaced by writing beside, syncing and renaming; directories are moved by one rename.
// Killing slugc at any instruction leaves the former state or the next. Locks are flock, tied to a
// living process.
package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Home is slugc's state directory.
type Home struct{ dir string }

// Open returns the state directory, made with mode 0700 where it is missing.
func Open(dir string) (*Home, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("opening the state directory %q: the path is not absolute", dir)
	}
	if err := os.MkdirAll(filepath.Join(dir, "apps"), 0o700); err != nil {
		return nil, fmt.Errorf("opening the state directory: %w", err)
	}
	return &Home{dir: dir}, nil
}

// Path returns a path inside the state directory.
func (h *Home) Path(elem ...string) string { return filepath.Join(append([]string{h.dir}, elem...)...) }

// App returns the app's state. The name must have been checked by the caller; nothing is created.
func (h *Home) App(name string) *App { return &App{Name: name, dir: h.Path("apps", name)} }

// Apps returns the apps that have state, sorted by name.
func (h *Home) Apps() ([]*App, error) {
	entries, err := os.ReadDir(h.Path("apps"))
	if err != nil {
		return nil, fmt.Errorf("listing apps: %w", err)
	}
	var apps []*App
	for _, e := range entries {
		if e.IsDir() {
			apps = append(apps, h.App(e.Name()))
		}
	}
	sort.Slice(apps, func(i, j int) bool { return apps[i].Name < apps[j].Name })
	return apps, nil
}

// App is one app's state. Its directories may be changed only under the lock; logs and registering
// have locks of their own.
type App struct {
	Name string
	dir  string
}

// Path returns a path inside the app's state.
func (a *App) Path(elem ...string) string { return filepath.Join(append([]string{a.dir}, elem...)...) }

// ErrLocked is wrapped by Lock when another process holds the lock and waiting was not wanted or
// ended.
var ErrLocked = errors.New("another process is working on the app")

// Lock takes the app's lock, waiting until ctx ends; waiting is called once, with the holder's pid
// (0 if unknown), before the wait. The returned function releases it. The lock dies with the
// process.
func (a *App) Lock(ctx context.Context, waiting func(pid int)) (unlock func(), err error) {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the state of app %q: %w", a.Name, err)
	}
	path := a.Path("lock")
	lock := flock.New(path)
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking app %q: %w", a.Name, err)
	}
	if !ok {
		if waiting != nil {
			waiting(holder(path))
		}
		ok, err = lock.TryLockContext(ctx, 50*time.Millisecond)
		if !ok {
			return nil, fmt.Errorf("locking app %q: %w (pid %d): %w", a.Name, ErrLocked, holder(path), err)
		}
	}
	// The pid is for people only; the lock is the flock.
	_ = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
	return func() { _ = lock.Unlock() }, nil
}

func holder(path string) int {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return pid
}
