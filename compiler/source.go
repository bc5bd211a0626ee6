package compiler

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"slugc/cache"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/source"
)

// lock takes the app's lock for the whole build.
func (b *build) lock(ctx context.Context) (unlock func(), err error) {
	unlock, err = b.app().Lock(ctx, func(pid int) {
		b.Report.Step(fmt.Sprintf("Waiting for another build of %s (pid %d)", b.App, pid))
	})
	if errors.Is(err, cache.ErrLocked) && !errors.Is(ctx.Err(), context.Canceled) {
		return nil, fault.TransientError("build/locked", err, "try again when the other build has ended")
	}
	if err != nil {
		return nil, err
	}
	if b.BeforeBuild != nil {
		err = b.BeforeBuild(ctx)
	}
	// Before anything is read: the last build may have been that of a push that was not accepted.
	if err == nil {
		err = b.app().Recover()
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// open opens the source, which finds out its digest.
func (b *build) open(ctx context.Context) (*source.Source, error) {
	app, spec := b.app(), b.Source
	spec.Temp, spec.Submodules.Cache = app.Path("incoming"), app.Path("submodules")
	spec.Submodules.Fetching = func(path, url string) {
		b.Report.Step("Fetching the submodule " + path + " from " + url)
	}
	if spec.Kind != source.Dir {
		// What a killed build left here is of no use, and the lock is ours.
		if err := errors.Join(disk.RemoveAll(spec.Temp), os.MkdirAll(spec.Temp, 0o700)); err != nil {
			return nil, err
		}
	}
	if err := refuseState(spec, b.Home); err != nil {
		return nil, err
	}
	ctx, end := b.bounded(ctx)
	spec.Select = SelectMember(ctx)
	src, err := source.Open(ctx, spec, source.Options{StatCache: app.Path("stat")})
	if err = end("reading the source", err); err != nil {
		return nil, err
	}
	if err := refuseSelected(src, b.Home); err != nil {
		_ = src.Close()
		return nil, err
	}
	b.clock.mark("source")
	return src, nil
}

// refuseState refuses a source directory that holds slugc's own state: it would grow while it is
// read, and every slug would hold the last ones.
func refuseState(spec source.Spec, home *cache.Home) error {
	dir, err := filepath.EvalSymlinks(filepath.Join(spec.Dir, filepath.FromSlash(spec.Subdir)))
	if spec.Kind != source.Dir || err != nil {
		return nil // what is wrong with the directory itself, source.Open explains better
	}
	state, err := filepath.EvalSymlinks(home.Path())
	if err != nil {
		return fmt.Errorf("finding the state directory: %w", err)
	}
	if rel, err := filepath.Rel(dir, state); err == nil && filepath.IsLocal(rel) {
		return holdsState(spec.Dir, state)
	}
	return nil
}

// refuseSelected is [refuseState] for what is staged around the app.
func refuseSelected(src *source.Source, home *cache.Home) error {
	taken := src.Selection()
	if taken == nil {
		return nil
	}
	state, err := filepath.EvalSymlinks(home.Path())
	if err != nil {
		return fmt.Errorf("finding the state directory: %w", err)
	}
	if src.Holds(state) {
		return holdsState(taken.Root, state)
	}
	return nil
}

func holdsState(dir, state string) error {
	return fault.UsageError("source/holds-state",
		fmt.Errorf("building %q: slugc's state directory %q lies inside it", dir, state),
		"keep the state elsewhere with --home DIR or SLUGC_HOME, or build a directory below")
}
