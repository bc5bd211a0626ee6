package lifecycle_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/build"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/compiler/fault"
	"slugc/compiler/lifecycle"
	"slugc/compiler/sandbox"
)

// outcome is what detection and build of a case have done.
type outcome struct {
	Exit      int               // of the phase that has failed
	Group     []string          // ids
	Seen      map[string]string // what each bin/build has recorded, by file: environment, plan, restored layers
	Layers    map[string]string // types, metadata and files, by name
	Processes []string
	Default   string
	Labels    map[string]string
	Launched  map[string]string // the output of started processes, by type

	log string
}

// fields returns what is compared, by name.
func (o outcome) fields() map[string]any {
	return map[string]any{
		"Exit": o.Exit, "Group": o.Group, "Seen": o.Seen, "Layers": o.Layers, "Processes": o.Processes,
		"Default": o.Default, "Labels": o.Labels, "Launched": o.Launched,
	}
}

// real is the real lifecycle: the directory of its binaries.
type real string

// findLifecycle finds the binaries that .ci/setup has built.
func findLifecycle(t testing.TB) real {
	t.Helper()
	testkit.NeedsTools(t, "bubblewrap", "the CNB lifecycle")
	dir := filepath.Join(build.Default.GOPATH, "bin")
	for _, name := range []string{"cnb-lifecycle", "cnb-launcher"} {
		if !testkit.Exists(dir, name) {
			t.Fatalf("the CNB lifecycle is not in %s: .ci/setup builds it", dir)
		}
	}
	return real(dir)
}

// phases is the script that runs the lifecycle's phases.
const phases = `
ln -s /cnb/lifecycle/cnb-lifecycle /tmp/detector
ln -s /cnb/lifecycle/cnb-lifecycle /tmp/builder
/tmp/detector -app /app -buildpacks /cnb/buildpacks -layers /app/.layers -platform /platform -log-level debug \
	-order /out/order.toml -group /out/group.toml -plan /out/plan.toml -analyzed /out/analyzed.toml || exit
/tmp/builder -app /app -buildpacks /cnb/buildpacks -layers /app/.layers -platform /platform \
	-group /out/group.toml -plan /out/plan.toml -analyzed /out/analyzed.toml
`

// outcome runs the real lifecycle. It sees what a buildpack sees in slugc's sandbox, so that paths are the same.
func (r real) outcome(t *testing.T, c corpusCase) outcome {
	t.Helper()
	base := t.TempDir()
	c.layOutFor(t, base)
	analyzed := fmt.Sprintf(
		"[run-image.target]\nos = %q\narch = %q\n[run-image.target.distro]\nname = %q\nversion = %q\n",
		target.OS, target.Arch, target.DistroName, target.DistroVersion)
	testkit.Tree(t, filepath.Join(base, "out"), map[string]string{
		"order.toml": c.orderTOML(), "analyzed.toml": analyzed,
	})
	log, exit := r.run(t, base, []string{"sh", "-c", phases}, nil)
	o := r.read(t, base, log, exit)
	if exit == 0 {
		r.launch(t, c, base, &o)
	}
	return o
}

// layOutFor lays out what the real lifecycle finds below base.
func (c corpusCase) layOutFor(t *testing.T, base string) {
	t.Helper()
	app := filepath.Join(base, "app")
	c.layOut(t, filepath.Join(base, "bps"), app)
	testkit.Write(t, filepath.Join(base, "platform/bindings/.keep"), "")
	for name, value := range c.env {
		testkit.Write(t, filepath.Join(base, "platform/env", name), value)
	}
	testkit.Write(t, filepath.Join(app, ".layers/.keep"), "")
}

// orderTOML is the order for the real lifecycle.
func (c corpusCase) orderTOML() (text string) {
	for _, group := range c.order {
		text += "[[order]]\n" + groupTOML("order.group", group)
	}
	return text
}

// read reads what the real lifecycle has left below base.
func (r real) read(t *testing.T, base, log string, exit int) outcome {
	t.Helper()
	o := outcome{Exit: exit, log: log}
	var group struct{ Group []struct{ ID string } }
	if data, err := os.ReadFile(filepath.Join(base, "out/group.toml")); err == nil {
		decodeTOML(t, string(data), &group)
	}
	for _, m := range group.Group {
		o.Group = append(o.Group, m.ID)
	}
	app := filepath.Join(base, "app")
	o.Seen = recorded(t, app)
	if exit == 0 {
		o.Layers = layersOf(t, app, o.Group)
		r.readMetadata(t, app, &o)
	}
	return o
}

// run runs a command where the lifecycle sees an app.
func (r real) run(t *testing.T, base string, args []string, env map[string]string) (output string, exit int) {
	t.Helper()
	shown := []string{
		"--unshare-user", "--uid", "1000", "--gid", "1000", "--unshare-pid", "--die-with-parent", "--clearenv",
		"--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
		"--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
		"--bind", filepath.Join(base, "app"), "/app", "--ro-bind", filepath.Join(base, "bps"), "/cnb/buildpacks",
		"--ro-bind", filepath.Join(base, "platform"), "/platform", "--bind", filepath.Join(base, "out"), "/out",
		"--ro-bind", string(r), "/cnb/lifecycle", "--dir", "/home/slugc", "--chdir", "/app",
		"--setenv", "HOME", "/home/slugc", "--setenv", "PATH", "/usr/bin:/bin",
		"--setenv", "HTTP_PROXY", baseEnv["HTTP_PROXY"], "--setenv", "SECRET", baseEnv["SECRET"],
		"--setenv", "CNB_PLATFORM_API", "0.14",
	}
	if layers := filepath.Join(base, "layers"); testkit.Exists(layers) {
		shown = append(shown, "--bind", layers, "/layers")
	}
	for name, value := range env {
		shown = append(shown, "--setenv", name, value)
	}
	var out bytes.Buffer
	cmd := exec.Command("bwrap", slices.Concat(shown, args)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// readMetadata reads metadata.toml.
func (r real) readMetadata(t *testing.T, app string, o *outcome) {
	t.Helper()
	var metadata struct {
		Default   string                        `toml:"buildpack-default-process-type"`
		Processes []struct{ Type string }       `toml:"processes"`
		Labels    []struct{ Key, Value string } `toml:"labels"`
	}
	decodeTOML(t, testkit.Read(t, filepath.Join(app, ".layers/config/metadata.toml")), &metadata)
	o.Default = metadata.Default
	for _, p := range metadata.Processes {
		o.Processes = append(o.Processes, p.Type)
	}
	o.Labels = map[string]string{}
	for _, l := range metadata.Labels {
		o.Labels[l.Key] = l.Value
	}
}

// launch starts processes with the real launcher.
func (r real) launch(t *testing.T, c corpusCase, base string, o *outcome) {
	t.Helper()
	onlyLaunch(t, filepath.Join(base, "app"), o)
	for _, process := range c.launch {
		output, exit := r.run(t, base, []string{
			"sh", "-c", "ln -s /cnb/lifecycle/cnb-launcher /tmp/" + process + "; exec /tmp/" + process + " 2>&1",
		}, map[string]string{"CNB_LAYERS_DIR": "/app/.layers", "CNB_APP_DIR": "/app", "HOME": "/app"})
		o.launched(process, output, exit)
	}
}

// launched notes the output of a process, without what only one of the two sets.
func (o *outcome) launched(process, output string, exit int) {
	if o.Launched == nil {
		o.Launched = map[string]string{}
	}
	var kept []string
	for line := range strings.Lines(output) {
		name, _, _ := strings.Cut(line, "=")
		if !slices.Contains([]string{"COMMAND", "DYNO", "SHLVL", "_", "SLUGC_LAUNCHER", "OLDPWD"}, name) {
			kept = append(kept, line)
		}
	}
	if strings.Contains(output, "PATH=") {
		slices.Sort(kept)
	}
	if exit != 0 {
		kept = []string{"exit " + strconv.Itoa(exit)}
	}
	o.Launched[process] = strings.Join(kept, "")
}

// onlyLaunch removes the layers that are not for launch, which an image would not have.
func onlyLaunch(t *testing.T, app string, o *outcome) {
	t.Helper()
	for name, types := range o.Layers {
		if strings.HasSuffix(name, ".toml") && !strings.Contains(types, `"launch":true`) {
			if err := os.RemoveAll(filepath.Join(app, ".layers", strings.TrimSuffix(name, ".toml"))); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// outcome runs slugc's own lifecycle.
func (c corpusCase) outcome(t *testing.T) outcome {
	t.Helper()
	m := newMachine(t, "")
	c.layOut(t, m.bps, m.app)
	o, result := c.build(t, m)
	if result == nil {
		return o
	}
	onlyLaunch(t, m.app, &o)
	for _, process := range c.launch {
		output, exit := m.start(result, process)
		o.launched(process, output, exit)
	}
	return o
}

// build detects and builds. Without a result it has failed.
func (c corpusCase) build(t *testing.T, m *machine) (o outcome, result *lifecycle.Result) {
	t.Helper()
	m.env = c.env
	choice, err := c.choose(m)
	for _, member := range choice.Members {
		o.Group = append(o.Group, member.Info.ID)
	}
	if err == nil {
		result, err = m.buildGroup(choice.Members)
	}
	o.Seen = recorded(t, m.app)
	if err != nil {
		o.Exit = fault.Of(err).Code
		return o, nil
	}
	o.Layers = layersOf(t, m.app, o.Group)
	o.Default = result.DefaultType
	for _, p := range result.Processes {
		o.Processes = append(o.Processes, p.Type)
	}
	slices.Sort(o.Processes)
	o.Labels = result.Labels
	return o, result
}

// choose loads and expands the order and chooses a group.
func (c corpusCase) choose(m *machine) (lifecycle.Choice, error) {
	find := func(id, _ string) (lifecycle.Buildpack, bool) {
		b, err := lifecycle.Load(filepath.Join(m.bps, id, "1.0"))
		return b, err == nil
	}
	var order [][]lifecycle.Ordered
	for _, names := range c.order {
		var group []lifecycle.Ordered
		for name := range strings.FieldsSeq(names) {
			id, optional := strings.CutSuffix(name, "?")
			b, err := lifecycle.Load(filepath.Join(m.bps, id, "1.0"))
			if err != nil {
				return lifecycle.Choice{}, err
			}
			group = append(group, lifecycle.Ordered{Buildpack: b, Optional: optional})
		}
		groups, err := lifecycle.Expand(group, find)
		if err != nil {
			return lifecycle.Choice{}, err
		}
		order = append(order, groups...)
	}
	return lifecycle.Choose(m.Context(), order, m.probe)
}

// buildGroup builds the app with a group.
func (m *machine) buildGroup(group []lifecycle.Member) (*lifecycle.Result, error) {
	m.Helper()
	layers := filepath.Join(m.app, ".layers")
	if err := os.MkdirAll(layers, 0o755); err != nil {
		m.Fatal(err)
	}
	return lifecycle.Build(m.Context(), lifecycle.Config{
		Sandbox: m.box, Group: group, AppDir: m.app, Layers: layers, Work: m.TempDir(), Env: m.env,
		BaseEnv: baseEnv, Bindings: m.binding, Target: target, Limits: sandbox.Limits{Deadline: time.Minute},
		Output: func(string) io.Writer { return m.output }, Stack: m.stack,
	})
}

// start starts a process as slugc run does: a shell sources the profile, then runs the command.
func (m *machine) start(result *lifecycle.Result, process string) (output string, exit int) {
	m.Helper()
	self, err := os.Executable()
	if err != nil {
		m.Fatal(err)
	}
	command := ""
	for _, p := range result.Processes {
		if p.Type == process {
			command = p.Command
		}
	}
	var out testkit.Buffer
	err = m.box.Run(m.Context(), sandbox.Spec{
		Args: []string{"/bin/bash", "-c", result.Profile + "\nexec bash -c \"$COMMAND\""}, Dir: "/app",
		Env: []string{
			"HOME=/app", "PATH=/usr/bin:/bin", "DYNO=" + process + ".1", "SLUGC_LAUNCHER=" + self,
			"COMMAND=" + command, "HTTP_PROXY=" + baseEnv["HTTP_PROXY"], "SECRET=" + baseEnv["SECRET"],
		},
		Binds:  []sandbox.Bind{{Host: m.app, Inside: "/app", Writable: true}, {Host: self, Inside: self}},
		Stdout: &out, Stderr: &out,
	})
	if e, ok := errors.AsType[*sandbox.ExitError](err); ok {
		return out.String(), e.Code
	}
	if err != nil {
		m.Fatal(err)
	}
	return out.String(), 0
}
