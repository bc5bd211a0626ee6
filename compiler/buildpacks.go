package compiler

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/toolchain"
	"slugc/compiler/classic"
	"slugc/compiler/lifecycle"
	"slugc/compiler/sandbox"
)

// Built is what the buildpacks made of the staged source.
type Built struct {
	Layers *lifecycle.Result
	Tools  []toolchain.Toolchain // with which
	Lent   map[string]string     // slices whose files the buildpacks did not have to make: key by path
	Made   map[string]bool       // the sections of runtimes that were compressed meanwhile
}

// sliceMode is whether slices of the last slug may be used without their files.
type sliceMode bool

const (
	reuseSlices sliceMode = true
	allFiles    sliceMode = false
)

// runBuildpacks fetches the toolchains and runs the group's buildpacks in the staged copy.
func (b *build) runBuildpacks(
	ctx context.Context, staged Staged, group Group, lease *toolchain.Lease, mode sliceMode,
) (Built, error) {
	tools, err := b.fetchTools(ctx, lease, group)
	box, errBox := b.ahead.sandbox()
	if err := cmp.Or(err, errBox); err != nil {
		return Built{}, err
	}
	b.showSandbox(box)
	if _, err := staged.CommitCounts(); err != nil {
		return Built{}, err
	}
	if err := staged.Dirs.Restore(); err != nil {
		return Built{}, err
	}
	env, err := b.environment(ctx, box, lease, tools, group)
	if err != nil {
		return Built{}, err
	}
	lent, err := b.keptSlices(group, mode)
	if err != nil {
		return Built{}, err
	}
	packed := b.packAhead(ctx, group.Members, env.early)
	layers, err := b.runLifecycle(ctx, staged, group, env, lent)
	made := packed(err)
	b.clock.mark("build")
	return Built{layers, tools, lent, made}, err
}

// showSandbox reports the sandbox's level.
func (b *build) showSandbox(box *sandbox.Sandbox) {
	if box.Level() == sandbox.Bubblewrap {
		b.Report.Detail("Sandbox: bubblewrap")
	} else {
		b.Report.Warn(strings.TrimSuffix(fmt.Sprintf("Sandbox: %s (%s)", box.Level(), box.Reason()), " ()"))
	}
}

// environment is what buildpacks run in: the sandbox, and what it shows besides the app.
type environment struct {
	box   *sandbox.Sandbox
	vars  map[string]string
	binds []sandbox.Bind
	tools []toolchain.Toolchain // with their directories as buildpacks see them

	runtimes *runtimeMaker
	early    map[string]lifecycle.Runtime // the runtimes that are known before the build
}

// toolchainsMount is where buildpacks see the toolchain store, if the sandbox can mount.
const toolchainsMount = "/toolchains"

// environment collects what buildpacks need: variables, toolchains, and what is compiled from these
// once for all apps.
func (b *build) environment(
	ctx context.Context, box *sandbox.Sandbox, lease *toolchain.Lease, tools []toolchain.Toolchain, group Group,
) (environment, error) {
	vars, files, err := b.BaseEnv(ctx, buildpacks.Settings(group.Chosen))
	if err != nil {
		return environment{}, err
	}
	b.addStack(vars, group.Described)
	mount := storeMount{box, sandbox.Bind{Host: b.Home.Path("toolchains"), Inside: toolchainsMount}}
	binds := []sandbox.Bind{mount.bind, {Host: b.Self, Inside: b.Self}}
	binds = append(binds, files...)
	tools = slices.Clone(tools)
	for i := range tools {
		t := &tools[i]
		if !strings.HasPrefix(t.Dir, mount.bind.Host+"/") { // found on the machine
			// A link in a directory that the sandbox shows may lead to one that it does not show.
			if t.Dir, err = filepath.EvalSymlinks(t.Dir); err != nil {
				return environment{}, fmt.Errorf("finding the machine's %s: %w", t.Tool, err)
			}
			binds = append(binds, sandbox.Bind{Host: t.Dir, Inside: t.Dir})
		}
	}
	pre := precompiler{
		storeMount: mount, lease: lease, env: vars, os: b.Target.OS, arch: b.Target.Arch,
		self: sandbox.Bind{Host: b.Self, Inside: b.Self}, report: b.Report, output: b.Report.Output, clock: b.clock,
		limits: forMachine(b.Limits), app: group.Chosen,
	}
	shown, err := pre.show(ctx, tools)
	if err != nil {
		return environment{}, err
	}
	runtimes := newRuntimes(pre, group, tools, shown)
	early, err := runtimes.early(ctx)
	return environment{box, vars, binds, shown, runtimes, early}, err
}

// storeMount is the toolchain store as the sandbox shows it.
type storeMount struct {
	box  *sandbox.Sandbox
	bind sandbox.Bind
}

// path is where buildpacks see a directory of the store. Other directories are where they are.
func (s storeMount) path(dir string) string {
	if rel, err := filepath.Rel(s.bind.Host, dir); err == nil && filepath.IsLocal(rel) {
		return filepath.Join(s.box.Path(s.bind), rel)
	}
	return dir
}

// runLifecycle runs the buildpacks in their environment.
func (b *build) runLifecycle(
	ctx context.Context, staged Staged, group Group, env environment, lent map[string]string,
) (*lifecycle.Result, error) {
	dirs, network := staged.Dirs, b.network(group.Described)
	if network == lifecycle.InstallNetwork || network == lifecycle.NoNetwork && env.box.Level() == sandbox.None {
		if env.box.Step(true) == nil {
			b.Report.Warn("the network can't be taken from build scripts on this machine")
		}
	}
	return lifecycle.Build(ctx, lifecycle.Config{
		Sandbox: env.box, Group: group.Members, Target: b.Target,
		AppDir: dirs.AppDir, Member: staged.Member, Layers: dirs.LayersDir, Work: filepath.Join(dirs.Dir, "work"),
		Env: b.buildEnv(staged, group.Described), BaseEnv: env.vars, Binds: env.binds,
		Limits: b.limits(group.Described), Network: network,
		Bindings: b.bindings(), Stack: b.stack(group.Described), BuildPath: classic.BuildPath(b.App),
		Slices: lent, Fresh: b.Fresh, Interrupted: dirs.Interrupted,
		Provided: env.runtimes.provided(), Runtimes: env.early, LateRuntime: env.runtimes.late,
		Prepare:  func(platform string) error { return extension.WriteToolchains(platform, env.tools) },
		Output:   b.Report.Output,
		Progress: func(id string) { b.Report.Progress("running "+id, 0, 0) },
		Finished: dirs.Finish,
	})
}

// keptSlices lists the slices whose files the buildpacks need not make, with their keys. Buildpacks that are not built
// in do not know of that: they see all files of those before them.
func (b *build) keptSlices(group Group, mode sliceMode) (map[string]string, error) {
	foreign := slices.ContainsFunc(group.Members, func(m lifecycle.Member) bool { return !m.BuiltIn })
	if b.Fresh || mode == allFiles || foreign {
		return nil, nil
	}
	segments, err := b.segments()
	if err != nil {
		return nil, err
	}
	return segments.Kept(slicePrefix)
}
