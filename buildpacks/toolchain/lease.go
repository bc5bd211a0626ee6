package toolchain

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"slugc/buildpacks/toolchain/manifest"
	"slugc/buildpacks/toolchain/source"
	"slugc/cache/digest"
)

// Lease is a build's use of a store. What it has returned stays as it is until [Lease.Release]: no
// process prunes or replaces it. It ends with its process. Goroutines may use it at once.
//
//	lease := store.Lease(progress)
//	defer lease.Release()
//	tools, err := lease.Ensure(ctx, requests)
type Lease struct {
	st *Store
	p  Progress

	mu     sync.Mutex
	unlock map[string]func()             // by the name of a lock, which is held shared
	whole  map[string]*manifest.Manifest // of trees that were checked, by directory
}

// Lease begins a lease. p is told what it does, and may be nil.
func (st *Store) Lease(p Progress) *Lease {
	if p == nil {
		p = noProgress{}
	}
	return &Lease{st: st, p: p, unlock: map[string]func(){}, whole: map[string]*manifest.Manifest{}}
}

// Release ends the lease. A second call does nothing.
func (l *Lease) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, unlock := range l.unlock {
		unlock()
	}
	clear(l.unlock)
}

// Digest returns the digest of what a directory holds that the lease has returned: of the paths,
// permissions and content of its files. It is "" for other directories, and for those that are used
// where they lie.
func (l *Lease) Digest(dir string) digest.Digest {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.whole[filepath.Clean(dir)]; m != nil {
		return m.Digest()
	}
	return ""
}

// Ensure resolves every request and fetches what the store does not hold, all at once, and returns
// the toolchains in the requests' order. What the store holds is compared with its manifest first,
// and fetched again where it is damaged. Errors are [*Unavailable], [*ConstraintError], [*HashError]
// or [*DamagedError] where the request, the sources or the store are to blame, joined where several
// requests fail.
func (l *Lease) Ensure(ctx context.Context, reqs []Request) ([]Toolchain, error) {
	got := make([]Toolchain, len(reqs))
	errs := make([]error, len(reqs))
	slots := make(chan struct{}, maxParallel)
	var wg sync.WaitGroup
	for i, req := range reqs {
		slots <- struct{}{}
		wg.Go(func() {
			got[i], errs[i] = l.ensure(ctx, req)
			<-slots
		})
	}
	wg.Wait()
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, context.Cause(ctx)
	}
	if err := join(errs); err != nil {
		return nil, err
	}
	return got, nil
}

// hold takes a lock, shared, until the lease ends. wait, which may be nil, is called before it has to
// wait.
func (l *Lease) hold(ctx context.Context, name string, wait func()) error {
	l.mu.Lock()
	_, held := l.unlock[name]
	l.mu.Unlock()
	if held {
		return nil
	}
	unlock, err := l.st.lockOrWait(ctx, name, true, wait)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, held := l.unlock[name]; held { // another goroutine was faster
		unlock()
		return nil
	}
	l.unlock[name] = unlock
	return nil
}

// drop gives a lock back before the lease ends.
func (l *Lease) drop(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if unlock, ok := l.unlock[name]; ok {
		unlock()
		delete(l.unlock, name)
	}
}

// check compares a tree with its manifest, once in a lease.
func (l *Lease) check(ctx context.Context, id, tree string) error {
	l.mu.Lock()
	done := l.whole[tree] != nil
	l.mu.Unlock()
	if done {
		return nil
	}
	m, err := l.st.check(ctx, id, tree)
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.whole[tree] = m
	}
	return err
}

// maxTries bounds how often a request starts again because its tree was pruned or replaced.
const maxTries = 10

// ensure serves one request.
func (l *Lease) ensure(ctx context.Context, req Request) (Toolchain, error) {
	t, c, err := l.st.parse(req)
	if err != nil {
		return Toolchain{}, err
	}
	var damaged *DamagedError
	for range maxTries {
		var r *record
		if r, err = l.st.resolve(ctx, req, t, c, l.p); err != nil {
			if damaged != nil {
				damaged.Err = err
				return Toolchain{}, damaged
			}
			return Toolchain{}, err
		}
		var tc Toolchain
		tc, err = l.use(ctx, req, r)
		if _, ok := errors.AsType[*unsoundError](err); ok {
			if damaged, err = l.replace(ctx, t, r); err != nil {
				return Toolchain{}, err
			}
			continue
		}
		if !errors.Is(err, errPruned) {
			return tc, err
		}
	}
	return Toolchain{}, fmt.Errorf("using %s from the store: %w", req.Tool, err)
}

// use answers a request with a tree, if the request's pin is right and the tree is what it was when
// it was stored, and marks it as used.
func (l *Lease) use(ctx context.Context, req Request, r *record) (Toolchain, error) {
	if req.Hash != "" {
		ok, note := r.pinned(req.Hash)
		if !ok {
			return Toolchain{}, &HashError{req.Tool, r.Version, req.From, req.Hash}
		}
		if note != "" {
			l.p.Note(note)
		}
	}
	dir := r.Root
	if dir == "" {
		id := l.st.id(req.Tool, r.Version)
		if err := l.hold(ctx, id, nil); err != nil {
			return Toolchain{}, err
		}
		if err := l.st.present(req.Tool, r.Version); err != nil {
			l.drop(id)
			return Toolchain{}, err
		}
		dir = l.st.tree(req.Tool, r.Version)
		if err := l.check(ctx, id, dir); err != nil {
			l.drop(id)
			return Toolchain{}, err
		}
		l.st.mark(id)
	}
	tc := r.toolchain(dir)
	tc.Tool, tc.Requested, tc.From = req.Tool, req.Constraint, req.From
	return tc, nil
}

// replace removes a damaged tree, so that it is fetched again, and says so. A tree without a manifest
// is one of an older slugc or has lost it: it is fetched again too, and where it cannot be, it is
// taken as it is. Waiting for the lock is waiting for the builds that use the tree.
func (l *Lease) replace(ctx context.Context, t *source.Tool, r *record) (*DamagedError, error) {
	id, tree := l.st.id(r.Tool, r.Version), l.st.tree(r.Tool, r.Version)
	unlock, err := l.st.lockToReplace(ctx, id, tree)
	if err != nil || unlock == nil {
		return nil, err
	}
	defer unlock()
	if held, err := l.st.held(r.Tool, r.Version); held == nil || err != nil {
		return nil, err
	}
	_, err = l.st.check(ctx, id, tree)
	why, ok := errors.AsType[*unsoundError](err)
	switch {
	case !ok:
		return nil, err // nil where another process was faster
	case why.damage == nil:
		return nil, l.st.renew(ctx, t, r, l.p)
	}
	l.p.Note(r.Tool + " " + r.Version + " in the toolchain store is damaged (" + why.Error() + "): it is fetched again")
	return &DamagedError{Tool: r.Tool, Version: r.Version, Tree: tree, What: why.Error()}, l.st.remove(id, tree)
}
