package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/extension"
	"slugc/cache/disk"
	"slugc/compiler/classic"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
	"slugc/compiler/sandbox"
)

// classicCache is the layer that a classic buildpack's cache directory is kept in.
const classicCache = "cache"

// detectClassic runs bin/detect of a classic buildpack. Its outcome has no plans: it provides and requires nothing.
func (c DetectConfig) detectClassic(ctx context.Context, bp Buildpack, work string) Outcome {
	found, err := classic.Detect(ctx, classic.Config{
		Sandbox: c.Sandbox, ID: bp.Info.ID, Dir: bp.Dir, Work: work, AppDir: c.AppDir, Build: c.BuildPath,
		Env: inheritedOf(c.BaseEnv), Vars: c.Env, Stack: c.Stack, SourceVersion: c.Env[extension.SourceVersion],
		Network: c.Network, Limits: c.limits(),
	})
	output := found.Output
	if found.Pass {
		output = found.Name
	}
	return Outcome{Pass: found.Pass, Output: printable(output), Err: err}
}

// buildClassic runs a classic buildpack and adds what it leaves to the result.
func (b *builder) buildClassic(ctx context.Context, m Member, w *workspace, before restored, result *Result) error {
	if err := b.restoreClassic(m, w, before); err != nil {
		return err
	}
	home := filepath.Join(b.Work, "classic-home")
	if err := mkdirs(home); err != nil {
		return err
	}
	runtimes, err := b.showRuntimes(m)
	if err != nil {
		return err
	}
	config := classic.Config{
		Sandbox: b.Sandbox, ID: m.Info.ID, Dir: m.Dir, Work: filepath.Join(w.base, "classic"), AppDir: b.AppDir,
		Home: home, Cache: filepath.Join(b.Layers, m.Escaped(), classicCache), Build: b.BuildPath,
		Env: b.env.classic, Vars: b.Env, Stack: b.Stack, SourceVersion: b.Env[extension.SourceVersion],
		Binds:   slices.Concat(b.earlierLayers(m), b.lent, runtimes),
		Network: b.Network != NoNetwork, Limits: b.Limits, Output: b.Output(m.Info.ID),
	}
	if m.Late {
		if err := b.detectLate(ctx, m, config); err != nil {
			return err
		}
	}
	made, err := classic.Compile(ctx, config)
	if err != nil {
		b.salvageClassic(m, w, err)
		return err
	}
	if err := b.checkReplaced(m, w); err != nil {
		return brokenOutput(m, err)
	}
	if err := b.declareClassic(w); err != nil {
		return err
	}
	b.addClassic(made, result)
	if _, err := b.collectLayers(m, w, before, result); err != nil {
		return brokenOutput(m, err)
	}
	return nil
}

// restoreClassic makes a classic buildpack's cache directory, a cache layer. It is emptied when the stack changes, and
// when its metadata is missing: then it is as a build that was ended has left it.
func (b *builder) restoreClassic(m Member, w *workspace, before restored) error {
	last, ok := before.layers[classicCache]
	_, err := w.layers.Lstat(classicCache)
	why := ""
	switch {
	case ok && last.Metadata["stack"] != b.Stack:
		why = fmt.Sprintf("The stack changed from %v to %s", last.Metadata["stack"], b.Stack)
	case !ok && err == nil:
		why = "The last build was interrupted"
	}
	if why != "" {
		fmt.Fprintln(b.Output(m.Info.ID), why+": the cache is empty")
		if err := w.layers.RemoveAll(classicCache); err != nil {
			return err
		}
	}
	if err := w.layers.Mkdir(classicCache, 0o755); err != nil {
		return brokenOutput(m, fmt.Errorf("making its cache directory: %w", err))
	}
	return nil
}

// declareClassic writes the metadata of a classic buildpack's cache directory.
func (b *builder) declareClassic(w *workspace) error {
	l := layerFile{Metadata: map[string]any{"stack": b.Stack}}
	l.Types.Cache = true
	return writeTOML(w.layers, classicCache+".toml", l)
}

// salvageClassic keeps the cache directory of a buildpack that has failed by itself: it is as the buildpack wants it.
// One that was ended, or that met trouble of the machine, may have left it half written.
func (b *builder) salvageClassic(m Member, w *workspace, err error) {
	exit, ended := errors.AsType[*sandbox.ExitError](err)
	if _, trouble := disk.TroubleOf(err); !ended || exit.Signal != 0 || trouble || b.Finished == nil {
		return
	}
	if b.checkReplaced(m, w) == nil && b.declareClassic(w) == nil {
		b.Finished(m.Escaped(), []string{classicCache})
	}
}

// detectLate runs bin/detect of a buildpack which looks for what one before it makes.
func (b *builder) detectLate(ctx context.Context, m Member, config classic.Config) error {
	found, err := classic.Detect(ctx, config)
	if err != nil {
		return err
	}
	if !found.Pass {
		return fault.New(fault.App, fault.ExitNoMatch, "buildpack/declined",
			fmt.Errorf("detecting with buildpack %s: it does not take what those before it have made of the app",
				m.Info.ID), declineHints(found.Output)...)
	}
	fmt.Fprintf(b.Output(m.Info.ID), "%s app detected\n", found.Name)
	return nil
}

func declineHints(output string) []string {
	hints := []string{"leave it out, or put it behind the buildpack that makes what it looks for"}
	if line, _, _ := strings.Cut(strings.TrimSpace(printable(output)), "\n"); line != "" {
		hints = append([]string{fmt.Sprintf("it says: %s", line)}, hints...)
	}
	return hints
}

// earlierLayers shows a classic buildpack, which does not see the app at /app, the layers of the buildpacks before.
func (b *builder) earlierLayers(m Member) (binds []sandbox.Bind) {
	for _, earlier := range b.Group {
		if earlier.Info.ID == m.Info.ID {
			break
		}
		if !earlier.Classic {
			binds = append(binds, sandbox.Bind{
				Host:   filepath.Join(b.Layers, earlier.Escaped()),
				Inside: path.Join(AppMount, layersName, earlier.Escaped()),
			})
		}
	}
	return binds
}

// addClassic adds what a classic buildpack has made. Of several, the process types, config vars and add-ons of the
// last one hold.
func (b *builder) addClassic(made *classic.Result, result *Result) {
	old := result.classic
	result.Processes = slices.DeleteFunc(result.Processes, func(p procfile.Process) bool {
		return slices.Contains(old.types, p.Type)
	})
	result.Addons = slices.DeleteFunc(result.Addons, func(a string) bool { return slices.Contains(old.addons, a) })
	for _, p := range made.Processes {
		result.setProcess(p)
	}
	result.addAddons(strings.Join(made.Addons, ","))
	result.classic.addons, result.classic.types = made.Addons, nil
	for _, p := range made.Processes {
		result.classic.types = append(result.classic.types, p.Type)
	}
	b.configVars = made.ConfigVars
	for _, dir := range made.Slices {
		above := func(s Slice) bool { return dir == s.Path || strings.HasPrefix(dir, s.Path+"/") }
		if !slices.ContainsFunc(result.Slices, above) {
			result.Slices = append(result.Slices, Slice{Path: dir})
		}
	}
	b.lent = append(b.lent, made.Own)
	b.env.export(made.Exported, b.BuildPath)
}

// environments are what the next buildpack's process gets, by the buildpack's kind.
type environments struct{ builtIn, foreign, classic map[string]string }

func newEnvironments(base map[string]string) environments {
	return environments{builtIn: maps.Clone(base), foreign: inheritedOf(base), classic: inheritedOf(base)}
}

// apply applies the changes of a build layer.
func (e environments) apply(changes []change) {
	for _, env := range []map[string]string{e.builtIn, e.foreign, e.classic} {
		apply(env, changes)
	}
}

// export sets what a classic buildpack exports. It has seen the app at build, where only classic ones see it.
func (e environments) export(vars map[string]string, build string) {
	for name, value := range vars {
		e.classic[name] = value
		if build == "" {
			build = classic.BuildPath("")
		}
		value = strings.ReplaceAll(value, build, AppMount)
		e.builtIn[name], e.foreign[name] = value, value
	}
}

// configChanges are the config vars of the last classic buildpack, as defaults of the launch environment.
func configChanges(vars map[string]string) (changes []change, err error) {
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if !isVariableName(name) || strings.ContainsRune(vars[name], 0) {
			return nil, fault.New(fault.Slugc, fault.ExitBuildpack, "buildpack/broken-output",
				fmt.Errorf("reading the config vars of bin/release: %q is not a variable", name),
				"report it to the buildpack's author")
		}
		changes = append(changes, change{name: name, value: vars[name], action: "default"})
	}
	return changes, nil
}
