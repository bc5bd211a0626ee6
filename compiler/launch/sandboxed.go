package launch

import (
	"context"
	"errors"
	"slices"

	"slugc/compiler/sandbox"
)

// RunSandboxed runs one process as [Run] does, but in a sandbox that shows it only the app and the system,
// and with limits. Of the options it uses Dir, Mounts, Command, Env, Port, Dyno, Shell, Stdout and Stderr. It
// returns the exit code, 128+n when signal n ended the process. The error is a [*sandbox.LimitError], the
// context's cause, or about starting or a writer.
func RunSandboxed(ctx context.Context, box *sandbox.Sandbox, o RunOptions, limits sandbox.Limits) (int, error) {
	binds, err := o.sandboxBinds(box)
	if err != nil {
		return 0, err
	}
	inside := box.Path(binds[0])
	if o.linked {
		// HOME is where the sandbox lets the process write.
		o.Mounts, o.Env = nil, append(slices.Clone(o.Env), launcherVariable+"="+box.Self())
	}
	path, script, err := o.interpreter(inside)
	if err != nil {
		return 0, err
	}
	o.Dir, o.Self = inside, ""
	if len(o.Mounts) > 0 && box.Self() != "" {
		o.Self = launcherPlace
	}
	err = box.Run(ctx, sandbox.Spec{
		Args: []string{path, "-c", script}, Dir: inside, Env: o.Environment(), Binds: binds,
		Network: true, Stdout: o.Stdout, Stderr: o.Stderr, Limits: limits,
	})
	if exit, ok := errors.AsType[*sandbox.ExitError](err); ok {
		return exit.Code, nil
	}
	return 0, err
}
