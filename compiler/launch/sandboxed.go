package launch

import (
	"context"
	"errors"

	"slugc/compiler/sandbox"
)

// appMount is where a sandboxed process sees the app, if the sandbox can mount. Absolute paths in a slug
// start with it.
const appMount = "/app"

// RunSandboxed runs one process as [Run] does, but in a sandbox that shows it only the app and the system,
// and with limits. Of the options it uses Dir, Command, Env, Port, Dyno, Shell, Stdout and Stderr. It
// returns the exit code, 128+n when signal n ended the process. The error is a [*sandbox.LimitError], the
// context's cause, or about starting or a writer.
func RunSandboxed(ctx context.Context, box *sandbox.Sandbox, o RunOptions, limits sandbox.Limits) (int, error) {
	bind := sandbox.Bind{Host: o.Dir, Inside: appMount, Writable: true}
	inside := box.Path(bind)
	path, script, err := o.interpreter(inside)
	if err != nil {
		return 0, err
	}
	o.Dir = inside
	err = box.Run(ctx, sandbox.Spec{
		Args: []string{path, "-c", script}, Dir: inside, Env: o.Environment(), Binds: []sandbox.Bind{bind},
		Network: true, Stdout: o.Stdout, Stderr: o.Stderr, Limits: limits,
	})
	if exit, ok := errors.AsType[*sandbox.ExitError](err); ok {
		return exit.Code, nil
	}
	return 0, err
}
