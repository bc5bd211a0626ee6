package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/extension"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/sandbox"
)

// Where a buildpack sees its directories, if the sandbox can mount.
const (
	platformMount = "/platform"
	homeMount     = "/home/slugc"
	planMount     = "/plan"
	bpMount       = "/cnb/buildpacks"
)

// Build runs the group's buildpacks in order. A buildpack that fails with a diagnosis causes a fault with
// the diagnosis' id. One that fails without, or leaves files that break the specification, causes a fault
// "buildpack/broke" or "buildpack/broken-output" (exit 52). A limit causes a fault "build/limit".
func Build(ctx context.Context, c Config) (*Result, error) {
	b := &builder{Config: c, platform: filepath.Join(c.Work, "platform"), env: maps.Clone(c.BaseEnv)}
	if err := b.prepare(); err != nil {
		return nil, err
	}
	result := &Result{}
	for _, m := range c.Group {
		if c.Progress != nil {
			c.Progress(m.Info.ID)
		}
		if err := b.build(ctx, m, result); err != nil {
			return nil, err
		}
	}
	var err error
	result.Profile, err = profile(result.Layers, c.Layers, c.appPath())
	return result, err
}

// builder is one call of Build.
type builder struct {
	Config
	platform string
	env      map[string]string           // of the next buildpack's process; build layers change it
	unmet    []libcnb.BuildpackPlanEntry // entries that the last buildpack leaves to the next
}

// prepare makes the platform directory.
func (b *builder) prepare() error {
	envDir := filepath.Join(b.platform, "env")
	err := mkdirs(envDir, filepath.Join(b.platform, "bindings"),
		filepath.Join(b.Work, "home"), filepath.Join(b.Work, "plan"))
	if err != nil {
		return err
	}
	for k, v := range b.Env {
		if err := os.WriteFile(filepath.Join(envDir, k), []byte(v), 0o644); err != nil {
			return fmt.Errorf("writing build configuration: %w", err)
		}
	}
	if err := extension.WriteSlices(b.platform, b.Slices); err != nil {
		return err
	}
	if err := extension.WriteProvided(b.platform, b.Provided); err != nil {
		return err
	}
	if b.Prepare != nil {
		return b.Prepare(b.platform)
	}
	return nil
}

// build runs one buildpack and adds what it leaves to the result.
func (b *builder) build(ctx context.Context, m Member, result *Result) error {
	dir := filepath.Join(b.Layers, m.Escaped())
	aside := filepath.Join(b.Work, "aside", m.Escaped())
	if err := mkdirs(dir, aside); err != nil {
		return err
	}
	// An earlier buildpack, and later this one, may have put a link in the place of a directory.
	if err := checkDirs(b.Layers, dir); err != nil {
		return brokenOutput(m, err)
	}
	before, err := restore(dir, aside)
	if err != nil {
		return err
	}
	plan := libcnb.BuildpackPlan{Entries: slices.Concat(m.Entries, b.unmet)}
	if err := writeTOML(filepath.Join(b.Work, "plan", "plan.toml"), plan); err != nil {
		return err
	}
	shown, err := b.showRuntimes(m)
	if err != nil {
		return err
	}
	if err := b.exec(ctx, m, shown); err != nil {
		return err
	}
	if err := checkDirs(b.Layers, dir); err != nil {
		return brokenOutput(m, err)
	}
	after, err := before.collect(dir)
	if err != nil {
		return brokenOutput(m, err)
	}
	result.States = append(result.States, b.states(m, before.layers, after)...)
	if err := b.readLayers(ctx, m, dir, after, result); err != nil {
		return brokenOutput(m, err)
	}
	if err := result.readLaunch(dir); err != nil {
		return brokenOutput(m, err)
	}
	if b.unmet, err = readUnmet(m, dir); err != nil {
		return brokenOutput(m, err)
	}
	return nil
}

func brokenOutput(m Member, err error) error {
	return fault.New(fault.Slugc, fault.ExitBuildpack, "buildpack/broken-output",
		fmt.Errorf("reading what buildpack %s left: %w", m.Info.ID, err), "report it to the buildpack's author")
}

// exec runs bin/build.
func (b *builder) exec(ctx context.Context, m Member, runtimes []sandbox.Bind) error {
	binds := append([]sandbox.Bind{
		b.bind(),
		{Host: m.Dir, Inside: bpMount + "/" + m.Escaped()},
		{Host: b.platform, Inside: platformMount},
		{Host: filepath.Join(b.Work, "plan"), Inside: planMount, Writable: true},
		{Host: filepath.Join(b.Work, "home"), Inside: homeMount, Writable: true},
	}, slices.Concat(b.Binds, runtimes)...)
	path := func(bind int, rel ...string) string {
		return filepath.Join(append([]string{b.Sandbox.Path(binds[bind])}, rel...)...)
	}
	report := filepath.Join(b.Work, "plan", "diagnosis.json")
	if err := removeFile(report); err != nil {
		return err
	}
	layers, platform, plan := path(0, ".layers", m.Escaped()), path(2), path(3, "plan.toml")
	env := maps.Clone(b.env)
	maps.Copy(env, map[string]string{
		"HOME":                      path(4),
		"CNB_BUILDPACK_DIR":         path(1),
		"CNB_PLATFORM_DIR":          platform,
		"CNB_LAYERS_DIR":            layers,
		"CNB_BP_PLAN_PATH":          plan,
		"CNB_TARGET_OS":             b.Target.OS,
		"CNB_TARGET_ARCH":           b.Target.Arch,
		"CNB_TARGET_DISTRO_NAME":    b.Target.DistroName,
		"CNB_TARGET_DISTRO_VERSION": b.Target.DistroVersion,
		diagnosis.Env:               path(3, "diagnosis.json"),
	})
	out := &tail{Writer: b.Output(m.Info.ID)}
	err := b.Sandbox.Run(ctx, sandbox.Spec{
		Args: []string{path(1, "bin", "build"), layers, platform, plan}, Dir: path(0), Env: command.Environ(env),
		Binds: binds, Network: true, Stdout: out, Stderr: out, Limits: b.Limits,
	})
	if err != nil {
		return failure(ctx, m, report, disk.Reported(err, out.String()))
	}
	return nil
}

// failure returns the fault of a buildpack that has failed with err. report is the file of its diagnosis.
func failure(ctx context.Context, m Member, report string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("running buildpack %s: %w", m.Info.ID, context.Cause(ctx))
	}
	if limit, ok := errors.AsType[*sandbox.LimitError](err); ok {
		return fault.AppError("build/limit", fmt.Errorf("running buildpack %s: %w", m.Info.ID, limit),
			"raise the limit with --timeout or --idle-timeout if the build really needs longer")
	}
	exit, ok := errors.AsType[*sandbox.ExitError](err)
	if !ok {
		return fmt.Errorf("running buildpack %s: %w", m.Info.ID, err)
	}
	d, errRead := diagnosis.Read(report)
	if trouble, ok := disk.TroubleOf(err); ok && errRead != nil {
		return fmt.Errorf("running buildpack %s: %w: %w", m.Info.ID, exit, trouble.Errno)
	}
	if errRead != nil || d == nil {
		return fault.New(fault.Slugc, fault.ExitBuildpack, "buildpack/broke",
			fmt.Errorf("running buildpack %s: %w", m.Info.ID, exit), "its output above says more")
	}
	f := fault.AppError(d.ID, d, d.Hints...)
	if d.Transient {
		f = fault.TransientError(d.ID, d, d.Hints...)
	}
	f.Place = d.Place
	return f
}

// readLayers reads a buildpack's layers: build layers change the environment of the next buildpacks, launch
// layers go into the slug.
func (b *builder) readLayers(
	ctx context.Context, m Member, dir string, layers map[string]layerFile, result *Result,
) error {
	for _, name := range slices.Sorted(maps.Keys(layers)) {
		layer, err := openBelow(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // only metadata
		}
		if err != nil {
			return fmt.Errorf("opening layer %q: %w", name, err)
		}
		defer layer.Close()
		runtime, err := b.attach(ctx, m, name, layers[name])
		if err != nil {
			return err
		}
		types := layers[name].Types
		if types.Build {
			changes, err := buildChanges(layer, runtime, filepath.Join(b.appPath(), ".layers", m.Escaped(), name))
			if err != nil {
				return err
			}
			apply(b.env, changes)
		}
		if types.Launch {
			result.Layers = append(result.Layers, Layer{
				Buildpack: m.Info.ID, Name: name, Dir: filepath.Join(dir, name), Runtime: runtime,
			})
		}
	}
	return nil
}
