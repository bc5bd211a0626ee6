package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Names inside a store. What begins with a dot is the store's own; everything else is
// ‹tool›/‹version›-‹os›-‹arch›/.
const (
	stagingDir  = ".staging"  // trees and downloads that are not whole yet, one directory a tool, version and platform
	lockDir     = ".locks"    // one file a tool, version and platform, never deleted
	listingDir  = ".listings" // what sources have, with validators
	choiceDir   = ".choices"  // what a constraint was resolved to, for a day
	usedDir     = ".used"     // one empty file a tree; its time is the last use
	sumdbDir    = ".sumdb"    // the checksum database's latest tree and tiles
	recordName  = "toolchain.json"
	maxRequests = 32
)

// Store is a directory of toolchains. Any number of processes and goroutines may use one directory
// at once.
type Store struct {
	dir   string
	set   Settings
	web   *web
	tools map[string]*tool

	mu    sync.Mutex
	asked map[string]*sync.Mutex // one a listing, so that it is fetched once
	fresh map[string]bool        // listings that this Store has asked for
}

// tool is how one tool's versions are written, ordered and found.
type tool struct {
	parse   func(constraint string) (*want, error)
	compare func(a, b string) int
	sources []source
}

// want is a constraint that has been read.
type want struct {
	text  string                            // the constraint as it was asked
	exact string                            // the version, where the constraint names just one
	match func(version string) bool         // whether a version may serve; used where there is no listing
	pick  func(l *listing) (string, string) // the version to take of a listing, "" for none, and a note for people
	lines func() (low, high int)            // for sources that cannot list: the lines of releases to probe between
}

// listing is what a source has.
type listing struct {
	versions []string
	old      []string          // versions that their authors advise against: taken where nothing else fits
	lts      map[string]string // codename by version, from sources that know; nil from others
	tags     map[string]string // version by name, as "latest"
}

// source lists versions of one tool and fetches one.
type source interface {
	name() string
	// find chooses a version. It returns errNoVersion (a *noVersion) where the source has none that
	// fits.
	find(ctx context.Context, w *want) (version, note string, err error)
	// fetch makes the tree of a version that find has chosen, verified, in j.tree, and returns the
	// artefact's digest.
	fetch(ctx context.Context, version string, j *job) (digest string, err error)
}

// Open opens the store in a directory, which is made where it is missing, and removes what killed
// fetches have left.
func Open(dir string, s Settings) (*Store, error) {
	s.fill()
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the toolchain store %q: %w", dir, err)
	}
	st := &Store{
		dir:   abs,
		set:   s,
		web:   newWeb(s.Client, s.Stall),
		asked: map[string]*sync.Mutex{},
		fresh: map[string]bool{},
	}
	for _, sub := range []string{stagingDir, lockDir, listingDir, choiceDir, usedDir} {
		if err := os.MkdirAll(filepath.Join(abs, sub), 0o755); err != nil {
			return nil, fmt.Errorf("opening the toolchain store %q: %w", dir, err)
		}
	}
	registry := newRegistry(st)
	st.tools = map[string]*tool{
		"node": nodeTool(st, registry),
		"npm":  managerTool(st, registry, "npm"),
		"pnpm": managerTool(st, registry, "pnpm"),
		"yarn": managerTool(st, registry, "yarn"),
		"bun":  managerTool(st, registry, "bun"),
		"go":   goTool(st),
		"ruby": rubyTool(st),

		"jdk":       jdkTool(st),
		"leiningen": leiningenTool(st),
		"clojure":   clojureTool(st),
	}
	st.sweep()
	return st, nil
}

// Ensure resolves every request and fetches what the store does not hold, all at once, and returns
// the toolchains in the requests' order. p may be nil. Errors are [*Unavailable],
// [*ConstraintError] or [*HashError] where the request or the sources are to blame, joined where
// several requests fail.
func (st *Store) Ensure(ctx context.Context, reqs []Request, p Progress) ([]Toolchain, error) {
	if p == nil {
		p = silent{}
	}
	got := make([]Toolchain, len(reqs))
	errs := make([]error, len(reqs))
	slots := make(chan struct{}, maxRequests)
	var wg sync.WaitGroup
	for i, req := range reqs {
		slots <- struct{}{}
		wg.Go(func() {
			got[i], errs[i] = st.ensure(ctx, req, p)
			<-slots
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if err := join(errs); err != nil {
		return nil, err
	}
	return got, nil
}

// join is errors.Join, but a lone error stays itself, on one line.
func join(errs []error) error {
	var found []error
	for _, err := range errs {
		if err != nil {
			found = append(found, err)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return errors.Join(found...)
}

// errGone is a tree that was pruned between being found and being marked as used.
var errGone = errors.New("it was pruned just now")

// ensure serves one request.
func (st *Store) ensure(ctx context.Context, req Request, p Progress) (Toolchain, error) {
	t := st.tools[req.Tool]
	if t == nil {
		return Toolchain{}, fmt.Errorf("finding %q: no such tool is known", req.Tool)
	}
	w, err := t.parse(req.Constraint)
	if err != nil {
		return Toolchain{}, &ConstraintError{req.Tool, req.Constraint, req.From, err}
	}
	w.text = req.Constraint
	for range 3 {
		var r *record
		if r, err = st.resolve(ctx, req, t, w, p); err != nil {
			return Toolchain{}, err
		}
		var tc Toolchain
		if tc, err = st.use(ctx, req, r); !errors.Is(err, errGone) {
			return tc, err
		}
	}
	return Toolchain{}, fmt.Errorf("using %s from the store: %w", req.Tool, err)
}

// resolve finds a tree: by the choice of the last day, by what the store holds, else by the first
// source that can.
func (st *Store) resolve(ctx context.Context, req Request, t *tool, w *want, p Progress) (*record, error) {
	if r, ok := st.settled(req, w); ok {
		return r, nil
	}
	no := &Unavailable{Tool: req.Tool, Constraint: req.Constraint, From: req.From}
	if st.set.Offline {
		no.Tried = []SourceError{{Source: "the sources", Err: errOffline}}
		return st.fallBack(w, p, no)
	}
	for _, s := range t.sources {
		r, note, err := st.try(ctx, req, s, w, p)
		if err == nil {
			for _, t := range no.Tried { // where none serves, the error says all this
				p.Note(t.Error())
			}
			if note != "" {
				p.Note(note)
			}
			st.settle(req, r)
			return r, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var pin *HashError
		if errors.As(err, &pin) {
			return nil, err
		}
		if errors.Is(err, errDisabled) {
			continue
		}
		se := SourceError{Source: s.name(), Err: err}
		var nv *noVersion
		if errors.As(err, &nv) {
			se.Nearest = nv.nearest
		}
		no.Tried = append(no.Tried, se)
	}
	return st.fallBack(w, p, no)
}

// try asks one source for a version and puts it into the store.
func (st *Store) try(ctx context.Context, req Request, s source, w *want, p Progress) (*record, string, error) {
	version, note, err := s.find(ctx, w)
	if err != nil {
		return nil, "", err
	}
	r, err := st.install(ctx, req, s, version, p)
	return r, note, err
}

// fallBack serves a request from the store alone, where no source could be asked. A version that
// does not exist stays an error.
func (st *Store) fallBack(w *want, p Progress, no *Unavailable) (*record, error) {
	if no.NotFound() {
		return nil, no
	}
	l := &listing{}
	held := map[string]*record{}
	for _, r := range st.records(no.Tool) {
		if r.OS == st.set.OS && r.Arch == st.set.Arch && w.match(r.Version) {
			l.versions = append(l.versions, r.Version)
			held[r.Version] = r
		}
	}
	version, _ := w.pick(l)
	if version == "" {
		return nil, no
	}
	why := "no source could be asked"
	if st.set.Offline {
		why = "the build is offline"
	}
	for _, t := range no.Tried {
		if !st.set.Offline {
			p.Note(t.Error())
		}
	}
	p.Note(fmt.Sprintf("using %s %s from the store, for %s", no.Tool, version, why))
	return held[version], nil
}

// use marks a tree as used and answers a request with it, once the request's pin holds. The shared
// lock keeps Prune from removing the tree between the two.
func (st *Store) use(ctx context.Context, req Request, r *record) (Toolchain, error) {
	if req.Hash != "" && !r.pinned(req.Hash) {
		return Toolchain{}, &HashError{req.Tool, r.Version, req.From, req.Hash}
	}
	dir := r.Root
	if dir == "" {
		lock, err := st.lock(ctx, st.id(req.Tool, r.Version), true)
		if err != nil {
			return Toolchain{}, err
		}
		defer lock.Unlock()
		if st.held(req.Tool, r.Version) == nil {
			return Toolchain{}, errGone
		}
		st.mark(st.id(req.Tool, r.Version))
		dir = st.tree(req.Tool, r.Version)
	}
	return Toolchain{
		Tool: req.Tool, Version: r.Version, Source: r.Source, Digest: r.Digest, Dir: dir, Requested: req.Constraint, From: req.From,
	}, nil
}
