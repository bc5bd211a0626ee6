package reference

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"slugc/buildpacks/git"
	"slugc/buildpacks/toolchain/source"
	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/cache/unpack"
)

// Names inside a store. What starts with a dot is the store's own; everything else is a package.
const (
	stagingDir   = ".staging"
	lockDir      = ".locks"
	pinDir       = ".pins"
	seenDir      = ".seen"
	treeName     = "tree"
	manifestName = "manifest"
	aboutName    = "about.json"
)

// searchPath is where git is looked for if the environment has no PATH.
const searchPath = "/usr/local/bin:/usr/bin:/bin"

// defaultLimits bound one package: those with their runtimes in them are large.
var defaultLimits = unpack.Limits{Bytes: 2 << 30, Files: 200_000}

// Options are what a store needs of its machine. The zero value is of use.
type Options struct {
	OS, Arch string            // that an image of several platforms is taken for; "" for this machine's
	Limits   unpack.Limits     // of one package; fields that are zero have defaults
	Env      []string          // of the caller: PATH to find git, proxies, certificates, the agent of ssh
	Offline  bool              // fetch nothing
	Index    string            // where the index of the CNB registry is read; "" for its own place
	Heroku   string            // where Heroku's registry is read; "" for its own place
	Check    bool              // see whether what was fetched before has moved, within a few seconds
	Note     func(line string) // receives one line for people; may be nil
	// Progress is told of downloads, in bytes; total is 0 while it is unknown. It may be nil.
	Progress func(what string, done, total int64)
}

// Store is a directory of buildpacks. Any number of processes may use one directory; what a Store has returned stays
// until its Close. Its methods are safe for concurrent use.
type Store struct {
	dir string
	o   Options
	web *source.Web
	git git.Client // without an address

	mu   sync.Mutex
	held map[string]*flock.Flock // packages that this store has returned, by digest
}

// Open opens the store in a directory, which is made where it is missing, and removes what killed processes have
// left. Close it.
func Open(dir string, o Options) (*Store, error) {
	o.OS, o.Arch = cmp.Or(o.OS, runtime.GOOS), cmp.Or(o.Arch, runtime.GOARCH)
	o.Limits.Bytes = cmp.Or(o.Limits.Bytes, defaultLimits.Bytes)
	o.Limits.Files = cmp.Or(o.Limits.Files, defaultLimits.Files)
	o.Limits = o.Limits.OrDefault()
	if o.Note == nil {
		o.Note = func(string) {}
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the store of buildpacks %q: %w", dir, err)
	}
	for _, sub := range []string{stagingDir, lockDir, pinDir, seenDir} {
		if err := os.MkdirAll(filepath.Join(abs, sub), 0o755); err != nil {
			return nil, fmt.Errorf("opening the store of buildpacks %q: %w", dir, err)
		}
	}
	s := &Store{dir: abs, o: o, web: source.NewWeb(nil, 0, 0), held: map[string]*flock.Flock{}}
	s.git = git.Client{Search: searchPath, Env: o.Env, Limit: o.Limits.Bytes, Redirects: true}
	for _, kv := range git.Pick(o.Env, "PATH") {
		s.git.Search = strings.TrimPrefix(kv, "PATH=")
	}
	s.git.Program = git.Find(s.git.Search)
	s.sweep()
	return s, nil
}

// OpenKept is Open for upkeep: it fetches nothing, makes no directory, and returns nil if there is none.
func OpenKept(dir string) (*Store, error) {
	if !exists(dir) {
		return nil, nil
	}
	return Open(dir, Options{Offline: true})
}

// Close gives back what the store has returned: from now on it may be removed.
func (s *Store) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.held {
		_ = l.Close()
	}
	clear(s.held)
}

// lockPoll is how often a lock is tried that another process holds.
const lockPoll = 50 * time.Millisecond

func (s *Store) lockFile(name string) *flock.Flock {
	return flock.New(filepath.Join(s.dir, lockDir, name))
}

// lock waits for a lock by name and returns what releases it.
func (s *Store) lock(ctx context.Context, name string) (unlock func(), err error) {
	l := s.lockFile(name)
	if _, err := l.TryLockContext(ctx, lockPoll); err != nil {
		_ = l.Close()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("locking %s in the store of buildpacks: %w", name, err)
	}
	return func() { _ = l.Close() }, nil
}

// tryLock takes a lock that nobody holds.
func (s *Store) tryLock(name string) (unlock func(), ok bool, err error) {
	l := s.lockFile(name)
	if ok, err = l.TryLock(); err != nil || !ok {
		_ = l.Close()
		if err != nil {
			err = fmt.Errorf("locking %s in the store of buildpacks: %w", name, err)
		}
		return nil, false, err
	}
	return func() { _ = l.Close() }, true, nil
}

// hold locks a package, shared, until Close.
func (s *Store) hold(ctx context.Context, d digest.Digest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[d.Hex()] != nil {
		return nil
	}
	l := s.lockFile(d.Hex())
	if _, err := l.TryRLockContext(ctx, lockPoll); err != nil {
		_ = l.Close()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("locking %s in the store of buildpacks: %w", d.Short(), err)
	}
	s.held[d.Hex()] = l
	return nil
}

// drop gives one package back.
func (s *Store) drop(d digest.Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.held[d.Hex()]; l != nil {
		_ = l.Close()
		delete(s.held, d.Hex())
	}
}

// place is the directory of a package.
func (s *Store) place(d digest.Digest) string { return filepath.Join(s.dir, d.Hex()) }

// sweep removes what killed processes have left. It only frees space, so it ignores errors.
func (s *Store) sweep() {
	disk.RemoveUnfinished(filepath.Join(s.dir, pinDir))
	disk.RemoveStale(filepath.Join(s.dir, seenDir), "ref-")
	staged, _ := os.ReadDir(filepath.Join(s.dir, stagingDir))
	for _, e := range staged {
		if unlock, ok, err := s.tryLock(e.Name()); err == nil && ok {
			_ = disk.RemoveAll(filepath.Join(s.dir, stagingDir, e.Name()))
			unlock()
		}
	}
	entries, _ := os.ReadDir(s.dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), discarded) {
			_ = disk.RemoveAll(filepath.Join(s.dir, e.Name()))
		}
	}
}

// discarded starts the names of directories that [disk.Discard] was removing.
const discarded = ".discarded-"

// stage calls do with an empty directory under a lock of that name. The directory is removed afterwards.
func (s *Store) stage(ctx context.Context, name string, do func(dir string) error) error {
	unlock, err := s.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	dir := filepath.Join(s.dir, stagingDir, name)
	if err := disk.RemoveAll(dir); err != nil {
		return fmt.Errorf("clearing an unfinished fetch: %w", err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("staging a buildpack: %w", err)
	}
	return errors.Join(do(dir), disk.RemoveAll(dir))
}
