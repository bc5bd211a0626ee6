package toolchain

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"slugc/buildpacks/toolchain/source"
	"slugc/cache/disk"
)

// install puts a version into the store, or finds that another process has. Whoever comes second
// waits for the first.
func (st *Store) install(
	ctx context.Context,
	req Request,
	s source.Source,
	version string,
	p Progress,
) (*record, error) {
	if r, err := st.held(req.Tool, version); r != nil || err != nil {
		return r, err
	}
	installed := func() bool {
		r, _ := st.held(req.Tool, version)
		return r != nil
	}
	unlock, err := st.lockUnless(ctx, st.id(req.Tool, version), nil, installed)
	if err != nil {
		return nil, err
	}
	if unlock == nil {
		return st.install(ctx, req, s, version, p)
	}
	defer unlock()
	if r, err := st.held(req.Tool, version); r != nil || err != nil {
		return r, err
	}
	return st.fetch(ctx, req, s, version, p)
}

// fetch fetches a version and puts it into its place. The tree's lock must be held.
func (st *Store) fetch(
	ctx context.Context,
	req Request,
	s source.Source,
	version string,
	p Progress,
) (*record, error) {
	staging := filepath.Join(st.dir, stagingDir, st.id(req.Tool, version))
	if err := disk.RemoveAll(staging); err != nil {
		return nil, fmt.Errorf("clearing an unfinished fetch: %w", err)
	}
	if err := os.MkdirAll(staging, 0o755); err != nil {
		return nil, fmt.Errorf("staging %s %s: %w", req.Tool, version, err)
	}
	defer disk.RemoveAll(staging)
	j := &source.Job{
		Tree: filepath.Join(staging, "tree"), Temp: staging,
		Meter: sumMeters(req.Tool, version, p), Note: p.Note,
	}
	r := st.newRecord(req.Tool, version, s.Name())
	var err error
	if r.Digest, err = s.Fetch(ctx, version, j); err != nil {
		return nil, err
	}
	r.Hashes = j.Pins
	if req.Hash != "" {
		if ok, _ := r.pinned(req.Hash); !ok {
			return nil, &HashError{req.Tool, version, req.From, req.Hash}
		}
	}
	if err := st.commit(ctx, r, j.Tree); err != nil {
		return nil, fmt.Errorf("storing %s %s: %w", req.Tool, version, err)
	}
	return r, nil
}

// commit puts a finished tree in its place, and its manifest before: a tree without one is not used.
func (st *Store) commit(ctx context.Context, r *record, tree string) error {
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tree, recordName), append(b, '\n'), 0o644); err != nil {
		return err
	}
	id, place := st.id(r.Tool, r.Version), st.tree(r.Tool, r.Version)
	// Only a tree without a readable record or manifest can lie there: whole ones have been returned
	// before.
	if err := st.remove(id+replacedMark, place); err != nil {
		return err
	}
	st.forgetTree(id)
	if err := st.seal(ctx, id, tree); err != nil {
		return err
	}
	return moveInto(tree, place)
}

// moveInto puts a finished directory in its place, whole after a crash or not at all: sync, rename,
// sync.
func moveInto(dir, place string) error {
	if err := disk.SyncFileSystem(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return err
	}
	if err := os.Rename(dir, place); err != nil {
		return err
	}
	return disk.SyncDir(filepath.Dir(place))
}

// lockPoll is how often a lock is tried.
const lockPoll = 50 * time.Millisecond

// lock waits for a lock by name and returns what releases it. It ends with its process.
func (st *Store) lock(ctx context.Context, name string, shared bool) (unlock func(), err error) {
	l := st.lockFile(name)
	try := l.TryLockContext
	if shared {
		try = l.TryRLockContext
	}
	if _, err := try(ctx, lockPoll); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("locking %s: %w", name, err)
	}
	return func() { _ = l.Unlock() }, nil
}

// lockOrWait is lock, and calls wait, which may be nil, before it has to wait.
func (st *Store) lockOrWait(ctx context.Context, name string, shared bool, wait func()) (unlock func(), err error) {
	l := st.lockFile(name)
	try := l.TryLock
	if shared {
		try = l.TryRLock
	}
	ok, err := try()
	switch {
	case ok:
		return func() { _ = l.Unlock() }, nil
	case err == nil && wait != nil:
		wait()
	}
	return st.lock(ctx, name, shared)
}

// lockUnless waits for a lock, or until done holds and then returns nil: whoever has done the work may
// keep the lock, shared, for as long as its build takes. wait, which may be nil, is called before it has to wait.
func (st *Store) lockUnless(
	ctx context.Context,
	name string,
	wait func(),
	done func() bool,
) (unlock func(), err error) {
	l := st.lockFile(name)
	for {
		ok, err := l.TryLock()
		switch {
		case err != nil:
			return nil, fmt.Errorf("locking %s: %w", name, err)
		case ok:
			return func() { _ = l.Unlock() }, nil
		case done():
			return nil, nil
		}
		if wait != nil {
			wait()
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(lockPoll):
		}
	}
}

// tryLock takes a lock that nobody holds.
func (st *Store) tryLock(name string) (unlock func(), ok bool, err error) {
	l := st.lockFile(name)
	if ok, err = l.TryLock(); err != nil {
		return nil, false, fmt.Errorf("locking %s: %w", name, err)
	}
	return func() { _ = l.Unlock() }, ok, nil
}

func (st *Store) lockFile(name string) *flock.Flock {
	return flock.New(filepath.Join(st.dir, lockDir, name))
}

// sweep removes the staging directories and the unfinished files that no living process holds.
func (st *Store) sweep() {
	for _, dir := range []string{manifestDir, choiceDir, source.ListingDir} {
		disk.RemoveUnfinished(filepath.Join(st.dir, dir))
	}
	entries, _ := os.ReadDir(filepath.Join(st.dir, stagingDir))
	for _, e := range entries {
		l := st.lockFile(e.Name())
		if ok, err := l.TryLock(); err != nil || !ok {
			continue
		}
		_ = disk.RemoveAll(filepath.Join(st.dir, stagingDir, e.Name()))
		_ = l.Unlock()
	}
}
