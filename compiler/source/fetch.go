package source

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"slugc/buildpacks/git"
	"slugc/cache/disk"
	"slugc/cache/unpack"
	"slugc/compiler/fault"
)

// fetcher fetches submodules into repositories of their own, one for each URL. They get nothing of
// the hosting repository: neither its configuration nor the objects of a push in quarantine.
type fetcher struct {
	Submodules
	allow  []pattern
	client git.Client
	seen   int // number of submodules so far
	repos  map[string]*repository
}

// fetchTime is how long a fetch may take if Submodules does not say.
const fetchTime = 5 * time.Minute

func newFetcher(spec Spec, host *repository, limit int64) (*fetcher, error) {
	f := &fetcher{
		Submodules: spec.Submodules,
		client:     git.Client{Program: host.program, Search: host.search, Env: spec.Env, Limit: limit},
		repos:      map[string]*repository{},
	}
	for _, text := range f.Allow {
		p, err := parsePattern(text)
		if err != nil {
			return nil, err
		}
		f.allow = append(f.allow, p)
	}
	f.Timeout = cmp.Or(f.Timeout, fetchTime)
	return f, nil
}

// allowed reads a submodule's URL and checks it against the patterns.
func (f *fetcher) allowed(name, raw string, base git.Remote) (git.Remote, error) {
	r, err := git.Resolve(base, raw)
	if err != nil {
		return r, errSubmodule(
			name,
			fmt.Errorf("can't be fetched from %s: its URL %w", git.Shown(raw), err),
			"give it another URL in .gitmodules",
		)
	}
	for _, p := range f.allow {
		if p.allows(r) {
			return r, nil
		}
	}
	return r, errSubmodule(
		name,
		fmt.Errorf("is at %s, which is not allowed", git.Shown(r.String())),
		"allow its URL with `--allow-submodules PATTERN`, of `slugc build --ref` or, for pushes, "+
			"of `slugc hook install`",
	)
}

// repository returns the repository with a submodule's commit, and fetches that if it is not there
// yet.
func (f *fetcher) repository(ctx context.Context, link gitlink, from git.Remote) (*repository, error) {
	if f.Cache == "" {
		return nil, errors.New("fetching submodules: there is no directory to keep them in")
	}
	if err := os.MkdirAll(f.Cache, 0o700); err != nil {
		return nil, fmt.Errorf("fetching submodules: %w", err)
	}
	cache, err := filepath.EvalSymlinks(f.Cache)
	if err != nil {
		return nil, fmt.Errorf("fetching submodules: %w", err)
	}
	// Repositories of different hashes can't hold each other's objects.
	key := sha256.Sum256([]byte(strconv.Itoa(len(link.oid)) + " " + from.Argument()))
	dir := filepath.Join(cache, hex.EncodeToString(key[:16])+".git")
	r := f.repos[dir]
	if r == nil {
		r = newRepository(f.client.Program, f.client.Search, dir)
		r.hint = fmt.Sprintf("remove %s, where the submodule is kept, and it is fetched again", dir)
		f.repos[dir] = r
	}
	if f.kept(ctx, r, link.oid) {
		return r, nil
	}
	if f.Fetching != nil {
		f.Fetching(link.path, from.String())
	}
	limited, cancel := context.WithTimeoutCause(ctx, f.Timeout, errFetchTime)
	defer cancel()
	err = f.fetch(limited, r, link.oid, from)
	if err == nil && !f.kept(ctx, r, link.oid) {
		err = errNotThere
	}
	if err != nil {
		_ = git.RemoveLocks(dir) // prepare tries again
	}
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return r, f.explain(err, link, from)
}

// kept reports whether a commit was fetched: git makes the ref when everything below it is there.
func (f *fetcher) kept(ctx context.Context, r *repository, oid string) bool {
	if _, err := os.Stat(r.dir); err != nil {
		return false
	}
	out, err := r.firstLine(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", "refs/kept/"+oid+"^{commit}")
	return err == nil && out == oid
}

// fetch fetches a commit alone, or everything from a server that does not serve single commits.
func (f *fetcher) fetch(ctx context.Context, r *repository, oid string, from git.Remote) error {
	if err := prepare(ctx, f.client, r, oid); err != nil {
		return err
	}
	err := f.client.Fetch(ctx, r.dir, from, "--depth=1", "--", from.Argument(), "+"+oid+":refs/kept/"+oid)
	if !git.Said(err, "does not allow request for unadvertised object", "does not support shallow") {
		return err
	}
	err = f.client.Fetch(ctx, r.dir, from, "--prune", "--", from.Argument(),
		"+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*")
	if err != nil {
		return err
	}
	// Only commits that a fetched ref leads to are complete.
	within, err := r.firstLine(ctx, "for-each-ref", "--count=1", "--contains", oid, "refs/all")
	if err != nil || within == "" {
		return errNotThere
	}
	_, err = r.firstLine(ctx, "update-ref", "refs/kept/"+oid, oid)
	return err
}

// prepare makes the repository, or removes what a killed fetch has left in it.
func prepare(ctx context.Context, client git.Client, r *repository, oid string) error {
	if _, err := os.Stat(r.dir); err == nil {
		return git.RemoveLocks(r.dir)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(r.dir), ".new-*"))
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	fresh, err := os.MkdirTemp(filepath.Dir(r.dir), ".new-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(fresh)
	if err := client.Init(ctx, fresh, oid); err != nil {
		return err
	}
	return os.Rename(fresh, r.dir)
}

var (
	errFetchTime = errors.New("not done in time")
	errNotThere  = errors.New("no such commit there")
)

// explain gives the error of a fetch its owner and id.
func (f *fetcher) explain(err error, link gitlink, from git.Remote) error {
	what := fmt.Sprintf("submodule %q from %q", link.path, from)
	_, trouble := disk.TroubleOf(err)
	switch {
	case err == nil:
		return nil
	case trouble:
		return fmt.Errorf("fetching the %s into %q: %w", what, f.Cache, err)
	case errors.Is(err, errNotThere), git.Said(err, "not our ref", "couldn't find git.Remote ref"):
		return errSubmodule(
			link.path,
			fmt.Errorf("has the commit %s, which is not in %q", link.oid, from),
			"push that commit to the submodule's repository first",
		)
	case git.Said(err, "file too large"):
		return errTooLarge(link.path,
			fmt.Sprintf("is a submodule of more than %s, the limit", unpack.Size(f.client.Limit)))
	case errors.Is(err, errFetchTime):
		return errUnreachable(link, fmt.Errorf("fetching the %s: not done in %s", what, f.Timeout))
	case git.Said(err, "fsck error"):
		return errSubmodule(
			link.path,
			fmt.Errorf("can't be fetched from %q: %s", from, git.Complaint(err)),
			"`git fsck` in its repository tells what is wrong with it",
		)
	case git.Unreachable(err):
		return errUnreachable(link, fmt.Errorf("fetching the %s: %s", what, git.Complaint(err)))
	}
	if _, ok := errors.AsType[*git.Error](err); !ok {
		return fmt.Errorf("fetching the %s: %w", what, err)
	}
	return errSubmodule(link.path, fmt.Errorf("can't be fetched from %q: %s", from, git.Complaint(err)),
		"see that .gitmodules has the right URL, and that this machine may read it without being asked for a password")
}

// errUnreachable is the error for a submodule whose server does not answer.
func errUnreachable(link gitlink, err error) error {
	return fault.TransientError("source/submodule-unreachable", err, "try again when the server answers").
		At("%s", link.path)
}
