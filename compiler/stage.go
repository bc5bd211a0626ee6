package compiler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"slugc/buildpacks"
	"slugc/cache"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/slug"
	"slugc/compiler/source"
)

// build is one Compile under way.
type build struct {
	*Engine
	Request
	app      *cache.App
	dirs     *cache.Build
	parts    map[string]string
	phases   []Phase
	started  time.Time
	phase    time.Time
	tree     *source.Tree
	finished bool
	noSlices bool // kept sections cannot be relied on
	slugs    *slug.Store
}

// mark ends a phase.
func (b *build) mark(name string) {
	b.phases = append(b.phases, Phase{Name: name, Seconds: time.Since(b.phase).Seconds()})
	b.phase = time.Now()
}

func (b *build) lock(ctx context.Context) (func(), error) {
	b.phase = b.started
	b.app = b.Home.App(b.App)
	unlock, err := b.app.Lock(ctx, func(pid int) {
		b.Report.Step(fmt.Sprintf("Waiting for another build of %s (pid %d)", b.App, pid))
	})
	if errors.Is(err, cache.ErrLocked) && !errors.Is(ctx.Err(), context.Canceled) {
		return nil, fault.TransientError("build/locked", err, "try again when the other build has ended")
	}
	return unlock, err
}

func (b *build) open(ctx context.Context) (*source.Source, error) {
	spec := b.Source
	spec.Temp, spec.Submodules.Cache = b.app.Path("incoming"), b.app.Path("submodules")
	spec.Submodules.Fetching = func(path, url string) { b.Report.Step("Fetching the submodule " + path + " from " + url) }
	if spec.Kind == source.Tarball {
		// What a killed build left here is of no use; the lock is ours.
		if err := errors.Join(disk.RemoveAll(spec.Temp), os.MkdirAll(spec.Temp, 0o700)); err != nil {
			return nil, err
		}
	}
	if err := b.refuseOwnState(spec); err != nil {
		return nil, err
	}
	src, err := source.Open(ctx, spec, source.Options{StatCache: b.app.Path("stat")})
	if err != nil {
		return nil, err
	}
	b.parts = map[string]string{
		"source":              string(src.Digest()),
		"build configuration": cache.Key(cache.Pairs(b.Env)...),
		"slugc":               b.Version + " format " + strconv.Itoa(slug.FormatVersion),
		"target":              b.Target.OS + "/" + b.Target.Arch + " " + b.Target.Distro + " " + b.Target.DistroVersion,
		"Procfile rules":      strconv.FormatBool(b.Lenient),
	}
	for _, bp := range buildpacks.Order {
		b.parts["buildpack "+bp.ID] = bp.Version
	}
	b.mark("source")
	return src, nil
}

// refuseOwnState refuses a source directory that holds slugc's own state: it would grow while it is
// read, and every slug would hold the last ones.
func (b *build) refuseOwnState(spec source.Spec) error {
	dir, err := filepath.EvalSymlinks(filepath.Join(spec.Dir, filepath.FromSlash(spec.Subdir)))
	if spec.Kind != source.Dir || err != nil {
		return nil // what is wrong with the directory itself, Open says better
	}
	home, err := filepath.EvalSymlinks(b.Home.Path())
	if err != nil {
		return fmt.Errorf("finding the state directory: %w", err)
	}
	if rel, err := filepath.Rel(dir, home); err == nil && filepath.IsLocal(rel) {
		return fault.UsageError(
			"source/holds-state",
			fmt.Errorf("building %q: slugc's state directory %q lies inside it", spec.Dir, home),
			"keep the state elsewhere with --home DIR or SLUGC_HOME, or build a directory below",
		)
	}
	return nil
}

func (b *build) key() string { return cache.Key(cache.Pairs(b.parts)...) }

// recorded returns the last build's result if it was made from the same things and its slug is
// still there, else nil, saying why.
func (b *build) recorded(src *source.Source) *Result {
	record := b.app.Record()
	switch {
	case b.Fresh || record == nil:
		return nil
	case record.Key != b.key():
		for _, name := range slices.Sorted(maps.Keys(b.parts)) {
			if record.Parts[name] != b.parts[name] {
				b.Report.Step("Building " + b.App + " anew: the " + name + " changed")
				return nil
			}
		}
		return nil
	}
	var result Result
	info, err := os.Lstat(record.Slug)
	if err != nil || info.Size() != record.Size || json.Unmarshal(record.Result, &result) != nil {
		b.Report.Step("Building " + b.App + " anew: the slug of the last build is gone")
		return nil
	}
	b.Report.Step("Nothing changed since the last build of " + b.App)
	b.Report.Detail("same source, build configuration and buildpacks; use --fresh to build from nothing")
	result.Unchanged, result.Release, result.Commit = true, nil, src.Commit()
	for i := range result.Slug.Sections {
		result.Slug.Sections[i].Reused, result.Slug.Sections[i].Why = "all", "nothing changed"
	}
	for i := range result.Cache {
		result.Cache[i].State, result.Cache[i].Why = "restored", "nothing changed"
	}
	b.finished = true
	return &result
}

// stage makes the private copy of the source.
func (b *build) stage(ctx context.Context, src *source.Source) (*source.Tree, error) {
	dirs, err := b.app.Begin(b.Fresh)
	if err != nil {
		return nil, err
	}
	b.dirs = dirs
	tree, err := src.Stage(ctx, dirs.AppDir)
	if err != nil {
		return nil, errors.Join(err, dirs.Abort())
	}
	b.tree = tree
	if err := refuseReserved(dirs.AppDir); err != nil {
		return nil, errors.Join(err, dirs.Abort())
	}
	for _, w := range tree.Warnings {
		b.Report.Warn(w)
	}
	b.mark("stage")
	return tree, nil
}

// refuseReserved refuses a source that holds what slugc puts there itself.
func refuseReserved(dir string) error {
	for _, name := range []string{".layers", ".slugc"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return fault.AppError(
				"source/reserved-name",
				fmt.Errorf("staging the source: %q is slugc's own name", name),
				fmt.Sprintf("rename %s or list it in .slugignore", name),
			).At(
				"%s",
				name,
			)
		}
	}
	return nil
}

// abandon ends a build that did not succeed.
func (b *build) abandon() {
	if b.finished || b.dirs == nil {
		return
	}
	if err := b.dirs.Abort(); err != nil {
		b.Report.Warn("cleaning up after the broken-off build: " + err.Error())
	}
}
