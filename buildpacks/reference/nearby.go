package reference

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"slugc/buildpacks/git"
)

// A repository of this machine is not fetched: git would run with its configuration, and refuses to do so for one of
// another user. Its objects are read by a repository of our own.

// isNearby reports whether the repository is on this machine.
func (r *repository) isNearby() bool { return r.from.Scheme == "file" }

// ask runs git in a repository of this machine, which only reads its refs.
func (r *repository) ask(ctx context.Context, args ...string) (string, error) {
	safe := []string{"-c", "safe.directory=*", "-c", "core.fsmonitor=false"}
	out, err := r.Local(ctx, r.from.Path, append(safe, args...)...)
	if err != nil {
		return "", err
	}
	return out.Line(), nil
}

// resolveNearby returns the commit that a revision of a repository of this machine names.
func (r *repository) resolveNearby(ctx context.Context, rev string) (string, error) {
	for _, name := range []string{"refs/tags/" + rev, "refs/heads/" + rev, rev} {
		id, err := r.ask(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
		if err == nil && git.IsID(id) {
			return id, nil
		}
		// Without a word, git says that there is no such revision.
		if e, ok := errors.AsType[*git.Error](err); err != nil && (!ok || e.Stderr != "") && !isNoCommit(err) {
			return "", err
		}
	}
	return "", r.errNoRevision(rev)
}

// isNoCommit reports whether git says that a revision is not one of a commit.
func isNoCommit(err error) bool { return git.Said(err, "expected commit type", "unable to find") }

// errNoRevision is the error for a revision that the repository does not have.
func (r *repository) errNoRevision(rev string) error {
	if rev == "HEAD" {
		return errNotFound(errors.New("the repository is empty"), "see that the address is right")
	}
	return errNotFound(fmt.Errorf("the repository has no branch, tag or commit %q", rev),
		fmt.Sprintf("`git ls-remote %s` lists those that it has", r.from.Argument()))
}

// borrow makes a repository with the objects of the one on this machine (gitrepository-layout(5),
// "objects/info/alternates"), and returns the commit that a revision names.
func (r *repository) borrow(ctx context.Context, rev string) (string, error) {
	id, err := r.resolve(ctx, r.dir, rev)
	var objects string
	if err == nil {
		objects, err = r.ask(ctx, "rev-parse", "--path-format=absolute", "--git-path", "objects")
	}
	if err == nil {
		err = r.Init(ctx, r.dir, id)
	}
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(objects) || strings.ContainsAny(objects, "\n\"") {
		return "", fmt.Errorf("reading a git repository: its objects are at %q", objects)
	}
	return id, os.WriteFile(filepath.Join(r.dir, "objects", "info", "alternates"), []byte(objects+"\n"), 0o600)
}
