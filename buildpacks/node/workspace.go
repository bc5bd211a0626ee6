package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/diagnosis"
	"slugc/detect/lazyregexp"
)

// A member of a workspace is built at three places: the package manager works in the project, which is the
// workspace's root; scripts run in the app's own directory ([language.Build] Dir); and dependency trees are
// named relative to the CNB app directory (Root), as slices are. For any other app these are one directory.

// project returns where the project is in the CNB app directory, "" if it is all of it.
func (b *work) project() string {
	if b.app != nil && b.app.Workspace != nil {
		return b.app.Workspace.Root
	}
	return b.Member
}

// inProject returns a slash-separated path of the project as a path of this machine.
func (b *work) inProject(rel string) string { return b.inRoot(path.Join(b.project(), rel)) }

// inRoot returns a slash-separated path of the CNB app directory as a path of this machine.
func (b *work) inRoot(rel string) string { return filepath.Join(b.Root, filepath.FromSlash(rel)) }

// checkLock refuses a lock file that does not match the package.json files, where the commands of the install
// would not notice.
func (b *work) checkLock() error {
	if b.manager.check == nil {
		return nil
	}
	files := slices.Clone(b.app.Manifests)
	for _, dir := range b.app.Workspace.Others {
		files = append(files, path.Join(dir, "package.json"))
	}
	changed, err := b.keeping(files, func() error { return b.fetch(b.manager.check) })
	if err != nil || !slices.Contains(changed, b.app.Lockfile) {
		return err
	}
	return &diagnosis.Diagnosis{
		ID: "node/lockfile-out-of-sync", Place: b.app.Lockfile,
		Summary: b.app.Lockfile + " does not match the package.json files of the workspace.",
		Hints:   []string{fmt.Sprintf("run `%s` and commit %s", lockCommand(b.app.Manager), b.app.Lockfile)},
	}
}

// keeping runs a step and writes back files of the project that it has changed, such as a lock file of all
// members. It returns their names.
func (b *work) keeping(files []string, step func() error) (changed []string, err error) {
	was := map[string][]byte{}
	for _, name := range files {
		was[name] = b.readOwn(name)
	}
	err = step()
	for _, name := range files {
		if was[name] != nil && !bytes.Equal(was[name], b.readOwn(name)) {
			changed = append(changed, name)
			err = errors.Join(err, os.WriteFile(b.inProject(name), was[name], 0o644)) // which keeps the file's mode
		}
	}
	return changed, err
}

// leaveOthersEarly leaves the other members out before the install, so that nothing is installed for them. Where the
// package manager wants them, they go when it has done its work, and their scripts, whose files are not here,
// at once.
func (b *work) leaveOthersEarly() error {
	if !b.manager.whole {
		return b.leaveOthers()
	}
	for _, dir := range b.app.Workspace.Others {
		file := path.Join(dir, "package.json")
		data := b.readOwn(file)
		var doc map[string]json.RawMessage
		if json.Unmarshal(data, &doc) != nil || doc["scripts"] == nil {
			continue
		}
		delete(doc, "scripts")
		text, err := json.Marshal(doc)
		if err == nil {
			err = os.WriteFile(b.inProject(file), text, 0o644)
		}
		if err != nil {
			return fmt.Errorf("leaving out %q: %w", dir, err)
		}
	}
	return nil
}

// ofOthers reports whether a path of the CNB app directory is the package.json of such a member.
func (b *work) ofOthers(rel string) bool {
	w := b.app.Workspace
	return w != nil && path.Base(rel) == "package.json" &&
		slices.ContainsFunc(w.Others, func(dir string) bool { return path.Join(w.Root, dir) == path.Dir(rel) })
}

// leaveOthers removes the package.json of the workspace's members that the app does not use, which is all that is
// there of them, and the links to them.
func (b *work) leaveOthers() error {
	w := b.app.Workspace
	if w == nil {
		return nil
	}
	for _, dir := range w.Others {
		err := os.Remove(b.inProject(path.Join(dir, "package.json")))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("leaving out %q: %w", dir, err)
		}
		for at := dir; at != "."; at = path.Dir(at) {
			if os.Remove(b.inProject(at)) != nil {
				break // it holds something else
			}
		}
	}
	for _, modules := range b.deps.paths {
		if err := b.unlink(modules, w.Others); err != nil {
			return err
		}
	}
	return nil
}

// unlink removes the links of a dependency tree to members that are left out.
func (b *work) unlink(modules string, others []string) error {
	names, err := packagesIn(b.inRoot(modules))
	if err != nil {
		return fmt.Errorf("leaving out members: %w", err)
	}
	for _, name := range names {
		link := path.Join(modules, name)
		target, err := os.Readlink(b.inRoot(link))
		if err != nil || filepath.IsAbs(target) {
			continue
		}
		to := path.Join(path.Dir(link), filepath.ToSlash(target))
		if slices.ContainsFunc(others, func(dir string) bool { return path.Join(b.project(), dir) == to }) {
			if err := os.Remove(b.inRoot(link)); err != nil {
				return fmt.Errorf("leaving out %q: %w", link, err)
			}
			_ = os.Remove(filepath.Dir(b.inRoot(link))) // its scope, if it is empty now
		}
	}
	return nil
}

// orchestrators match the programs that build members in order, in a script.
var orchestrators = lazyregexp.New(`(?:^|[\s;&|"'/])(turbo|nx|lerna)\s`)

// orchestrator returns the command of the workspace's own tool that builds the app and what it uses; nil where
// its build script calls none, or the app's own does already.
func (b *work) orchestrator() []string {
	w := b.app.Workspace
	if w == nil || b.app.Name == "" || b.hasScript("heroku-postbuild") ||
		strings.TrimSpace(b.app.Scripts["build"]) == "" {
		return nil
	}
	m := orchestrators.FindStringSubmatch(w.Scripts["build"] + " ")
	if m == nil || orchestrators.MatchString(b.app.Scripts["build"]+" ") {
		return nil
	}
	return append(slices.Clone(b.manager.exec), map[string][]string{
		"turbo": {"turbo", "run", "build", "--filter=" + b.app.Name},
		"nx":    {"nx", "run-many", "--target=build", "--projects=" + b.app.Name},
		"lerna": {"lerna", "run", "build", "--scope=" + b.app.Name, "--include-dependencies"},
	}[m[1]]...)
}

// usedBuilds returns the packages with a build script that the app uses, in the order in which they are built. The
// app's own script may build them already.
func (b *work) usedBuilds() []pkg {
	w := b.app.Workspace
	if w == nil || orchestrators.MatchString(b.app.Scripts["build"]+" ") {
		return nil
	}
	var list []pkg
	packages := b.packages()
	for _, dir := range w.Uses {
		for _, one := range packages {
			if one.dir == dir && strings.TrimSpace(one.Scripts["build"]) != "" {
				list = append(list, one)
			}
		}
	}
	return list
}

// buildUsed builds what the app uses of its workspace.
func (b *work) buildUsed(used []pkg) error {
	for _, one := range used {
		b.Log.Detail("In %s:", one.dir)
		if err := b.scriptIn(b.inProject(one.dir), "node/build-script-failed", "build", b.manager.run); err != nil {
			return err
		}
	}
	return nil
}

// orchestrate builds the app and what it uses with the workspace's own tool. Its daemon and its reports would
// outlive the build.
func (b *work) orchestrate(argv []string) error {
	for name, value := range map[string]string{
		"TURBO_TELEMETRY_DISABLED": "1", "NX_DAEMON": "false", "NX_NO_CLOUD": "true", "NX_TUI": "false",
	} {
		b.env.fallback(name, value)
	}
	b.Log.Detail("Running %s", strings.Join(argv, " "))
	return b.tool(unknown("node/build-script-failed", b.reproduceHint(argv)), argv...)
}

// orchestratorCaches are directories in which such tools keep what they built and their logs.
func (b *work) orchestratorCaches() []string {
	w := b.app.Workspace
	if w == nil {
		return nil
	}
	dirs := []string{".turbo", ".nx"}
	for _, dir := range append([]string{w.Member}, w.Uses...) {
		dirs = append(dirs, path.Join(dir, ".turbo"))
	}
	for i := range dirs {
		dirs[i] = path.Join(w.Root, dirs[i])
	}
	return dirs
}

// programDirs are where the programs of the app's dependencies are: the app's own, then the project's.
func (b *work) programDirs() []string {
	dirs := []string{b.Path("node_modules/.bin")}
	if own := b.inProject("node_modules/.bin"); own != dirs[0] {
		dirs = append(dirs, own)
	}
	return dirs
}
