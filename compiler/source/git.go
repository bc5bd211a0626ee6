package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

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
	program := findGit(search)
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
	r.env = append(r.env, pick(env, quarantine)...)
	return r, nil
}

// findGit returns the path of git in a search path, "" if it is not there.
func findGit(search string) string {
	for _, d := range filepath.SplitList(search) {
		file := filepath.Join(d, "git")
		if st, err := os.Stat(file); filepath.IsAbs(d) && err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}

// newRepository returns the repository at dir, with an environment in which git only reads, and
// only that repository.
func newRepository(program, search, dir string) *repository {
	return &repository{
		program: program,
		search:  search,
		dir:     dir,
		hint:    "`git fsck` tells what is wrong with the repository",
		env: []string{
			"PATH=" + search, "LC_ALL=C",
			"GIT_CEILING_DIRECTORIES=" + filepath.Dir(dir), // the repository is here or nowhere
			"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
			// a partial clone's configuration must not have git run a transport
			"GIT_ALLOW_PROTOCOL=none", "GIT_NO_LAZY_FETCH=1",
			"GIT_NO_REPLACE_OBJECTS=1", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0",
		},
	}
}

// pick returns the variables of an environment that have one of these names.
func pick(env, names []string) (kept []string) {
	for _, kv := range env {
		if name, _, _ := strings.Cut(kv, "="); slices.Contains(names, name) {
			kept = append(kept, kv)
		}
	}
	return kept
}

// command prepares a git child and the buffer of its standard error. Only plumbing that reads
// objects is run, so the repository's owner does not matter.
func (r *repository) command(ctx context.Context, args ...string) (*exec.Cmd, *output) {
	cmd := exec.CommandContext(
		ctx,
		r.program,
		append([]string{"-C", r.dir, "-c", "safe.directory=*", "-c", "core.fsmonitor=false"}, args...)...)
	cmd.Env = r.env
	cmd.WaitDelay = 2 * time.Second
	stderr := &output{}
	cmd.Stderr = stderr
	return cmd, stderr
}

// firstLine runs git and returns the first line that it prints.
func (r *repository) firstLine(ctx context.Context, args ...string) (string, error) {
	cmd, stderr := r.command(ctx, args...)
	out := &output{}
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return "", errGit(ctx, args[0], err, stderr)
	}
	return out.line(), nil
}

// gitError is a git child that failed.
type gitError struct {
	verb, stderr string
	err          error
}

func (e *gitError) Error() string {
	if e.stderr != "" {
		return fmt.Sprintf("git %s: %s", e.verb, e.stderr)
	}
	return fmt.Sprintf("git %s: %v", e.verb, e.err)
}

func (e *gitError) Unwrap() error { return e.err }

// errGit is the error of a git child that failed, or the context's.
func errGit(ctx context.Context, verb string, err error, stderr *output) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err = disk.Reported(err, stderr.buf.String())
	return &gitError{verb: verb, stderr: strings.TrimPrefix(stderr.line(), "fatal: "), err: err}
}

// output keeps the start of a child's output. The buffer is a field, because [io.Copy] would bypass
// Write by the methods of an embedded one.
type output struct {
	buf   bytes.Buffer
	limit int // bytes to keep; 0 for 4096
}

func (t *output) Write(p []byte) (int, error) {
	if room := cmp.Or(t.limit, 4096) - t.buf.Len(); room > 0 {
		t.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (t *output) line() string {
	line, _, _ := strings.Cut(strings.TrimSpace(t.buf.String()), "\n")
	return line
}

// isOID reports whether s is an object's id, sha1 or sha256.
func isOID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
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
			if e, ok := errors.AsType[*gitError](err); ok && strings.HasPrefix(e.stderr, "not a git repository") {
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
		if !isOID(out) {
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
	if _, ok := errors.AsType[*gitError](err); ok || err == nil && !isOID(out) {
		return "", errNoSubdir(sub, "no such file or directory")
	}
	if err != nil {
		return "", err
	}
	kind, err := r.firstLine(ctx, "cat-file", "-t", out)
	if _, ok := errors.AsType[*gitError](err); ok || err == nil && kind != "tree" {
		return "", errNoSubdir(sub, "not a directory")
	}
	return out, err
}
