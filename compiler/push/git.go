package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slugc/cache/disk"
	"slugc/compiler/fault"
)

// Repository is a bare git repository. All access goes through git itself, because only git knows
// every way of storing refs.
type Repository struct {
	Dir string // absolute, without links
	git string
	env []string
}

// OpenRepository returns the bare repository in dir. git is the path of the git program. env is its
// environment and should have PATH and HOME, so that git reads the same configuration as
// receive-pack. It refuses with "push/not-a-repository" and "push/not-bare".
func OpenRepository(ctx context.Context, dir, git string, env []string) (*Repository, error) {
	r := &Repository{
		Dir: dir,
		git: git,
		env: append([]string{"LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0"}, env...),
	}
	not := func(err error) error {
		return fault.UsageError("push/not-a-repository", fmt.Errorf("opening the repository %q: %w", dir, err),
			"make one with `git init --bare "+filepath.Base(dir)+"`")
	}
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return nil, not(errors.Unwrap(err))
	}
	// --git-dir keeps git from taking a directory inside a repository for one.
	gitDir := real
	if info, err := os.Stat(filepath.Join(real, ".git")); err == nil && info.IsDir() {
		gitDir = filepath.Join(real, ".git")
	}
	r.Dir = gitDir
	bare, err := r.output(ctx, nil, "rev-parse", "--is-bare-repository")
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, not(errors.New("it is no git repository"))
	case bare != "true":
		return nil, fault.UsageError("push/not-bare",
			fmt.Errorf("opening the repository %q: it has a working directory, which pushes would leave behind", dir),
			"make a bare one with `git clone --bare`, and push to that")
	}
	return r, nil
}

// output runs git in the repository and returns its output without the last newline. more is added
// to its environment.
func (r *Repository) output(ctx context.Context, more []string, args ...string) (string, error) {
	args = append([]string{"--git-dir=" + r.Dir, "-c", "core.fsmonitor=false"}, args...)
	cmd := exec.CommandContext(ctx, r.git, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = r.Dir, slices.Concat(r.env, more), 2*time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err == nil {
		return strings.TrimSuffix(stdout.String(), "\n"), nil
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	err = disk.Reported(err, stderr.String())
	message, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
	if message = strings.TrimPrefix(message, "fatal: "); message != "" {
		return "", fmt.Errorf("running git %s: %w: %s", args[3], err, message)
	}
	return "", fmt.Errorf("running git %s: %w", args[3], err)
}

// exitedWith reports whether err is git's exit with this code, which for many commands is an
// answer.
func exitedWith(err error, code int) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && exit.ExitCode() == code
}

// refValue is the object that a ref names now, "" if there is no such ref.
func (r *Repository) refValue(ctx context.Context, ref string) (string, error) {
	out, err := r.output(ctx, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", ref)
	if exitedWith(err, 1) {
		return "", nil
	}
	return out, err
}

// boolean reads a setting as receive-pack does; unset is false.
func (r *Repository) boolean(ctx context.Context, key string) (bool, error) {
	out, err := r.output(ctx, nil, "config", "--type=bool", "--get", key)
	if exitedWith(err, 1) {
		return false, nil
	}
	return out == "true", err
}

// isGitAtLeast reports whether git's version is at least major.minor.
func (r *Repository) isGitAtLeast(ctx context.Context, major, minor int) (bool, error) {
	out, err := r.output(ctx, nil, "version")
	if err != nil {
		return false, err
	}
	var a, b int
	if _, err := fmt.Sscanf(out, "git version %d.%d", &a, &b); err != nil {
		return false, fmt.Errorf("reading git's version %q: %w", out, err)
	}
	return a > major || a == major && b >= minor, nil
}

// isZero reports whether an object's id stands for no object.
func isZero(oid string) bool { return strings.Trim(oid, "0") == "" }

// shortID is a commit's id as people read it.
func shortID(oid string) string { return oid[:min(7, len(oid))] }
