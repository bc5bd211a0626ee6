package classic

import (
	"context"
	"errors"
	"io"

	"slugc/compiler/fault"
	"slugc/compiler/program"
	"slugc/compiler/sandbox"
)

// Compile runs bin/compile and reads what the buildpack leaves: the file "export", bin/release, and the app's new
// directories. bin/report runs at the end, also after a failure; its own failure is none. With an error the
// result has at most a Report.
func Compile(ctx context.Context, c Config) (*Result, error) {
	w, err := c.open()
	if err != nil {
		return nil, err
	}
	if err := w.check("compile"); err != nil {
		return nil, w.broken(idNotRunnable, err, "report it to the buildpack's author")
	}
	if err := w.checkCache(); err != nil {
		return nil, w.brokenOutput(err)
	}
	takeBack, err := w.giveApp()
	if err != nil {
		return nil, err
	}
	result, err := w.compile(ctx)
	if errBack := takeBack(); err == nil && errBack != nil {
		err = w.brokenOutput(errBack)
	}
	if err != nil {
		return &Result{Report: result.Report}, err
	}
	return result, nil
}

// compile runs the programs.
func (w *workspace) compile(ctx context.Context) (*Result, error) {
	result := &Result{}
	before, err := w.directories()
	if err != nil {
		return result, err
	}
	out := &program.Tail{To: w.Output}
	err = w.run(ctx, "compile", out, out, w.arguments()...)
	if err != nil {
		err = w.failure(ctx, "compile", err, out.String())
	}
	if err == nil {
		err = w.collect(ctx, result, before)
	}
	if ctx.Err() == nil {
		result.Report = w.report(ctx)
	}
	return result, err
}

// arguments are those of bin/compile and bin/report: BUILD CACHE ENV_DIR.
func (w *workspace) arguments() []string {
	return []string{w.Sandbox.Path(w.build), w.Sandbox.Path(w.cache()), w.Sandbox.Path(w.vars)}
}

// collect reads what bin/compile has left.
func (w *workspace) collect(ctx context.Context, result *Result, before tree) (err error) {
	if result.Exported, err = w.exported(ctx); err != nil {
		return err
	}
	result.Own = w.shown()
	if err = w.release(ctx, result); err != nil {
		return err
	}
	if result.Slices, err = w.slices(before); err != nil {
		return w.brokenOutput(err)
	}
	return nil
}

// ask runs a program that answers on its standard output, which must not be longer than limit.
func (w *workspace) ask(
	ctx context.Context, name string, errOut io.Writer, limit int, args ...string,
) (answer []byte, err error) {
	out, said := &capture{limit: limit}, &program.Tail{To: errOut}
	if err := w.run(ctx, name, out, said, args...); err != nil {
		return nil, w.asBroken(w.failure(ctx, name, err, said.String()))
	}
	if out.more {
		return nil, w.brokenOutput(errTooLong(name, limit))
	}
	return out.data, nil
}

// asBroken makes the buildpack's fault of a failure that would be the app's in bin/compile.
func (w *workspace) asBroken(err error) error {
	_, exited := errors.AsType[*sandbox.ExitError](err)
	if f, ok := errors.AsType[*fault.Error](err); ok && exited && f.Owner == fault.App {
		return w.broken(idBroke, err, f.Hints...)
	}
	return err
}
