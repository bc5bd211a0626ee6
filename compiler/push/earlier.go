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

// Earlier is a hook that was there before slugc's and runs first.
type Earlier struct {
	Path   string
	Args   []string
	Env    []string // as slugc's own hook got it
	Stdin  []byte
	Stdout io.Writer
	Stderr io.Writer
}

// Run runs the hook, if it is there and executable, as git would, and returns its exit code.
func (e Earlier) Run(ctx context.Context) (int, error) {
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
