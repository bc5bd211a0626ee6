package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/extension"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
	"slugc/compiler/sandbox"
	"slugc/detect/lazyregexp"
)

// Where a buildpack finds what it is given, when the sandbox can mount.
const (
	platformMount = "/platform"
	homeMount     = "/home/slugc"
	planMount     = "/plan"
	bpMount       = "/cnb/buildpacks"
)

// Build runs the group's buildpacks one after the other. A buildpack that says what is wrong with
// the app gives a fault of the app's with the diagnosis' id; one that breaks without a word gives
// exit 52.
func Build(ctx context.Context, c Config) (*Result, error) {
	r := &runner{Config: c, platform: filepath.Join(c.Work, "platform"), env: maps.Clone(c.BaseEnv)}
	if err := r.prepare(); err != nil {
		return nil, err
	}
	result := &Result{Took: map[string]time.Duration{}}
	for i, m := range c.Group {
		if c.Progress != nil {
			c.Progress(m.Info.ID)
		}
		start := time.Now()
		if err := r.member(ctx, i, m, result); err != nil {
			return nil, err
		}
		result.Took[m.Info.ID] = time.Since(start)
	}
	var err error
	result.Profile, err = profile(result.Layers, c.Layers, c.appPath())
	return result, err
}

type runner struct {
	Config
	platform string
	env      map[string]string // what buildpack processes start with; build layers add to it
	unmet    []libcnb.BuildpackPlanEntry
}

// prepare lays out the platform directory.
func (r *runner) prepare() error {
	envDir := filepath.Join(r.platform, "env")
	if err := mkdirs(envDir, filepath.Join(r.platform, "bindings"), filepath.Join(r.Work, "home"), filepath.Join(r.Work, "plan")); err != nil {
		return err
	}
	for k, v := range r.Env {
		if err := os.WriteFile(filepath.Join(envDir, k), []byte(v), 0o644); err != nil {
			return fmt.Errorf("writing build configuration: %w", err)
		}
	}
	if err := extension.WriteSlices(r.platform, r.Slices); err != nil {
		return err
	}
	if r.Prepare != nil {
		return r.Prepare(r.platform)
	}
	return nil
}

func (r *runner) member(ctx context.Context, i int, m Member, result *Result) error {
	dir := filepath.Join(r.Layers, m.Escaped())
	was, err := restore(dir, filepath.Join(r.Work, "aside", m.Escaped()))
	if err != nil {
		return err
	}
	plan := libcnb.BuildpackPlan{Entries: slices.Concat(m.Entries, r.unmet)}
	planFile := filepath.Join(r.Work, "plan", "plan.toml")
	if err := writeTOML(planFile, plan); err != nil {
		return err
	}
	if err := r.exec(ctx, m); err != nil {
		return err
	}
	now, states, err := was.collect(m.Info.ID, dir, r.Fresh, r.Broken)
	if err != nil {
		return broke(m, err)
	}
	result.States = append(result.States, states...)
	if err := r.layers(m, dir, now, result); err != nil {
		return broke(m, err)
	}
	if err := r.declared(m, dir, result); err != nil {
		return broke(m, err)
	}
	return nil
}

func broke(m Member, err error) error {
	return fault.New(
		fault.Slugc,
		fault.ExitBuildpack,
		"buildpack/broken-output",
		fmt.Errorf("reading what buildpack %s left: %w", m.Info.ID, err),
		"report it to the buildpack's author",
	)
}

// exec runs bin/build.
func (r *runner) exec(ctx context.Context, m Member) error {
	bpInside := bpMount + "/" + m.Escaped()
	binds := append([]sandbox.Bind{r.bind(),
		{Host: m.Dir, Inside: bpInside},
		{Host: r.platform, Inside: platformMount},
		{Host: filepath.Join(r.Work, "plan"), Inside: planMount, Writable: true},
		{Host: filepath.Join(r.Work, "home"), Inside: homeMount, Writable: true},
	}, r.Binds...)
	at := func(i int, rel ...string) string {
		return filepath.Join(append([]string{r.Sandbox.Path(binds[i])}, rel...)...)
	}
	report := filepath.Join(r.Work, "plan", "diagnosis.json")
	if err := removeIfThere(report); err != nil {
		return err
	}
	layers, platform, plan := at(0, ".layers", m.Escaped()), at(2), at(3, "plan.toml")
	env := maps.Clone(r.env)
	maps.Copy(env, map[string]string{
		"HOME":                      at(4),
		"CNB_BUILDPACK_DIR":         at(1),
		"CNB_PLATFORM_DIR":          platform,
		"CNB_LAYERS_DIR":            layers,
		"CNB_BP_PLAN_PATH":          plan,
		"CNB_TARGET_OS":             r.Target.OS,
		"CNB_TARGET_ARCH":           r.Target.Arch,
		"CNB_TARGET_DISTRO_NAME":    r.Target.DistroName,
		"CNB_TARGET_DISTRO_VERSION": r.Target.DistroVersion,
		diagnosis.Env:               at(3, "diagnosis.json"),
	})
	out := r.Output(m.Info.ID)
	err := r.Sandbox.Run(ctx, sandbox.Spec{
		Args: []string{at(1, "bin", "build"), layers, platform, plan}, Dir: at(0), Env: environ(env), Binds: binds,
		Network: true, Stdout: out, Stderr: out, Limits: r.Limits,
	})
	if err == nil {
		return nil
	}
	return r.failure(ctx, m, report, err)
}

// failure turns a failed child into whose fault it is.
func (r *runner) failure(ctx context.Context, m Member, report string, err error) error {
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
	d, derr := diagnosis.Read(report)
	if derr != nil || d == nil {
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

// layers sorts a buildpack's layers: build layers change the environment of those that follow,
// launch layers go into the slug.
func (r *runner) layers(m Member, dir string, now map[string]layerFile, result *Result) error {
	for _, name := range slices.Sorted(maps.Keys(now)) {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			continue
		}
		types := now[name].Types
		if types.Build {
			changes, err := buildChanges(path, filepath.Join(r.appPath(), ".layers", m.Escaped(), name))
			if err != nil {
				return err
			}
			apply(r.env, changes)
		}
		if types.Launch {
			result.Layers = append(result.Layers, Layer{Buildpack: m.Info.ID, Name: name, Dir: path})
		}
	}
	return nil
}

// declared reads launch.toml and build.toml.
func (r *runner) declared(m Member, dir string, result *Result) error {
	var launch libcnb.LaunchTOML
	if err := decodeIfThere(filepath.Join(dir, "launch.toml"), &launch); err != nil {
		return err
	}
	if err := result.processes(launch.Processes); err != nil {
		return err
	}
	keys := map[string]string{}
	for _, l := range launch.Labels {
		if path, ok := extension.SlicePath(l.Key); ok {
			keys[path] = l.Value
		}
		if l.Key == extension.AddonsLabel {
			result.addons(l.Value)
		}
	}
	for _, s := range launch.Slices {
		for _, p := range s.Paths {
			path := filepath.ToSlash(filepath.Clean(p))
			if !filepath.IsLocal(path) || path == "." {
				return fmt.Errorf("slice %q is not inside the app", p)
			}
			result.Slices = append(result.Slices, Slice{Path: path, Key: keys[path]})
		}
	}
	var build libcnb.BuildTOML
	if err := decodeIfThere(filepath.Join(dir, "build.toml"), &build); err != nil {
		return err
	}
	r.unmet = nil
	for _, u := range build.Unmet {
		for _, e := range m.Entries {
			if e.Name == u.Name {
				r.unmet = append(r.unmet, e)
			}
		}
	}
	return nil
}

// addons adds the add-ons of a label that are well-formed and new.
func (r *Result) addons(list string) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); addonGrammar.MatchString(name) && !slices.Contains(r.Addons, name) {
			r.Addons = append(r.Addons, name)
		}
	}
}

var addonGrammar = lazyregexp.New(`^[a-z][a-z0-9-]{0,62}(:[a-z0-9-]{1,62})?$`)

func decodeIfThere(file string, v any) error {
	if _, err := os.Lstat(file); err != nil {
		return nil
	}
	return decodeFile(file, v)
}

// processes merges a buildpack's processes: a later buildpack overrides a type.
func (r *Result) processes(list []libcnb.Process) error {
	for _, p := range list {
		if p.Type == "" || len(p.Command) == 0 {
			return fmt.Errorf("process %q has no command", p.Type)
		}
		q := procfile.Process{Type: p.Type, Command: command(p)}
		if i := slices.IndexFunc(r.Processes, func(old procfile.Process) bool { return old.Type == p.Type }); i >= 0 {
			r.Processes[i] = q
			continue
		}
		r.Processes = append(r.Processes, q)
	}
	return nil
}

// command turns a process into the one line that `bash -c` runs: the line itself where the
// buildpack uses a shell, else quoted words.
func command(p libcnb.Process) string {
	words := append(slices.Clone(p.Command), p.Arguments...)
	if len(words) == 3 && (words[0] == "bash" || words[0] == "sh") && words[1] == "-c" {
		words = words[2:]
	} else {
		for i, w := range words {
			if strings.ContainsFunc(w, func(r rune) bool {
				return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-", r)
			}) {
				words[i] = quote(w)
			}
		}
	}
	line := strings.Join(words, " ")
	if p.WorkingDirectory != "" {
		line = "cd " + quote(p.WorkingDirectory) + " && " + line
	}
	return line
}

// environ renders an environment, sorted.
func environ(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	sort.Strings(list)
	return list
}
