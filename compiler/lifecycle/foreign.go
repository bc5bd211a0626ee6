package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"slugc/buildpacks/command"
	"slugc/cache/beneath"
	"slugc/cache/disk"
	"strings"

	"slugc/compiler/fault"
	"slugc/compiler/program"
	"slugc/compiler/sandbox"
)

// Where a buildpack of others sees the app and the layers a second time.
const (
	WorkspaceMount = "/workspace"
	LayersMount    = "/layers"
)

// bindingRoot is the variable that names the directory of service bindings (servicebinding.io, "Workload
// Projection").
const bindingRoot = "SERVICE_BINDING_ROOT"

// foreignView is what a buildpack of others sees of the machine.
type foreignView struct {
	box    *sandbox.Sandbox
	app    string // host path
	layers string // host path, "" for none
	bp     Buildpack
	target Target
}

// check returns a fault if the sandbox cannot show the app where buildpacks of others write that it is.
func (v foreignView) check() error {
	if v.box.Level() == sandbox.Bubblewrap {
		return nil
	}
	why := v.box.Reason()
	if why == "" {
		why = "another sandbox is asked for"
	}
	return fault.New(fault.Slugc, fault.ExitDetect, "buildpack/needs-mounts",
		fmt.Errorf("running buildpack %s: it needs the sandbox bubblewrap: %s", v.bp.Info.ID, why),
		"`slugc doctor` says what the sandbox lacks: only slugc's own buildpacks run without it")
}

// binds returns the mounts of the app, the layers and the buildpack. Layers of other buildpacks are read-only: nothing
// that one leaves there may reach another's next build.
func (v foreignView) binds(writable bool) []sandbox.Bind {
	binds := []sandbox.Bind{
		{Host: v.app, Inside: AppMount, Writable: writable},
		{Host: v.app, Inside: WorkspaceMount, Writable: writable},
	}
	if v.layers != "" {
		inApp, inWorkspace := path.Join(AppMount, layersName), path.Join(WorkspaceMount, layersName)
		for _, at := range []string{inApp, inWorkspace, LayersMount} {
			own := sandbox.Bind{
				Host: filepath.Join(v.layers, v.bp.Escaped()), Inside: path.Join(at, v.bp.Escaped()), Writable: true,
			}
			binds = append(binds, sandbox.Bind{Host: v.layers, Inside: at}, own)
		}
	}
	return append(binds, sandbox.Bind{Host: v.bp.Dir, Inside: v.dir()})
}

// dir is where the buildpack sees itself.
func (v foreignView) dir() string { return path.Join(bpMount, v.bp.Escaped(), v.bp.Info.Version) }

// inherited are the variables of the platform that a buildpack of others gets (specification, "Environment"; the
// lifecycle's BuildEnvIncludelist), and those that layers of earlier buildpacks change.
var inherited = []string{
	"CNB_STACK_ID", "HOSTNAME", "HOME",
	"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy",
	"PATH", "LD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH", "PKG_CONFIG_PATH",
}

// inheritedOf returns the variables of env that a buildpack of others gets.
func inheritedOf(env map[string]string) map[string]string {
	own := map[string]string{}
	for _, name := range inherited {
		if value, ok := env[name]; ok {
			own[name] = value
		}
	}
	return own
}

// environ returns the environment of a process of the buildpack: env, what users provide, and the variables of the
// specification that detection and build share.
func (v foreignView) environ(env, user map[string]string, bindings bool) map[string]string {
	env = maps.Clone(env)
	if !v.bp.Info.ClearEnvironment {
		addUserEnv(env, user)
	}
	if bindings {
		env[bindingRoot] = platformMount + "/" + bindingsName
	}
	env["CNB_BUILDPACK_DIR"] = v.dir()
	if v.bp.atLeast("0.8") {
		env["CNB_PLATFORM_DIR"] = platformMount
	}
	if v.bp.atLeast("0.10") {
		maps.Copy(env, v.target.environ())
	}
	if v.bp.atLeast("0.12") {
		env["CNB_EXEC_ENV"] = execEnv
	}
	return env
}

// execEnv is the execution environment that slugc builds for (specification, "Execution Environments").
const execEnv = "production"

// addUserEnv adds the variables that users provide: lists of directories go in front of those that are there
// (specification, "User-Provided Variables").
func addUserEnv(env, user map[string]string) {
	for name, value := range user {
		isPath := slices.ContainsFunc(buildPathDirs, func(d pathDir) bool { return d.variable == name })
		if old := env[name]; isPath && old != "" {
			value += ":" + old
		}
		env[name] = value
	}
}

// Names in the platform directory.
const (
	envName      = "env"
	bindingsName = "bindings"
)

// platformDir makes a platform directory for buildpacks of others, and returns what the sandbox mounts.
func platformDir(dir string, env, bindings map[string]string) (binds []sandbox.Bind, err error) {
	envDir := filepath.Join(dir, envName)
	if err := mkdirs(envDir, filepath.Join(dir, bindingsName)); err != nil {
		return nil, err
	}
	for name, value := range env {
		if err := os.WriteFile(filepath.Join(envDir, name), []byte(value), 0o644); err != nil {
			return nil, fmt.Errorf("writing build configuration: %w", err)
		}
	}
	binds = []sandbox.Bind{{Host: dir, Inside: platformMount}}
	for _, name := range slices.Sorted(maps.Keys(bindings)) {
		if !filepath.IsLocal(name) || filepath.Base(name) != name {
			return nil, fmt.Errorf("showing the binding %q: %w", name, errors.New("it is not a name"))
		}
		if err := mkdirs(filepath.Join(dir, bindingsName, name)); err != nil {
			return nil, err
		}
		binds = append(binds, sandbox.Bind{Host: bindings[name], Inside: path.Join(platformMount, bindingsName, name)})
	}
	return binds, nil
}

// execForeign runs bin/build of a buildpack of others.
func (b *builder) execForeign(ctx context.Context, m Member, w *workspace, runtimes []sandbox.Bind) error {
	view := foreignView{box: b.Sandbox, app: b.AppDir, layers: b.Layers, bp: m.Buildpack, target: b.Target.As(b.Stack)}
	if err := view.check(); err != nil {
		return err
	}
	plan := sandbox.Bind{Host: w.plan, Inside: planMount}
	home := sandbox.Bind{Host: w.home, Inside: homeMount, Writable: true}
	layers, planPath := path.Join(AppMount, layersName, m.Escaped()), path.Join(planMount, planFile)
	env := view.environ(b.env.foreign, b.Env, len(b.Bindings) > 0)
	env["HOME"] = homeMount
	if m.atLeast("0.8") {
		env["CNB_LAYERS_DIR"], env["CNB_BP_PLAN_PATH"] = layers, planPath
	}
	out := &program.Tail{To: b.Output(m.Info.ID)}
	spec := sandbox.Spec{
		Dir: AppMount, Env: command.Environ(env), Stdout: out, Stderr: out,
		Binds:   slices.Concat(view.binds(true), b.foreign, []sandbox.Bind{plan, home}, b.lent, runtimes),
		Network: b.Network != NoNetwork, Limits: b.Limits,
	}
	return view.run(ctx, b.Sandbox, spec, buildProgram, out, layers, platformMount, planPath)
}

// run runs a program of the buildpack. A failure is a fault: the app's, or the buildpack's where the machine lacks its
// interpreter.
func (v foreignView) run(
	ctx context.Context, box *sandbox.Sandbox, spec sandbox.Spec, file string, out *program.Tail, args ...string,
) error {
	spec.Args = program.Start(path.Join(v.dir(), file), args...)
	err := box.Run(ctx, spec)
	if err == nil {
		return nil
	}
	doing := fmt.Sprintf("running %s of buildpack %s", file, v.bp.Info.ID)
	exit, exited := errors.AsType[*sandbox.ExitError](err)
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if limit, ok := errors.AsType[*sandbox.LimitError](err); ok {
		return limit.Fault(fmt.Errorf("%s: %w", doing, limit))
	}
	if !exited {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if trouble, ok := disk.TroubleIn(out.String()); ok {
		return fmt.Errorf("%s: %w: %w", doing, exit, trouble.Errno)
	}
	missing := program.Missing(exit, v.bp.Dir, file, func(args ...string) error {
		spec.Args, spec.Stdout, spec.Stderr = args, nil, nil
		return box.Run(ctx, spec)
	})
	if missing != "" && ctx.Err() == nil {
		return fault.New(fault.Slugc, fault.ExitBuildpack, "buildpack/not-runnable",
			fmt.Errorf("%s: its interpreter %q is not on this machine", doing, missing),
			"install it, or use a buildpack that needs no more than a shell")
	}
	return fault.AppError("build/failed", program.Because(doing, exit, out.String()), "its output above says more")
}

// lend notes what the next buildpacks need of a build layer of a built-in buildpack: the directories of the machine
// that its links and its environment lead to.
func (b *builder) lend(layer *beneath.Dir, changes []change) {
	var targets []string
	for _, c := range changes {
		targets = append(targets, c.value)
	}
	for _, dir := range []string{".", "bin", "lib"} {
		entries, _ := layer.ReadDir(dir) // a missing one leads nowhere
		for _, e := range entries {
			if target, err := layer.Readlink(path.Join(dir, e.Name)); err == nil {
				targets = append(targets, target)
			}
		}
	}
	for _, target := range targets {
		for t := range strings.SplitSeq(target, ":") {
			b.lendPath(t)
		}
	}
}

// lendPath lends the directory of the machine around a path that a build layer names: one toolchain.
func (b *builder) lendPath(target string) {
	for _, bind := range b.Binds {
		rel, below := strings.CutPrefix(path.Clean(target), bind.Inside+"/")
		if bind.Writable || !below {
			continue
		}
		name, _, _ := strings.Cut(rel, "/")
		lent := sandbox.Bind{Host: filepath.Join(bind.Host, name), Inside: path.Join(bind.Inside, name)}
		if !slices.Contains(b.lent, lent) {
			b.lent = append(b.lent, lent)
		}
	}
}
