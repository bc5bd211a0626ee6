package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"slugc/buildpacks/language"
	"slugc/buildpacks/tree"
)

// hasScript reports whether package.json has a script, even an empty one.
func (b *work) hasScript(script string) bool {
	_, ok := b.app.Scripts[script]
	return ok
}

// hasBuildScripts reports whether the build runs any script that may see the dependency trees.
func (b *work) hasBuildScripts() bool {
	if len(b.usedBuilds()) > 0 {
		return true
	}
	scripts := []string{"heroku-prebuild", "heroku-postbuild", "build", "heroku-cleanup"}
	return slices.ContainsFunc(scripts, func(name string) bool { return strings.TrimSpace(b.app.Scripts[name]) != "" })
}

// script runs a script of the app's package.json through the package manager.
func (b *work) script(id, name string, run []string, flags ...string) error {
	return b.scriptIn(b.Dir, id, name, run, flags...)
}

// scriptIn runs a script of the package.json in a directory.
func (b *work) scriptIn(dir, id, name string, run []string, flags ...string) error {
	argv := append(slices.Clone(run), name)
	failure := unknown(id, append(b.homeHint(), b.reproduceHint(argv))...)
	if len(flags) > 0 {
		argv = append(append(argv, b.manager.flags...), flags...)
	}
	b.Log.Detail("Running %s", strings.Join(argv, " "))
	return b.toolIn(dir, failure, argv...)
}

// prebuild runs heroku-prebuild. It may write an .npmrc or even the manifests, so the app's facts
// are read again.
func (b *work) prebuild() error {
	if strings.TrimSpace(b.app.Scripts["heroku-prebuild"]) == "" {
		return nil
	}
	b.Log.Step("Prebuild")
	run := b.manager.run
	if b.manager.name == "berry" {
		run = []string{"npm", "run"} // Yarn runs no script of a project that is not installed
	}
	if err := b.script("node/prebuild-script-failed", "heroku-prebuild", run); err != nil {
		return err
	}
	manager := b.app.Manager
	if err := b.detect(); err != nil {
		return err
	}
	if b.app == nil || b.app.Manager != manager {
		return fmt.Errorf("reading package.json again: heroku-prebuild changed the package manager")
	}
	var err error
	b.manager, err = b.managerOf(b.manager.version, b.manager.program)
	return err
}

// buildScripts runs heroku-postbuild or, where package.json has none, build, with the frameworks'
// caches in place.
func (b *work) buildScripts() error {
	name, flags := "heroku-postbuild", []string(nil)
	if !b.hasScript(name) {
		name, flags = "build", strings.Fields(b.env.user["NODE_BUILD_FLAGS"])
	}
	text, used := strings.TrimSpace(b.app.Scripts[name]), b.usedBuilds()
	if text == "" && len(used) == 0 {
		return nil
	}
	b.Log.Step("Build")
	if strings.HasPrefix(text, "ng build") && len(flags) == 0 && !strings.Contains(text, "prod") {
		b.Log.Warn("The build script runs `ng build` without a production configuration.")
	}
	if err := b.restoreCaches(); err != nil {
		return err
	}
	if err := b.runBuild(used, name, flags); err != nil {
		return err
	}
	if err := b.saveCaches(); err != nil {
		return err
	}
	return b.checkTrees(name)
}

// runBuild builds what the app uses of its workspace and then the app.
func (b *work) runBuild(used []pkg, name string, flags []string) error {
	if argv := b.orchestrator(); argv != nil {
		return b.orchestrate(argv)
	}
	if err := b.buildUsed(used); err != nil || strings.TrimSpace(b.app.Scripts[name]) == "" {
		return err
	}
	return b.script("node/build-script-failed", name, b.manager.run, flags...)
}

// prunes reports whether development dependencies are taken out.
func (b *work) prunes() bool { return b.app.HasDevDeps && b.whyNoPrune() == "" }

// pruning names what is left of the trees, as part of their key: raise the number when the same trees
// are pruned to another result.
func (b *work) pruning() string {
	if b.deps.drop {
		return "dropped"
	}
	if b.prunes() && b.manager.pruneEmpty {
		return "true 2"
	}
	return fmt.Sprint(b.prunes())
}

// whyNoPrune returns why development dependencies stay, "" where they go. The variables are those
// of Heroku's Node.js buildpack.
func (b *work) whyNoPrune() string {
	if b.assisting {
		return "the build of another language may need them"
	}
	if env, ok := b.env.user["NODE_ENV"]; ok && env != "production" {
		return "NODE_ENV is " + env
	}
	for name := range b.env.user {
		upper := strings.ToUpper(name)
		switch {
		case upper == "NPM_CONFIG_PRODUCTION", upper == "YARN_PRODUCTION":
			return name + " is set"
		case upper == "YARN2_SKIP_PRUNING" && b.app.Manager == "berry" && b.env.enabled(name),
			upper == "PNPM_SKIP_PRUNING" && b.app.Manager == "pnpm" && b.env.enabled(name):
			return name + " is set"
		}
	}
	return b.manager.noPrune
}

// finishTrees leaves of the dependency trees what the slug carries: the full ones go back to the
// cache where the platform supplies the pruned ones, else they are pruned in place.
func (b *work) finishTrees() error {
	d := &b.deps
	if d.supplied {
		return b.leaveOthers()
	}
	if d.drop && !b.dropsTrees() { // the build has written a server or a Procfile: the key said otherwise
		d.drop, d.key, d.dirty = false, "", true
	}
	if d.drop {
		return errors.Join(b.dropTrees(), b.leaveOthers())
	}
	d.full = b.programs()
	if d.borrowed && !d.dirty {
		if err := b.returnTrees(); err != nil {
			return err
		}
		d.supplied = true
		return b.leaveOthers()
	}
	if d.borrowed {
		d.kept = "" // the script wrote to the only copy
	}
	if err := language.Steps(b.prune, b.leaveOthers); err != nil {
		return err
	}
	d.programs = b.programs()
	d.final = slices.DeleteFunc(slices.Clone(d.paths), func(modules string) bool {
		return !tree.Exists(b.inRoot(modules))
	})
	return nil
}

// cleanup runs heroku-cleanup on the pruned app.
func (b *work) cleanup() error {
	if strings.TrimSpace(b.app.Scripts["heroku-cleanup"]) == "" {
		return nil
	}
	b.Log.Step("Cleanup")
	if err := b.recordTrees(); err != nil {
		return err
	}
	if err := b.script("node/cleanup-script-failed", "heroku-cleanup", b.manager.run); err != nil {
		return err
	}
	return b.checkTrees("heroku-cleanup")
}
