package compiler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"slugc/buildpacks/extension"
	"slugc/buildpacks/toolchain"
	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
	"slugc/compiler/procfile"
	"slugc/compiler/report"
	"slugc/compiler/sandbox"
	"slugc/compiler/slug"
	"slugc/compiler/source"
)

// toolchainsMount is where buildpacks see the toolchain store, when the sandbox can mount.
const toolchainsMount = "/toolchains"

// run fetches the toolchains and runs the buildpacks.
func (b *build) run(ctx context.Context, g *group) (*lifecycle.Result, error) {
	store, err := b.Toolchains(ctx)
	if err != nil {
		return nil, err
	}
	if g.tools, err = b.ensure(ctx, store, g); err != nil {
		return nil, toolchainFault(err)
	}
	b.mark("toolchains")
	box, err := b.Sandbox(ctx)
	if err != nil {
		return nil, err
	}
	b.saySandbox(box)
	if err := b.dirs.Restore(); err != nil {
		return nil, err
	}
	base, binds, err := b.BaseEnv(ctx, g.languages())
	if err != nil {
		return nil, err
	}
	if b.slugs, err = slug.OpenStore(b.app.Path("segments")); err != nil {
		return nil, err
	}
	slices, err := b.keptSlices()
	if err != nil {
		return nil, err
	}
	tools := sandbox.Bind{Host: b.Home.Path("toolchains"), Inside: toolchainsMount}
	binds = append([]sandbox.Bind{tools, {Host: b.Self, Inside: b.Self}}, binds...)
	for _, t := range g.tools {
		if !strings.HasPrefix(t.Dir, tools.Host+"/") { // one that was found on the machine
			binds = append(binds, sandbox.Bind{Host: t.Dir, Inside: t.Dir})
		}
	}
	seen, err := b.seeded(ctx, store, g.tools, box, base, tools)
	if err != nil {
		return nil, err
	}
	result, err := lifecycle.Build(ctx, lifecycle.Config{
		Sandbox: box, Group: g.members, AppDir: b.dirs.AppDir, Layers: b.dirs.LayersDir, Work: filepath.Join(b.dirs.Dir, "work"),
		Env: b.Env, BaseEnv: base, Binds: binds,
		Slices:  slices,
		Prepare: func(platform string) error { return extension.WriteToolchains(platform, seen) },
		Output:  b.Report.Output, Limits: b.Limits, Fresh: b.Fresh, Broken: b.dirs.Interrupted,
		Target: lifecycle.Target{
			OS:            b.Target.OS,
			Arch:          b.Target.Arch,
			DistroName:    b.Target.Distro,
			DistroVersion: b.Target.DistroVersion,
		},
		Progress: func(id string) { b.Report.Progress("running "+id, 0, 0) },
	})
	b.mark("build")
	return result, err
}

func (b *build) saySandbox(box *sandbox.Sandbox) {
	switch box.Level() {
	case sandbox.Bubblewrap:
		b.Report.Detail("Sandbox: bubblewrap")
	default:
		b.Report.Warn(fmt.Sprintf("Sandbox: %s (%s)", box.Level(), box.Reason()))
	}
}

// seen returns the toolchains with their directories as the buildpacks see them.
func (b *build) seen(tools []toolchain.Toolchain, box *sandbox.Sandbox, bind sandbox.Bind) []toolchain.Toolchain {
	list := make([]toolchain.Toolchain, len(tools))
	for i, t := range tools {
		if rel, err := filepath.Rel(bind.Host, t.Dir); err == nil && filepath.IsLocal(rel) {
			t.Dir = filepath.Join(box.Path(bind), rel)
		}
		list[i] = t
	}
	return list
}

// keptSlices tells the buildpacks which slices need no files.
func (b *build) keptSlices() (map[string]string, error) {
	if b.Fresh || b.noSlices {
		return nil, nil
	}
	return b.slugs.Kept("slice:")
}

// again builds once more with every file on disk, after a kept section turned out to be damaged.
func (b *build) again(ctx context.Context, src *source.Source, g *group) (*lifecycle.Result, *packed, error) {
	b.Report.Warn("a part of the last slug that was kept is damaged; it is made anew")
	b.noSlices = true
	if err := b.dirs.Abort(); err != nil {
		return nil, nil, err
	}
	if _, err := b.stage(ctx, src); err != nil {
		return nil, nil, err
	}
	layers, err := b.run(ctx, g)
	if err != nil {
		return nil, nil, err
	}
	p, err := b.pack(ctx, g, layers)
	return layers, p, err
}

// progress carries the toolchain store's words to the reporter.
type progress struct{ r report.Reporter }

func (p progress) Fetch(tool, version string, done, total int64) {
	p.r.Progress("fetching "+tool+" "+version, done, total)
}

func (p progress) Note(line string) { p.r.Detail(line) }

// toolchainFault says whose fault a missing toolchain is: a version that exists nowhere, cannot be
// read or is pinned to other bytes is the app's, an unreachable source nobody's.
func toolchainFault(err error) error {
	if wrong, ok := errors.AsType[*toolchain.ConstraintError](err); ok {
		return fault.AppError(
			"toolchain/version-invalid",
			err,
			fmt.Sprintf(
				"write a version of %s that exists in %s",
				wrong.Tool,
				cmp.Or(wrong.From, "the build configuration"),
			),
		)
	}
	if wrong, ok := errors.AsType[*toolchain.HashError](err); ok {
		return fault.AppError(
			"toolchain/hash-mismatch",
			err,
			fmt.Sprintf(
				"pin the digest that the registry states for %s %s, or leave the digest out of %s",
				wrong.Tool,
				wrong.Version,
				cmp.Or(wrong.From, "the pin"),
			),
		)
	}
	u, ok := errors.AsType[*toolchain.Unavailable](err)
	if !ok {
		return err
	}
	if u.Transient() {
		return fault.TransientError("toolchain/unavailable", err, "`slugc doctor` says which sources can be reached")
	}
	if u.NotFound() {
		return fault.AppError(
			"toolchain/no-such-version",
			err,
			fmt.Sprintf("ask for a version of %s that exists (%s says %q)", u.Tool, u.From, u.Constraint),
		)
	}
	return fault.New(fault.Slugc, 0, "toolchain/unavailable", err, "`slugc doctor` says which sources can be used")
}

// readProcfile reads the Procfile in dir; none is an empty list.
func (b *build) readProcfile(dir string, warn bool) ([]procfile.Process, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the app directory: %w", err)
	}
	defer root.Close()
	data, err := root.ReadFile("Procfile")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.AppError(
			"procfile/unreadable",
			fmt.Errorf("reading \"Procfile\": %w", cause(err)),
			"make Procfile a regular file, or remove it",
		).At(
			"Procfile",
		)
	}
	file, err := procfile.Parse(data, b.Lenient)
	if err != nil {
		return nil, err
	}
	if warn {
		for _, w := range file.Warnings {
			b.Report.Warn(fmt.Sprintf("Procfile:%d: %s", w.Line, w.Text))
		}
	}
	return file.Processes, nil
}

// types are the app's process types: the Procfile's, and the buildpacks' defaults for those it does
// not name. A build step may have written the Procfile, so it is read again.
func (b *build) types(g *group, layers *lifecycle.Result) ([]procfile.Process, error) {
	list, err := b.readProcfile(b.dirs.AppDir, len(g.procfile) == 0)
	if err != nil {
		return nil, err
	}
	types := procfile.Effective(list, layers.Processes)
	if len(types) == 0 {
		return nil, fault.AppError(
			"procfile/no-process-types",
			errors.New("discovering process types: there is no Procfile and the buildpack knows no default"),
			"add a Procfile with a line such as `web: ./server --port $PORT`",
			"or give the app what its buildpack starts by default (a start script, a main package, a config.ru)",
		).At(
			"Procfile",
		)
	}
	return types, nil
}

// writeProfile puts the launch environment into the app.
func (b *build) writeProfile(script string) error {
	if script == "" {
		return nil
	}
	root, err := os.OpenRoot(b.dirs.AppDir)
	if err != nil {
		return fmt.Errorf("opening the app directory: %w", err)
	}
	defer root.Close()
	if err := root.Mkdir(".profile.d", 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fault.AppError(
			"source/profile-d",
			fmt.Errorf("writing the launch environment: .profile.d: %w", cause(err)),
			"make .profile.d a directory, or rename it",
		).At(
			".profile.d",
		)
	}
	_ = root.Remove(".profile.d/000_slugc.sh")
	if err := root.WriteFile(".profile.d/000_slugc.sh", []byte(script), 0o644); err != nil {
		return fault.AppError(
			"source/profile-d",
			fmt.Errorf("writing the launch environment: .profile.d: %w", cause(err)),
			"make .profile.d a directory, or rename it",
		).At(
			".profile.d",
		)
	}
	return nil
}
