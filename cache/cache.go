// Package cache is slugc's state on disk: one directory for the machine ([Home]), and in it one for
// each app ([App]). Layers, stat caches and slugs are per app, so that no app can poison another;
// only verified runtimes are shared.
//
//	‹home›/
//	  toolchains/          verified runtimes and package managers, and what was made of them for all apps;
//	                       shared, read-only for builds
//	    .manifests/        digest and stat of every file of each
//	    .staging/ .locks/ .used/ .choices/ .listings/   see package toolchain
//	  segments/            compressed bytes of what apps run on, shared
//	  buildpacks/          the built-in buildpacks as directories
//	  foreign/             buildpacks that are not built in, by digest, see package reference
//	  coordinator.db       the local coordinator
//	  coordinator.db.begun that there is one, and its last revision: a file that has gone or is older is
//	                       refused
//	  coordinator.db.lock, coordinator.db.turn   who may use it; never deleted
//	  upkeep.json          what package upkeep found when it last looked at everything
//	  sandbox.json, npm-registry.json   answers of the machine that are asked for again when it changes
//	  run/                 what runs: ‹pid›-‹random›, each locked by its process; a later run removes
//	                       leftovers
//	  trees/               sections of slugs, unpacked once for all that run, see package launch/trees
//	  digests.json         digests of slugs by their stat
//	  apps/‹app›/
//	    lock               flock held by the app's build; never deleted
//	    repository         the path of the git repository whose pushes release the app
//	    stat               stat cache of the source
//	    sizes.json         bytes of each layer; its time is when what is kept last served ([Kept])
//	    served/            an empty file for each slug; its time is when the slug last served
//	    incoming/          a tarball that is being unpacked
//	    submodules/        git submodules that were fetched
//	    record.json        inputs and result of the last build ([Record])
//	    layers/            CNB layers of the last build: ‹buildpack›/‹layer›
//	    segments/          compressed bytes of the last slugs' sections; most are second names of the slugs
//	    slugs/             slugs: ‹hex digest›.tgz, and ‹hex digest›.tgz.damaged for one put aside
//	    build/             the current build ([Build]); the next one recovers what a killed one left
//	    begun/             what the state was when the current build, or a push that is not accepted, began
//	    logs/              output of processes, see package logs
//	    registering/       keys of registrations in progress, each locked by its process
//
// A build takes the app's lock, moves the layers in, and moves them back out:
//
//	app, err := home.App("blog")
//	unlock, err := app.Lock(ctx, nil)
//	build, err := app.Begin(false)
//	// make build.AppDir
//	err = build.Restore()
//	// build
//	err = build.Commit() // or Abort
//
// A build that fails leaves the layers that it has finished ([Build.Finish]). What else it has touched, and
// all that one has touched which is killed, no later build relies on ([App.Recover]): it shows by its change
// times. Of a push that is not accepted nothing is left: what it has added to the layers goes. A layer that it
// has only added to, or moved and put back, is as it was. One of which it has changed or removed a file is lost,
// so that the next build makes it again; of a store whose files stand for themselves, only these files are.
//
// Names with a leading dot in an app's state are temporary; who opens a directory under its lock removes those
// of killed processes.
//
// Files are replaced by writing beside them, syncing and renaming; directories are moved by one
// rename. Killing slugc at any instruction leaves the former state or the next. Locks are flock,
// tied to a living process.
//
// The package does not know what most files hold: it names the places and keeps a killed build from
// damaging them.
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

	"slugc/cache/digest"
	"slugc/cache/disk"
)

// Home is slugc's state directory.
type Home struct{ dir string }

// Open returns the state directory and makes it with mode 0700 if it is missing. It removes the files in
// it that killed processes were writing. The path must be absolute.
func Open(dir string) (*Home, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("opening the state directory %q: the path is not absolute", dir)
	}
	if err := os.MkdirAll(filepath.Join(dir, "apps"), 0o700); err != nil {
		return nil, fmt.Errorf("opening the state directory: %w", err)
	}
	disk.RemoveUnfinished(dir)
	return &Home{dir: dir}, nil
}

// Path returns a path inside the state directory.
func (h *Home) Path(elem ...string) string { return filepath.Join(append([]string{h.dir}, elem...)...) }

// IsAppName reports whether a name may be an app's: 1 to 63 characters of [a-z0-9._-], the first a
// letter or digit. It is a directory's name here and a key segment of the coordinator, so it must not
// look hidden or like an option.
func IsAppName(name string) bool {
	if name == "" || len(name) > 63 || strings.IndexByte("._-", name[0]) >= 0 {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
}

// App returns the app's state. A name that no app may have is an error, so no path can lead out of
// the state directory. Nothing is created.
func (h *Home) App(name string) (*App, error) {
	if !IsAppName(name) {
		return nil, fmt.Errorf("finding the state of an app: %.80q is not an app's name", name)
	}
	return &App{Name: name, dir: h.Path("apps", name), home: h}, nil
}

// Apps returns the apps that have state, sorted by name. What else lies there is left out.
func (h *Home) Apps() ([]*App, error) {
	entries, err := os.ReadDir(h.Path("apps"))
	if err != nil {
		return nil, fmt.Errorf("listing apps: %w", err)
	}
	var apps []*App
	for _, e := range entries {
		if app, err := h.App(e.Name()); err == nil && e.IsDir() {
			apps = append(apps, app)
		}
	}
	sort.Slice(apps, func(i, j int) bool { return apps[i].Name < apps[j].Name })
	return apps, nil
}

// App is one app's state. Its directories may be changed only under the lock, except for logs and
// registering, which have locks of their own.
type App struct {
	Name string
	dir  string
	home *Home
}

// Digests remembers which slugs had which digest, so that those that did not change are not read again.
func (h *Home) Digests() *digest.Known { return digest.NewKnown(h.Path("digests.json")) }

// Digests are those of the state directory ([Home.Digests]).
func (a *App) Digests() *digest.Known { return a.home.Digests() }

// Path returns a path inside the app's state.
func (a *App) Path(elem ...string) string { return filepath.Join(append([]string{a.dir}, elem...)...) }

// ErrLocked is wrapped by the error of [App.Lock] when the context ends while another process holds
// the lock.
var ErrLocked = errors.New("another process is working on the app")

// Lock takes the app's lock, and waits for it until ctx ends. Before a wait it calls waiting, if not
// nil, once with the holder's pid, 0 if unknown. The returned function releases the lock; the end of
// the process does too.
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

// holder returns the pid of the process that holds the lock file, 0 if unknown.
func holder(path string) int {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return pid
}
