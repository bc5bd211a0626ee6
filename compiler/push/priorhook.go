package push

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
)

// PriorHook is a hook that was installed before slugc's and runs first.
type PriorHook struct {
	Path   string
	Args   []string
	Env    []string // of slugc's own hook
	Stdin  []byte
	Stdout io.Writer
	Stderr io.Writer
}

// Run runs the hook and returns its exit code. As git does, it ignores one that is missing or not
// executable.
func (e PriorHook) Run(ctx context.Context) (int, error) {
	info, err := os.Stat(e.Path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&0o111 == 0 {
		return 0, nil
	}
	cmd := exec.CommandContext(ctx, e.Path, e.Args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = e.Env, bytes.NewReader(e.Stdin), e.Stdout, e.Stderr
	if err := cmd.Run(); err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
			return exit.ExitCode(), nil
		}
		return 0, fmt.Errorf("running the hook %q: %w", e.Path, err)
	}
	return 0, nil
}
