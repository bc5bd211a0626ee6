package reference

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slugc/buildpacks/git"
	"slugc/cache/disk"
	"slugc/cache/unpack"
)

// fetchTime is how long one repository may take.
const fetchTime = 5 * time.Minute

var errFetchTime = errors.New("fetching takes longer than five minutes")

// repository is a git repository on another machine, and what there is of it here.
type repository struct {
	git.Client
	from git.Remote
	dir  string // bare, in staging
}

// remote returns where a repository is fetched from, and who asks.
func (s *Store) remote(r Ref) (*repository, error) {
	repo := &repository{Client: s.git}
	if repo.Program == "" {
		return nil, failed(Machine, "buildpack/no-git", fmt.Errorf("no git in %q", repo.Search),
			"install git, or name an archive of the buildpack")
	}
	addr := r.Addr
	if u, err := url.Parse(addr); err == nil && strings.HasPrefix(u.Scheme, "http") {
		repo.User, u.User = u.User, nil
		addr = u.String()
	}
	var err error
	if repo.from, err = git.ParseRemote(addr); err != nil {
		return nil, failed(Writer, "buildpack/reference-invalid", fmt.Errorf("its URL %w", err),
			"write the address of a git repository")
	}
	return repo, nil
}

// fetchGit fetches the tree of a commit, with its submodules.
func (s *Store) fetchGit(ctx context.Context, r Ref, f *fetched, to string) error {
	repo, err := s.remote(r)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, fetchTime, errFetchTime)
	defer cancel()
	repo.dir = filepath.Join(f.staging, "repository.git")
	s.o.Note("Fetching " + repo.from.String())
	id, err := repo.fetch(limited, r.Rev)
	if err == nil {
		f.source = repo.at(id, r.Sub)
		if err = makeDir(to); err == nil {
			err = s.export(limited, repo, id, to)
		}
	}
	if err == nil {
		m := &modules{store: s, staging: f.staging, root: to}
		err = m.enter(limited, repo, id, "", 0)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errGit(err)
}

// at is the reference to a directory of a commit.
func (r *repository) at(id, sub string) string {
	return r.from.Argument() + strings.TrimSuffix("#"+id+":"+sub, ":")
}

// resolve returns the commit that a revision names, by asking the server; "" if only a fetch of everything can tell.
func (r *repository) resolve(ctx context.Context, dir, rev string) (string, error) {
	if rev == "" {
		rev = "HEAD"
	}
	switch {
	case r.isNearby():
		return r.resolveNearby(ctx, rev)
	case git.IsID(rev):
		return rev, nil
	}
	refs, err := r.List(ctx, dir, r.from, rev, rev+"^{}")
	if err != nil {
		return "", err
	}
	const tag, branch, peeled = "refs/tags/", "refs/heads/", "^{}"
	for _, name := range []string{tag + rev + peeled, tag + rev, branch + rev, rev + peeled, rev} {
		if id := refs[name]; id != "" {
			return id, nil
		}
	}
	if len(rev) >= 7 && strings.Trim(rev, "0123456789abcdef") == "" {
		return "", nil
	}
	return "", r.errNoRevision(rev)
}

// fetch fetches the commit that a revision names, and returns it.
func (r *repository) fetch(ctx context.Context, rev string) (string, error) {
	if err := os.Mkdir(r.dir, 0o700); err != nil {
		return "", err
	}
	if r.isNearby() {
		return r.borrow(ctx, rev)
	}
	id, err := r.resolve(ctx, r.dir, rev)
	if err == nil {
		err = r.Init(ctx, r.dir, id)
	}
	if err != nil {
		return "", err
	}
	if id != "" {
		err = r.Fetch(ctx, r.dir, r.from, "--depth=1", "--", r.from.Argument(), "+"+id+":refs/kept/it")
		if !git.Said(err, "does not allow request for unadvertised object", "does not support shallow") {
			return id, err
		}
		rev = id
	}
	err = r.Fetch(ctx, r.dir, r.from, "--", r.from.Argument(),
		"+refs/heads/*:refs/all/heads/*", "+refs/tags/*:refs/all/tags/*")
	if err != nil {
		return "", err
	}
	out, err := r.Local(ctx, r.dir, "rev-parse", "--verify", "--quiet", "--end-of-options", rev+"^{commit}")
	if _, failed := errors.AsType[*git.Error](err); failed {
		return "", errNotFound(fmt.Errorf("the repository has no commit %q", rev), "write the commit in full")
	}
	if err != nil {
		return "", err
	}
	return out.Line(), nil
}

// attributes override those of a repository: an author's export-ignore, line ends or filters change nothing.
const attributes = "* !export-ignore !export-subst -text !eol !ident !filter !working-tree-encoding\n"

// export writes the files of a commit into a directory.
func (s *Store) export(ctx context.Context, r *repository, id, to string) error {
	info := filepath.Join(r.dir, "info")
	err := os.MkdirAll(info, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(info, "attributes"), []byte(attributes), 0o600)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd, stderr := r.Command(ctx, r.dir, "archive", "--format=tar", id), &git.Output{}
	cmd.Stderr = stderr
	tar, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("running git: %w", err)
	}
	_, err = unpack.Archive(ctx, tar, to, unpack.Options{Limits: s.o.Limits})
	if _, refused := errors.AsType[*unpack.Refusal](err); refused {
		cancel()
	}
	waited := cmd.Wait()
	if _, refused := errors.AsType[*unpack.Refusal](err); !refused && waited != nil {
		return &git.Error{Verb: "archive", Stderr: stderr.String(), Err: disk.Reported(waited, stderr.String())}
	}
	return errUnpacking(err)
}

// errGit names what is wrong with a repository.
func errGit(err error) error {
	said := func(texts ...string) bool { return git.Said(err, texts...) }
	_, failure := errors.AsType[*git.Error](err)
	_, trouble := disk.TroubleOf(err)
	switch {
	case errors.Is(err, errFetchTime):
		return errUnreachable(errFetchTime)
	case !failure || trouble:
		return err
	case git.Unreachable(err):
		return errUnreachable(errors.New(git.Complaint(err)))
	case said("file too large"):
		return failed(Author, "buildpack/too-large", errors.New("the repository is larger than the limit"),
			"take a smaller release of the buildpack")
	case said("could not read username", "could not read password", "authentication failed", "permission denied",
		"returned error: 401", "returned error: 403", "host key verification"):
		return failed(Writer, "buildpack/denied",
			fmt.Errorf("the repository is not there, or not for everyone: %s", git.Complaint(err)),
			"see that the address is right, and that this machine may read it without being asked for a password")
	case said("not found", "not our ref", "couldn't find remote ref", "does not appear to be a git repository",
		"does not exist", "no such remote ref", "not a git repository", "returned error: 40"):
		return errNotFound(errors.New(git.Complaint(err)), "see that the address and the revision are right")
	}
	return failed(Author, "buildpack/repository", errors.New(git.Complaint(err)),
		"`git clone` and `git fsck` tell what is wrong with the repository")
}
