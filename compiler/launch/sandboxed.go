package launch

import (
	"context"
	"errors"
	"fmt"

	"slugc/compiler/sandbox"
)

// appMount is where a contained process sees the app, where the sandbox can mount: the place that
// absolute paths in a slug are made for.
const appMount = "/app"

// RunSandboxed runs one process as [Run] does, but in a sandbox that shows it the app and the system
// and nothing else of this machine, and with limits. Of the options it uses Dir, Command, Env,
// Port, Dyno, Shell, Stdout and Stderr. It returns the exit code, 128+n when signal n ended it; the
// error is a [sandbox.LimitError], the context's cause, or about starting or a writer.
func RunSandboxed(
	ctx context.Context,
	box *sandbox.Sandbox,
	o RunOptions,
	limits sandbox.Limits,
) (exitCode int, err error) {
	bind := sandbox.Bind{Host: o.Dir, Inside: appMount, Writable: true}
	inside := box.Path(bind)
	shell := o.Shell
	if shell == "" {
		if shell, err = findShell(); err != nil {
			return 0, fmt.Errorf("running %q: %w", o.Command, err)
		}
	}
	text, err := script(o.Dir, inside, shell, o.Command)
	if err != nil {
		return 0, fmt.Errorf("running %q: %w", o.Command, err)
	}
	o.Dir = inside
	err = box.Run(ctx, sandbox.Spec{
		Args: []string{
			shell,
			"-c",
			text,
		}, Dir: inside, Env: o.Environment(), Binds: []sandbox.Bind{bind}, Network: true,
		Stdout: o.Stdout, Stderr: o.Stderr, Limits: limits,
	})
	if ended, ok := errors.AsType[*sandbox.ExitError](err); ok {
		return ended.Code, nil
	}
	return 0, err
}
