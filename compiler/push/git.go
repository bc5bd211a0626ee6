package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"slugc/compiler/fault"
)

// Repository is a bare git repository, asked through git itself, which alone knows every way of
// storing refs.
type Repository struct {
	Dir string // absolute, without links
	git string
	env []string
}

// OpenRepository returns the bare repository in dir. git is the path of the git program; env is
// what its children get, and should hold PATH and HOME, so that they read the configuration that
// receive-pack reads. It refuses with "push/not-a-repository" and "push/not-bare".
func OpenRepository(ctx context.Context, dir, git string, env []string) (*Repository, error) {
	r := &Repository{
		Dir: dir,
		git: git,
		env: append([]string{"LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0"}, env...),
	}
	not := func(err error) error {
		return fault.UsageError(
			"push/not-a-repository",
			fmt.Errorf("opening the repository %q: %w", dir, err),
			"make one with `git init --bare "+filepath.Base(dir)+"`",
		)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return nil, not(errors.Unwrap(err))
	}
	// A file or directory that only lies inside a repository is none.
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
		return nil, fault.UsageError(
			"push/not-bare",
			fmt.Errorf("opening the repository %q: it has a working directory, which pushes would leave behind", dir),
			"make a bare one with `git clone --bare`, and push to that",
		)
	}
	return r, nil
}

// output runs git in the repository and returns what it says, without the last newline.
func (r *Repository) output(ctx context.Context, more []string, args ...string) (string, error) {
	cmd := exec.CommandContext(
		ctx,
		r.git,
		append([]string{"--git-dir=" + r.Dir, "-c", "core.fsmonitor=false"}, args...)...)
	cmd.Dir = r.Dir
	cmd.Env = append(append([]string{}, r.env...), more...)
	cmd.WaitDelay = 2 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		said, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		return "", fmt.Errorf(
			"running git %s: %w%s",
			args[0],
			err,
			strings.TrimSuffix(": "+strings.TrimPrefix(said, "fatal: "), ": "),
		)
	}
	return strings.TrimSuffix(stdout.String(), "\n"), nil
}

// exited says whether err is a git that ended with this code, which for many commands is an answer.
func exited(err error, code int) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && exit.ExitCode() == code
}

// value is the object that a ref names now, "" if there is no such ref.
func (r *Repository) value(ctx context.Context, ref string) (string, error) {
	out, err := r.output(ctx, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", ref)
	if exited(err, 1) {
		return "", nil
	}
	return out, err
}

// boolean reads a setting of the repository as receive-pack would; unset is false.
func (r *Repository) boolean(ctx context.Context, key string) (bool, error) {
	out, err := r.output(ctx, nil, "config", "--type=bool", "--get", key)
	if exited(err, 1) {
		return false, nil
	}
	return out == "true", err
}

// atLeast says whether git's version is at least major.minor.
func (r *Repository) atLeast(ctx context.Context, major, minor int) (bool, error) {
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

// none says whether an object's id stands for no object.
func none(oid string) bool { return strings.Trim(oid, "0") == "" }

// short is the usual beginning of a commit's id.
func short(oid string) string { return oid[:min(7, len(oid))] }
