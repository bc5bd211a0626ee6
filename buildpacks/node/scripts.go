package node

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"slugc/buildpacks/tree"
)

// has reports whether package.json has a script, even an empty one.
func (b *work) has(script string) bool {
	_, ok := b.app.Scripts[script]
	return ok
}

// scripted reports whether a build runs any script that may see the dependency trees.
func (b *work) scripted() bool {
	return slices.ContainsFunc(
		[]string{"heroku-prebuild", "heroku-postbuild", "build", "heroku-cleanup"},
		func(script string) bool {
			return strings.TrimSpace(b.app.Scripts[script]) != ""
		},
	)
}

// script runs a script of package.json through the package manager.
func (b *work) script(id, name string, run []string, flags ...string) error {
	argv := append(slices.Clone(run), name)
	again := unknown(id, b.inClone(argv))
	if len(flags) > 0 {
		argv = append(append(argv, b.manager.flags...), flags...)
	}
	b.say.Detail("Running %s", strings.Join(argv, " "))
	return b.tool(again, argv...)
}

// prebuild runs heroku-prebuild. It may write an .npmrc or even the manifests, so that the facts
// are read again.
func (b *work) prebuild() error {
	if strings.TrimSpace(b.app.Scripts["heroku-prebuild"]) == "" {
		return nil
	}
	b.say.Step("Prebuild")
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
	return nil
}

// buildScripts runs heroku-postbuild or, where package.json has none, build, with the frameworks'
// caches in place.
func (b *work) buildScripts() error {
	name, flags := "heroku-postbuild", []string(nil)
	if !b.has(name) {
		name, flags = "build", strings.Fields(b.env.user["NODE_BUILD_FLAGS"])
	}
	text := strings.TrimSpace(b.app.Scripts[name])
	if text == "" {
		return nil
	}
	b.say.Step("Build")
	if strings.HasPrefix(text, "ng build") && len(flags) == 0 && !strings.Contains(text, "prod") {
		b.say.Warn("The build script runs `ng build` without a production configuration.")
	}
	if err := b.restoreCaches(); err != nil {
		return err
	}
	if err := b.script("node/build-script-failed", name, b.manager.run, flags...); err != nil {
		return err
	}
	if err := b.saveCaches(); err != nil {
		return err
	}
	return b.judge(name)
}

// prunes reports whether development dependencies are taken out (languages.md 3.5), and says
// nothing.
func (b *work) prunes() bool { return b.app.HasDevDeps && b.keepsAll() == "" }

// keepsAll is why development dependencies stay, "" where they don't.
func (b *work) keepsAll() string {
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
	return b.manager.cannot
}

// settle leaves of the dependency trees what the slug carries: the full ones go back to the cache
// where the platform supplies the pruned ones, else they are pruned in place.
func (b *work) settle() error {
	d := &b.deps
	if d.absent {
		return nil
	}
	if d.lent && !d.dirty {
		if err := b.takeBack(); err != nil {
			return err
		}
		d.absent = true
		return nil
	}
	if d.lent {
		d.kept = "" // what was kept is what the script wrote to
	}
	if err := b.prune(); err != nil {
		return err
	}
	d.final = slices.DeleteFunc(
		slices.Clone(d.paths),
		func(modules string) bool { return !tree.Exists(b.path(modules)) },
	)
	return b.remember()
}

// takeBack returns lent trees to the cache.
func (b *work) takeBack() error {
	for i, dir := range treeDirs(b.deps.layer.Path, b.deps.paths) {
		if err := tree.Move(b.path(b.deps.paths[i]), dir); err != nil {
			return fmt.Errorf("keeping %q: %w", b.deps.paths[i], err)
		}
	}
	return nil
}

// giveBack saves what a failed build has borrowed, as far as that can be: the next one, with the
// script mended, is then as fast. What cannot be saved is found missing by its manifest.
func (b *work) giveBack() {
	if b.app == nil || len(b.deps.paths) == 0 || b.deps.absent {
		return
	}
	if b.saveCaches() != nil || !b.deps.lent {
		return
	}
	if b.judge("the failed build") == nil && !b.deps.dirty {
		_ = b.takeBack() // the build has failed already, for a reason that matters more
	}
}

func (b *work) prune() error {
	if !b.app.HasDevDeps {
		return nil
	}
	b.say.Step("Pruning development dependencies")
	if why := b.keepsAll(); why != "" {
		b.say.Detail("Skipped: %s", why)
		return nil
	}
	if b.manager.fresh {
		for _, modules := range b.deps.paths {
			if err := os.RemoveAll(b.path(modules)); err != nil {
				return fmt.Errorf("pruning %q: %w", modules, err)
			}
		}
	}
	for _, argv := range b.manager.prune {
		b.say.Detail("Running %s", strings.Join(argv, " "))
		if err := b.tool(unknown("node/prune-failed", b.inClone(argv)), argv...); err != nil {
			return err
		}
	}
	return b.pruneArchives()
}

// cleanup runs heroku-cleanup on the pruned app.
func (b *work) cleanup() error {
	if strings.TrimSpace(b.app.Scripts["heroku-cleanup"]) == "" {
		return nil
	}
	b.say.Step("Cleanup")
	if err := b.script("node/cleanup-script-failed", "heroku-cleanup", b.manager.run); err != nil {
		return err
	}
	return b.judge("heroku-cleanup")
}
