package classic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"slugc/buildpacks/command"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/program"
	"slugc/compiler/sandbox"
)

// The ids of this package's errors.
const (
	idDetect      = "buildpack/detect-failed"
	idFailed      = "build/failed"
	idNotRunnable = "buildpack/not-runnable"
	idBroke       = "buildpack/broke"
	idOutput      = "buildpack/broken-output"
)

// programs are those of the Buildpack API.
var programs = []string{"detect", "compile", "release", "report", "test-compile", "test"}

// has reports whether the buildpack has a program of that name, which need not be executable.
func has(dir, name string) bool {
	info, err := os.Stat(filepath.Join(dir, "bin", name))
	return err == nil && info.Mode().IsRegular()
}

// check returns an error for a program that is missing or is none.
func (w *workspace) check(name string) error {
	info, err := os.Stat(filepath.Join(w.Dir, "bin", name))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("buildpack %s has no bin/%s", w.ID, name)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("bin/%s of buildpack %s is not a file", name, w.ID)
	}
	return nil
}

// run runs a program of the buildpack.
func (w *workspace) run(ctx context.Context, name string, out, errOut io.Writer, args ...string) error {
	file := path.Join(w.Sandbox.Path(w.own), "bin", name)
	return w.exec(ctx, out, errOut, program.Start(file, args...)...)
}

// exec runs a command as the buildpack, in the buildpack's directory, as on Heroku: some find their files by that.
func (w *workspace) exec(ctx context.Context, out, errOut io.Writer, args ...string) error {
	return w.Sandbox.Run(ctx, sandbox.Spec{
		Args: args, Dir: w.Sandbox.Path(w.own), Env: command.Environ(w.environment()), Binds: w.binds(),
		Network: w.Network, Stdout: out, Stderr: errOut, Limits: w.Limits,
	})
}

// failure returns the fault of a program that has failed with err after this output.
func (w *workspace) failure(ctx context.Context, name string, err error, output string) error {
	doing := fmt.Sprintf("running bin/%s of buildpack %s", name, w.ID)
	exit, ok := errors.AsType[*sandbox.ExitError](err)
	if !ok || ctx.Err() != nil {
		return w.stopped(ctx, doing, err)
	}
	if trouble, ok := disk.TroubleIn(output); ok {
		return fmt.Errorf("%s: %w: %w", doing, exit, trouble.Errno)
	}
	missing := program.Missing(exit, w.own.Host, "bin/"+name, func(args ...string) error {
		return w.exec(ctx, nil, nil, args...)
	})
	if missing != "" && ctx.Err() == nil {
		return w.broken(idNotRunnable, fmt.Errorf("%s: its interpreter %q is not on this machine", doing, missing),
			"install it, or use a buildpack that needs no more than a shell")
	}
	return fault.AppError(idFailed, program.Because(doing, exit, output), "its output above says more")
}

// stopped returns the fault of something that did not end by itself, or did not start.
func (w *workspace) stopped(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	if limit, ok := errors.AsType[*sandbox.LimitError](err); ok {
		return limit.Fault(fmt.Errorf("%s: %w", doing, limit))
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// broken is the fault of a buildpack that breaks the contract.
func (w *workspace) broken(id string, err error, hints ...string) error {
	return fault.New(fault.Slugc, fault.ExitBuildpack, id, err, hints...)
}

// brokenOutput is the fault of a buildpack that has left what it must not.
func (w *workspace) brokenOutput(err error) error {
	return w.broken(idOutput, fmt.Errorf("reading what buildpack %s left: %w", w.ID, err),
		"report it to the buildpack's author")
}
