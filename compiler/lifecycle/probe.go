package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/cache/beneath"
	"slugc/compiler/fault"
	"slugc/compiler/program"
	"slugc/compiler/sandbox"
)

// DetectConfig are the arguments of [RunDetect].
type DetectConfig struct {
	Sandbox  *sandbox.Sandbox
	AppDir   string            // host path of the app directory, which is shown read-only
	Work     string            // host directory; each run makes one of its own in it
	Env      map[string]string // user-provided variables
	BaseEnv  map[string]string // PATH and proxies; others are not passed on
	Bindings map[string]string // host directory by name
	Target   Target
	Network  bool
	Limits   sandbox.Limits // without a deadline it is a minute
	// Stack and BuildPath are what classic buildpacks are told, as in [Config].
	Stack, BuildPath string
}

const (
	// detectDeadline is how long a detection may take.
	detectDeadline = time.Minute
	// maxPlan is the most bytes of a build plan, and of what is kept of a detection's output.
	maxPlan = 1 << 20
	// maxDetectDisk is how many bytes a detection may write.
	maxDetectDisk = 64 << 20
	// codeDecline is the exit code of a detection that declines the app (specification, "Detection").
	codeDecline = 100
)

// RunDetect runs bin/detect of a buildpack of others in the sandbox, of either kind, and returns what it says. The
// app is read-only.
// Many goroutines may call it at once.
func RunDetect(ctx context.Context, c DetectConfig, bp Buildpack) Outcome {
	if err := bp.checkTarget(c.Target.As(c.Stack)); err != nil {
		return Outcome{Err: fault.New(fault.App, fault.ExitDetect, "buildpack/target",
			fmt.Errorf("loading buildpack %s: %s: %w", bp.Info.ID, descriptorName, err),
			"take a buildpack for this machine, or name its stack with --stack")}
	}
	base, err := os.MkdirTemp(c.Work, "detect-")
	if err != nil {
		return Outcome{Err: fmt.Errorf("making a build directory: %w", err)}
	}
	o := c.detect(ctx, bp, base)
	if err := removeAll(base); err != nil && o.Err == nil {
		o.Err = err
	}
	return o
}

// detect runs bin/detect. base is a directory for this run.
func (c DetectConfig) detect(ctx context.Context, bp Buildpack, base string) Outcome {
	if bp.Classic {
		return c.detectClassic(ctx, bp, base)
	}
	output, err := c.run(ctx, bp, base)
	o := Outcome{Output: printable(output.String())}
	exit, exited := errors.AsType[*sandbox.ExitError](err)
	switch {
	case exited && exit.Code == codeDecline && exit.Signal == 0:
	case err != nil:
		o.Err = detectFailed(err)
	default:
		o.Pass, o.Plans, o.Err = output.err == nil, output.plans, output.err
	}
	return o
}

// detectFailed is the fault of a detection that could not decide.
func detectFailed(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Owner == fault.Transient || f.Code == fault.ExitDetect {
		return err
	}
	return fault.New(fault.App, fault.ExitDetect, "buildpack/detect-failed", f.Err, f.Hints...)
}

// detection is what a run of bin/detect leaves.
type detection struct {
	program.Tail
	plans libcnb.BuildPlans
	err   error // of the plan
}

// run runs bin/detect and reads the plan.
func (c DetectConfig) run(ctx context.Context, bp Buildpack, base string) (d *detection, err error) {
	d = &detection{}
	view := foreignView{box: c.Sandbox, app: c.AppDir, bp: bp, target: c.Target.As(c.Stack)}
	if err := view.check(); err != nil {
		return d, err
	}
	platform, err := platformDir(filepath.Join(base, "platform"), c.Env, c.Bindings)
	if err != nil {
		return d, err
	}
	plan := sandbox.Bind{Host: filepath.Join(base, "plan"), Inside: planMount, Writable: true}
	home := sandbox.Bind{Host: filepath.Join(base, "home"), Inside: homeMount, Writable: true}
	if err := mkdirs(plan.Host, home.Host); err != nil {
		return d, err
	}
	if err := os.WriteFile(filepath.Join(plan.Host, planFile), nil, 0o644); err != nil {
		return d, fmt.Errorf("making a build directory: %w", err)
	}
	planPath := filepath.Join(c.Sandbox.Path(plan), planFile)
	env := view.environ(inheritedOf(c.BaseEnv), c.Env, len(c.Bindings) > 0)
	env["HOME"] = c.Sandbox.Path(home)
	if bp.atLeast("0.8") {
		env["CNB_BUILD_PLAN_PATH"] = planPath
	}
	err = view.run(ctx, c.Sandbox, sandbox.Spec{
		Dir: AppMount, Env: command.Environ(env), Stdout: d, Stderr: d,
		Binds:   slices.Concat(view.binds(false), platform, []sandbox.Bind{plan, home}),
		Network: c.Network, Limits: c.limits(),
	}, detectProgram, &d.Tail, platformMount, planPath)
	if err == nil {
		d.plans, d.err = readPlan(plan.Host)
	}
	return d, err
}

// limits are those of a detection: it only looks.
func (c DetectConfig) limits() sandbox.Limits {
	limits := c.Limits
	if limits.Deadline == 0 || limits.Deadline > detectDeadline {
		limits.Deadline = detectDeadline
	}
	limits.Log, limits.Disk = maxPlan, maxDetectDisk
	return limits
}

// removeAll removes a directory of which a child could write parts.
func removeAll(dir string) error {
	parent, err := beneath.Open(filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer parent.Close()
	return parent.RemoveAll(filepath.Base(dir))
}

// planFileContent is the content of a build plan.
type planFileContent struct {
	planSections
	Or []planSections `toml:"or"`
}

type planSections struct {
	Provides []libcnb.BuildPlanProvide `toml:"provides"`
	Requires []struct {
		libcnb.BuildPlanRequire
		Version string `toml:"version"`
	} `toml:"requires"`
}

// readPlan reads the build plan that a detection has left in a directory.
func readPlan(dir string) (plans libcnb.BuildPlans, err error) {
	opened, err := beneath.Open(dir)
	if err != nil {
		return plans, err
	}
	defer opened.Close()
	data, err := opened.ReadFile(planFile, maxPlan)
	var content planFileContent
	if err == nil {
		err = toml.Unmarshal(data, &content)
	}
	if err == nil {
		plans.BuildPlan, err = content.plan()
	}
	for _, or := range content.Or {
		if err == nil {
			var plan libcnb.BuildPlan
			plan, err = or.plan()
			plans.Or = append(plans.Or, plan)
		}
	}
	if err != nil {
		return plans, fmt.Errorf("reading its build plan %q: %w", planFile, beneath.Reason(err))
	}
	return plans, nil
}

// plan returns the sections as a build plan. A version beside the metadata, which old buildpacks set, is an error.
func (s planSections) plan() (libcnb.BuildPlan, error) {
	p := libcnb.BuildPlan{Provides: s.Provides}
	for _, r := range s.Requires {
		if r.Version != "" {
			return p, fmt.Errorf("it requires %q with a key version: only metadata.version is supported", r.Name)
		}
		p.Requires = append(p.Requires, r.BuildPlanRequire)
	}
	return p, nil
}

// printable returns text without control characters other than line ends and tabs.
func printable(text string) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\r\n", "\n"), "\uFFFD")
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, text)
}
