package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"slugc/buildpacks/toolchain/source"
)

// Names inside a store. What starts with a dot is the store's own or a source's; everything else is
// ‹tool›/‹version›-‹os›-‹arch›/.
const (
	stagingDir  = ".staging"   // what is not whole yet, a directory for each tool, version and platform
	lockDir     = ".locks"     // a file for each tool, version and platform, never deleted
	choiceDir   = ".choices"   // what a constraint was resolved to, for a day
	usedDir     = ".used"      // an empty file for each tree; its time is the last use
	manifestDir = ".manifests" // what each tree holds, by digest
	recordName  = "toolchain.json"
)

// Marks in the names of locks, staging directories and notes.
const (
	derivedMark  = "+"    // between a tree and what was derived from it
	replacedMark = "~old" // after a tree that another takes the place of
)

const maxParallel = 32 // requests

// Store is a directory of toolchains. Any number of processes and goroutines may use one directory
// at once.
type Store struct {
	dir   string
	set   Settings
	env   *source.Env
	tools []source.Tool
}

// Open opens the store in a directory, which is made where it is missing, and removes what killed
// fetches have left.
func Open(dir string, s Settings) (*Store, error) {
	s.setDefaults()
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the toolchain store %q: %w", dir, err)
	}
	for _, sub := range []string{stagingDir, lockDir, source.ListingDir, choiceDir, usedDir, manifestDir} {
		if err := os.MkdirAll(filepath.Join(abs, sub), 0o755); err != nil {
			return nil, fmt.Errorf("opening the toolchain store %q: %w", dir, err)
		}
	}
	st := &Store{dir: abs, set: s}
	st.env = &source.Env{
		OS: s.OS, Arch: s.Arch, Dir: abs, Web: source.NewWeb(s.Client, s.Stall, s.Retry), Now: s.Now, Fresh: s.Fresh,
		Lock: func(ctx context.Context, name string) (func(), error) { return st.lock(ctx, name, false) },
	}
	st.tools = catalogue(st.env, s)
	st.sweep()
	return st, nil
}

// tool returns a tool of the catalogue, or nil.
func (st *Store) tool(name string) *source.Tool {
	i := slices.IndexFunc(st.tools, func(t source.Tool) bool { return t.Name == name })
	if i < 0 {
		return nil
	}
	return &st.tools[i]
}

// Ensure is [Lease.Ensure] for a caller that does not hold what it gets: another process may prune
// it. p may be nil.
func (st *Store) Ensure(ctx context.Context, reqs []Request, p Progress) ([]Toolchain, error) {
	l := st.Lease(p)
	defer l.Release()
	return l.Ensure(ctx, reqs)
}

// join is errors.Join, but a lone error stays itself, on one line.
func join(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// errPruned is the error for a tree that was pruned between being found and being marked as used.
var errPruned = errors.New("it was pruned just now")

// parse finds the tool of a request and reads its constraint.
func (st *Store) parse(req Request) (*source.Tool, *source.Constraint, error) {
	t := st.tool(req.Tool)
	if t == nil {
		return nil, nil, fmt.Errorf("finding %q: no such tool is known", req.Tool)
	}
	c, err := t.Parse(req.Constraint)
	if err != nil {
		return nil, nil, &ConstraintError{req.Tool, req.Constraint, req.From, err}
	}
	c.Text = req.Constraint
	return t, c, nil
}

// resolve finds a tree: by the choice of the last day, by what the store holds, else by the first
// source that can.
func (st *Store) resolve(
	ctx context.Context,
	req Request,
	t *source.Tool,
	c *source.Constraint,
	p Progress,
) (*record, error) {
	if r, err := st.chosen(req, t, c); r != nil || err != nil {
		return r, err
	}
	no := &Unavailable{Tool: req.Tool, Constraint: req.Constraint, From: req.From}
	if st.set.Offline {
		no.Tried = []SourceError{{Source: "the sources", Err: errOffline}}
		return st.fallBack(c, p, no)
	}
	for _, s := range t.Sources {
		r, note, err := st.try(ctx, req, s, c, p)
		if err == nil {
			for _, t := range no.Tried { // where none serves, the error has all this
				p.Note(t.Error())
			}
			if note != "" {
				p.Note(note)
			}
			st.choose(req, r)
			return r, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			if errors.Is(err, cause) {
				return nil, err // it names the host
			}
			return nil, cause
		}
		if _, pin := errors.AsType[*HashError](err); pin {
			return nil, err
		}
		if errors.Is(err, source.ErrDisabled) {
			continue
		}
		tried := SourceError{Source: s.Name(), Err: err}
		if none, ok := errors.AsType[*source.NoVersionError](err); ok {
			tried.Nearest = none.Nearest
		}
		no.Tried = append(no.Tried, tried)
	}
	return st.fallBack(c, p, no)
}

// try asks one source for a version and puts it into the store.
func (st *Store) try(
	ctx context.Context,
	req Request,
	s source.Source,
	c *source.Constraint,
	p Progress,
) (*record, string, error) {
	version, note, err := s.Resolve(ctx, c)
	if err != nil {
		return nil, "", err
	}
	if inPlace, ok := s.(source.InPlace); ok {
		return st.inPlace(req.Tool, version, inPlace), note, nil
	}
	r, err := st.install(ctx, req, s, version, p)
	return r, note, err
}

// fallBack serves a request from the store alone, where no source could be asked. A version that
// does not exist stays an error.
func (st *Store) fallBack(c *source.Constraint, p Progress, no *Unavailable) (*record, error) {
	if no.NotFound() {
		return nil, no
	}
	var l source.Listing
	held := map[string]*record{}
	records, err := st.records(no.Tool)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if r.OS == st.set.OS && r.Arch == st.set.Arch && c.Match(r.Version) {
			l.Versions = append(l.Versions, r.Version)
			held[r.Version] = r
		}
	}
	version, _ := c.Pick(l)
	if version == "" {
		return nil, no
	}
	why := "the build is offline"
	if !st.set.Offline {
		why = "no source could be asked"
		for _, t := range no.Tried {
			p.Note(t.Error())
		}
	}
	p.Note(fmt.Sprintf("using %s %s from the store, because %s", no.Tool, version, why))
	return held[version], nil
}
