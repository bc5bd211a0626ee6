package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"slugc/buildpacks/git"
	"slugc/cache/disk"
	"slugc/compiler/fault"
)

// repository is a git repository. It is read by running git, because only git finds the objects of
// a push in quarantine.
type repository struct {
	program string // git
	search  string // PATH
	dir     string // absolute, without links
	env     []string
	hint    string // what to do when git does not say what is wrong
}

// quarantine names the variables by which git finds the objects of a push before it is accepted. No
// other GIT_ variable is passed on: with GIT_DIR, GIT_INDEX_FILE or GIT_CONFIG_PARAMETERS of a hook
// git would read something else.
var quarantine = []string{"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"}

// searchPath is the PATH if Env has none.
const searchPath = "/usr/local/bin:/usr/bin:/bin"

// openRepository finds git and the repository's directory.
func openRepository(dir string, env []string) (*repository, error) {
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err == nil {
		var st fs.FileInfo
		if st, err = os.Stat(real); err == nil && !st.IsDir() {
			err = &fs.PathError{Op: "open", Path: real, Err: errors.New("not a directory")}
		}
	}
	if err != nil {
		return nil, fault.UsageError(
			"source/not-found",
			fmt.Errorf("opening git repository %q: %w", dir, errors.Unwrap(err)),
			"name a directory that exists",
		)
	}
	search := searchPath
	for _, kv := range env {
		if value, ok := strings.CutPrefix(kv, "PATH="); ok {
			search = value
		}
	}
	program := git.Find(search)
	if program == "" {
		return nil, fault.New(
			fault.Slugc,
			0,
			"source/no-git",
			fmt.Errorf("opening git repository %q: no git in %q", dir, search),
			"install git, or build from a directory or a tarball",
		)
	}
	r := newRepository(program, search, real)
	r.env = append(r.env, git.Pick(env, quarantine...)...)
	return r, nil
}

// newRepository returns the repository at dir, with an environment in which git only reads, and
// only that repository.
func newRepository(program, search, dir string) *repository {
	return &repository{
		program: program,
		search:  search,
		dir:     dir,
		hint:    "`git fsck` tells what is wrong with the repository",
		env:     git.LocalEnv(search, dir),
	}
}

// command prepares a git child and the buffer of its standard error. Only plumbing that reads
// objects is run, so the repository's owner does not matter.
func (r *repository) command(ctx context.Context, args ...string) (*exec.Cmd, *git.Output) {
	cmd := exec.CommandContext(
		ctx,
		r.program,
		append([]string{"-C", r.dir, "-c", "safe.directory=*", "-c", "core.fsmonitor=false"}, args...)...)
	cmd.Env = r.env
	cmd.WaitDelay = 2 * time.Second
	stderr := &git.Output{}
	cmd.Stderr = stderr
	return cmd, stderr
}

// firstLine runs git and returns the first line that it prints.
func (r *repository) firstLine(ctx context.Context, args ...string) (string, error) {
	cmd, stderr := r.command(ctx, args...)
	out := &git.Output{}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return "", errGit(ctx, args[0], err, stderr)
	}
	return out.Line(), nil
}

// errGit is the error of a git child that failed, or the context's.
func errGit(ctx context.Context, verb string, err error, stderr *git.Output) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err = disk.Reported(err, stderr.String())
	return &git.Error{Verb: verb, Stderr: strings.TrimPrefix(stderr.Line(), "fatal: "), Err: err}
}

// resolve returns the commit that ref names, after peeling tags, and its tree. A ref to a tree has
// no commit.
func (r *repository) resolve(ctx context.Context, ref string) (commit, tree string, err error) {
	if ref == "" {
		ref = "HEAD"
	}
	notFound := func() error {
		return fault.UsageError(
			"source/ref-not-found",
			fmt.Errorf("opening git revision %q: no such commit or tree", ref),
			fmt.Sprintf("`git branch --all` and `git tag` in %s list what there is", r.dir),
		)
	}
	if ref[0] == '-' || strings.ContainsAny(ref, "\x00\n") {
		return "", "", notFound()
	}
	for _, peel := range []string{"commit", "tree"} {
		out, err := r.firstLine(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{"+peel+"}")
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
			continue
		}
		if err != nil {
			if e, ok := errors.AsType[*git.Error](err); ok && strings.HasPrefix(e.Stderr, "not a git repository") {
				return "", "", fault.UsageError(
					"source/not-found",
					fmt.Errorf("opening git repository %q: it is not one", r.dir),
					"leave --ref out to build the directory as it is",
				)
			} else if !ok {
				return "", "", err
			}
			return "", "", notFound()
		}
		if !git.IsID(out) {
			return "", "", notFound() // "^HEAD" is verified, as "^" and an id
		}
		if peel == "commit" {
			return out, out, nil
		}
		return "", out, nil
	}
	return "", "", notFound()
}

// subtree returns the directory sub in a commit or tree.
func (r *repository) subtree(ctx context.Context, tree, sub string) (string, error) {
	if sub == "" {
		return tree, nil
	}
	out, err := r.firstLine(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", tree+":"+sub)
	if _, ok := errors.AsType[*git.Error](err); ok || err == nil && !git.IsID(out) {
		return "", errNoSubdir(sub, "no such file or directory")
	}
	if err != nil {
		return "", err
	}
	kind, err := r.firstLine(ctx, "cat-file", "-t", out)
	if _, ok := errors.AsType[*git.Error](err); ok || err == nil && kind != "tree" {
		return "", errNoSubdir(sub, "not a directory")
	}
	return out, err
}
