package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/extension"
	"slugc/cache/beneath"
	"slugc/cache/disk"
	"slugc/compiler/fault"
	"slugc/compiler/program"
	"slugc/compiler/sandbox"
	"slugc/compiler/slug"
)

// Where a buildpack sees its directories, if the sandbox can mount.
const (
	platformMount = "/platform"
	homeMount     = "/home/slugc"
	planMount     = "/plan"
	reportMount   = "/report"
	bpMount       = "/cnb/buildpacks"
)

// Build runs the group's buildpacks in order. A built-in buildpack that fails with a diagnosis causes a fault with the
// diagnosis' id, one that fails without "buildpack/broke" (exit 52), and one of others that fails "build/failed" (exit
// 51). One that leaves files that break the specification causes "buildpack/broken-output" (exit 52). A limit causes a
// fault "build/limit", a launch layer that is a link "slug/link-outside".
func Build(ctx context.Context, c Config) (*Result, error) {
	b := &builder{
		Config: c, platform: filepath.Join(c.Work, "platform"),
		env: newEnvironments(c.BaseEnv), sboms: sboms{files: map[string][]byte{}},
	}
	defer b.close()
	if err := b.prepare(); err != nil {
		return nil, err
	}
	result := &Result{}
	for i, m := range c.Group {
		if c.Progress != nil {
			c.Progress(m.Info.ID)
		}
		if err := b.build(ctx, i, m, result); err != nil {
			return nil, err
		}
	}
	return result, b.finish(result)
}

// finish adds what all buildpacks together have made.
func (b *builder) finish(result *Result) (err error) {
	if err := result.expandSlices(b.app); err != nil {
		return fault.New(fault.Slugc, fault.ExitBuildpack, "buildpack/broken-output", err,
			"report it to the buildpack's author")
	}
	defaults, err := configChanges(b.configVars)
	if err != nil {
		return err
	}
	if result.SBOM, err = b.sboms.write(b.layers); err != nil {
		return err
	}
	result.Profile, err = profile(defaults, result.Layers, b.app, b.appPath(), b.Config.Member)
	return err
}

// builder is one call of Build.
type builder struct {
	Config
	platform    string
	app, layers *beneath.Dir                // AppDir and Layers, as they were before the first buildpack
	env         environments                // of the next buildpack's process; build layers change it
	foreign     []sandbox.Bind              // what buildpacks of others see: the platform directory, apt's sources
	lent        []sandbox.Bind              // what the build layers of built-in buildpacks point to
	sboms       sboms                       // of the buildpacks of others
	configVars  map[string]string           // of the last classic buildpack
	unmet       []libcnb.BuildpackPlanEntry // entries that buildpacks have left to later ones
}

// prepare opens the app directory and makes the platform directory.
func (b *builder) prepare() (err error) {
	if b.app, err = beneath.Open(b.AppDir); err != nil {
		return fmt.Errorf("opening the app directory: %w", err)
	}
	if b.layers, err = b.app.Dir(layersName); err != nil {
		return fmt.Errorf("opening the layers directory: %w", err)
	}
	envDir := filepath.Join(b.platform, "env")
	if err := mkdirs(envDir, filepath.Join(b.platform, bindingsName)); err != nil {
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
	if err := extension.WriteMember(b.platform, b.Member); err != nil {
		return err
	}
	if slices.ContainsFunc(b.Group, func(m Member) bool { return m.foreign() }) {
		b.foreign, err = platformDir(filepath.Join(b.Work, "platform-foreign"), b.Env, b.Bindings)
		if err != nil {
			return err
		}
		packages, err := sandbox.Packages(filepath.Join(b.Work, "apt"))
		if err != nil {
			return fmt.Errorf("making a build directory: %w", err)
		}
		b.foreign = append(b.foreign, packages...)
	}
	steps, _ := b.Network.steps(b.Sandbox)
	if err := extension.WriteSteps(b.platform, steps); err != nil {
		return err
	}
	if b.Prepare != nil {
		return b.Prepare(b.platform)
	}
	return nil
}

// close closes what prepare has opened.
func (b *builder) close() {
	for _, dir := range []*beneath.Dir{b.layers, b.app} {
		if dir != nil {
			dir.Close()
		}
	}
}

// build runs the buildpack with that index and adds what it leaves to the result.
func (b *builder) build(ctx context.Context, index int, m Member, result *Result) error {
	w, err := b.open(index, m)
	if err != nil {
		return err
	}
	defer w.close()
	before, err := restore(w.layers, w.aside)
	if err != nil {
		return err
	}
	if !m.BuiltIn {
		err = dropSBOMs(w.layers, before.layers)
	}
	if err != nil {
		return err
	}
	if m.Classic {
		return b.buildClassic(ctx, m, w, before, result)
	}
	m.Entries = slices.Concat(m.Entries, b.takeUnmet(m))
	if err := w.writePlan(libcnb.BuildpackPlan{Entries: m.Entries}); err != nil {
		return err
	}
	runtimes, err := b.showRuntimes(m)
	if err != nil {
		return err
	}
	exec := b.exec
	if m.foreign() {
		exec = b.execForeign
	}
	if err := exec(ctx, m, w, runtimes); err != nil {
		b.salvage(m, w, before)
		return err
	}
	if err := b.collect(m, w, before, result); err != nil {
		return brokenOutput(m, err)
	}
	return b.attachLate(ctx, m, result)
}

// collect reads what a buildpack has left.
func (b *builder) collect(m Member, w *workspace, before restored, result *Result) error {
	if err := b.checkReplaced(m, w); err != nil {
		return err
	}
	after, err := b.collectLayers(m, w, before, result)
	if err == nil && m.foreign() {
		err = b.collectForeign(m, w, after)
	}
	if err != nil {
		return err
	}
	result.notes = nil
	if err := result.readLaunch(m.Buildpack, w.layers); err != nil {
		return err
	}
	for _, note := range result.notes {
		fmt.Fprintln(b.Output(m.Info.ID), note)
	}
	unmet, err := readUnmet(m.Entries, w.layers)
	b.unmet = append(b.unmet, unmet...)
	return err
}

// collectLayers reads the layers that a buildpack has left.
func (b *builder) collectLayers(
	m Member, w *workspace, before restored, result *Result,
) (after map[string]layerFile, err error) {
	if after, err = before.collect(w.layers); err != nil {
		return nil, err
	}
	if b.Finished != nil {
		b.Finished(m.Escaped(), slices.Collect(maps.Keys(after)))
	}
	result.States = append(result.States, b.states(m, before.layers, after)...)
	return after, b.readLayers(m, w.layers, after, result)
}

// collectForeign reads what only buildpacks of others leave: bills of materials, and a store.toml that is valid.
func (b *builder) collectForeign(m Member, w *workspace, layers map[string]layerFile) error {
	var store struct {
		Metadata map[string]any `toml:"metadata"`
	}
	if err := decodeOptional(w.layers, storeName, &store); err != nil {
		return err
	}
	return b.sboms.collect(m, w.layers, layers)
}

// takeUnmet takes, of what earlier buildpacks have left unmet, what the member provides.
func (b *builder) takeUnmet(m Member) (own []libcnb.BuildpackPlanEntry) {
	b.unmet = slices.DeleteFunc(b.unmet, func(e libcnb.BuildpackPlanEntry) bool {
		if !slices.Contains(m.provides, e.Name) {
			return false
		}
		own = append(own, e)
		return true
	})
	return own
}

// salvage reports what a buildpack that has failed had finished: the layers that it names as such and has
// declared in this build. Metadata of the last build has no types.
func (b *builder) salvage(m Member, w *workspace, before restored) {
	if b.Finished == nil || b.checkReplaced(m, w) != nil {
		return
	}
	layers, err := readLayers(w.layers)
	if err != nil || before.bringBack(w.layers, layers) != nil {
		return
	}
	b.Finished(m.Escaped(), slices.DeleteFunc(extension.Finished(filepath.Join(w.report, finishedFile)),
		func(name string) bool { return layers[name].Types == libcnb.LayerTypes{} }))
}

// brokenOutput is the fault of a buildpack that has left what it must not. A fault stays as it is.
func brokenOutput(m Member, err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	return fault.New(fault.Slugc, fault.ExitBuildpack, "buildpack/broken-output",
		fmt.Errorf("reading what buildpack %s left: %w", m.Info.ID, err), "report it to the buildpack's author")
}

// exec runs bin/build of a built-in buildpack.
func (b *builder) exec(ctx context.Context, m Member, w *workspace, runtimes []sandbox.Bind) error {
	app := b.bind()
	bp := sandbox.Bind{Host: m.Dir, Inside: bpMount + "/" + m.Escaped()}
	platform := sandbox.Bind{Host: b.platform, Inside: platformMount}
	plan := sandbox.Bind{Host: w.plan, Inside: planMount}
	report := sandbox.Bind{Host: w.report, Inside: reportMount, Writable: true}
	home := sandbox.Bind{Host: w.home, Inside: homeMount, Writable: true}
	at := func(bind sandbox.Bind, rel ...string) string {
		return filepath.Join(append([]string{b.Sandbox.Path(bind)}, rel...)...)
	}
	args := []string{
		at(bp, "bin", "build"), at(app, layersName, m.Escaped()), at(platform), at(plan, planFile),
	}
	env := maps.Clone(b.env.builtIn)
	maps.Copy(env, map[string]string{
		"HOME":                      at(home),
		"CNB_BUILDPACK_DIR":         at(bp),
		"CNB_LAYERS_DIR":            args[1],
		"CNB_PLATFORM_DIR":          args[2],
		"CNB_BP_PLAN_PATH":          args[3],
		"CNB_TARGET_OS":             b.Target.OS,
		"CNB_TARGET_ARCH":           b.Target.Arch,
		"CNB_TARGET_DISTRO_NAME":    b.Target.DistroName,
		"CNB_TARGET_DISTRO_VERSION": b.Target.DistroVersion,
		diagnosis.Env:               at(report, diagnosisFile),
		extension.FinishedEnv:       at(report, finishedFile),
	})
	_, steps := b.Network.steps(b.Sandbox)
	out := &program.Tail{To: b.Output(m.Info.ID)}
	err := b.Sandbox.Run(ctx, sandbox.Spec{
		Args: args, Dir: at(app), Env: command.Environ(env),
		Binds:   slices.Concat([]sandbox.Bind{app, bp, platform, plan, report, home}, b.Binds, runtimes),
		Network: b.Network != NoNetwork, Steps: steps, Stdout: out, Stderr: out, Limits: b.Limits,
	})
	if err != nil {
		return failure(ctx, m, filepath.Join(w.report, diagnosisFile), disk.Reported(err, out.String()))
	}
	return nil
}

// failure returns the fault of a buildpack that has failed with err. report is the file of its diagnosis.
func failure(ctx context.Context, m Member, report string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("running buildpack %s: %w", m.Info.ID, context.Cause(ctx))
	}
	if limit, ok := errors.AsType[*sandbox.LimitError](err); ok {
		if d, err := diagnosis.Read(report); err == nil && d.Waiting && limit.Which == sandbox.LimitIdle {
			why := fmt.Errorf("running buildpack %s: %w: %w", m.Info.ID, limit, d)
			if !d.Transient {
				return fault.AppError(d.ID, why, append(d.Hints, limit.Hint())...)
			}
			return fault.TransientError(d.ID, why, d.Hints...)
		}
		return limit.Fault(fmt.Errorf("running buildpack %s: %w", m.Info.ID, limit))
	}
	exit, ok := errors.AsType[*sandbox.ExitError](err)
	if !ok {
		return fmt.Errorf("running buildpack %s: %w", m.Info.ID, err)
	}
	d, errRead := diagnosis.Read(report)
	if errRead == nil && d.Waiting {
		d, errRead = nil, fs.ErrNotExist // its end has left the note behind
	}
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
func (b *builder) readLayers(m Member, dir *beneath.Dir, layers map[string]layerFile, result *Result) error {
	for _, name := range slices.Sorted(maps.Keys(layers)) {
		layer, err := dir.Dir(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // only metadata
		}
		if errors.Is(err, beneath.ErrLink) {
			return slug.LinkFault(path.Join(layersName, m.Escaped(), name))
		}
		if err != nil {
			return fmt.Errorf("opening layer %q: %w", name, beneath.Reason(err))
		}
		defer layer.Close()
		types, runtime := layers[name].Types, b.runtimeOf(m, name)
		if types.Build {
			changes, err := buildChanges(layer, runtime, filepath.Join(b.appPath(), layersName, m.Escaped(), name))
			if err != nil {
				return err
			}
			b.env.apply(changes)
			if m.BuiltIn {
				b.lend(layer, changes)
			}
		}
		if types.Launch {
			result.Layers = append(result.Layers, Layer{
				Buildpack: m.Info.ID, Name: name, Dir: filepath.Join(b.Layers, m.Escaped(), name),
				Runtime: runtime, metadata: layers[name].Metadata, foreign: !m.BuiltIn,
			})
		}
	}
	return nil
}
