package node

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
)

// install runs the package manager and keeps the full trees where a later build will need them.
func (b *work) install() error {
	d := &b.deps
	b.warnInstall()
	if b.app.NodeModules && b.app.Manager != "npm" {
		for _, dir := range []string{b.inProject("node_modules"), b.Path("node_modules")} {
			if err := os.RemoveAll(dir); err != nil {
				return fmt.Errorf("removing the checked-in node_modules: %w", err)
			}
		}
	}
	had, err := findTrees(b.Root, b.notApp)
	if err != nil {
		return err
	}
	before, err := takeManifest(b.Root, b.mayChange)
	if err != nil {
		return err
	}
	if err := b.runInstall(); err != nil {
		return err
	}
	after, err := takeManifest(b.Root, b.mayChange)
	if err != nil {
		return err
	}
	wrote := slices.DeleteFunc(before.changes(after, true), func(name string) bool {
		// made for the state file alone; anything else in it has a path of its own
		return name == path.Join(b.project(), ".yarn")
	})
	if l := b.lostAtHome(); len(wrote) == 0 && l.files > 0 {
		wrote = []string{"~/" + l.example}
	}
	if d.key != "" && len(wrote) > 0 {
		b.Log.Detail("Not keeping node_modules: the install wrote to %s", wrote[0])
		d.key = ""
	}
	found, err := findTrees(b.Root, b.notApp)
	if err != nil {
		return err
	}
	d.paths = slices.DeleteFunc(found, func(modules string) bool {
		return modules != path.Join(b.project(), "node_modules") && slices.Contains(had, modules)
	})
	d.direct = b.directDependencies()
	if err := b.keepTrees(); err != nil {
		return err
	}
	if d.kept != "" {
		if err := b.contributeState(true); err != nil {
			return err
		}
	}
	if !b.hasBuildScripts() {
		return nil
	}
	return b.recordTrees()
}

// runInstall runs the package manager's install with its download store.
func (b *work) runInstall() error {
	if err := b.boundStore(); err != nil {
		return err
	}
	if err := b.restoreArchives(); err != nil {
		return err
	}
	for _, argv := range b.manager.install {
		if err := b.fetch(argv); err != nil {
			return err
		}
	}
	return b.saveArchives()
}

// fetch runs one command of the package manager that may use the network.
func (b *work) fetch(argv []string) error {
	b.Log.Detail("Running %s", strings.Join(argv, " "))
	registry, _ := b.env.get("npm_config_registry")
	hosts := command.Hosts(registry)
	return command.Twice(b.Log.Again, func() error {
		_, err := b.run(command.Command{Drop: noise, Network: "node/network", Asks: hosts}, argv)
		err = b.explain(err, unknown("node/install-failed", b.reproduceHint(argv)))
		if d, ok := errors.AsType[*diagnosis.Diagnosis](err); ok && d.Nameless() && hosts != "" {
			d.Hints = append(d.Hints, "packages come from "+hosts+", unless the app's files name another registry")
		}
		return err
	})
}

// warnInstall says what is unusual about the coming install.
func (b *work) warnInstall() {
	if b.app.NodeModules {
		b.Log.Warn("node_modules is checked in. Remove it with `git rm -r --cached node_modules` " +
			"and add it to .gitignore.")
	}
	if b.app.Lockfile == "" && b.app.HasDeps {
		b.Log.Warn("There is no lock file: every build may install other versions. "+
			"Run `%s` and commit the lock file.", lockCommand(b.app.Manager))
	}
}

// lockCommand returns the command that makes a package manager's lock file.
func lockCommand(manager string) string {
	switch manager {
	case "yarn", "berry":
		return "yarn install"
	case "pnpm", "bun":
		return manager + " install"
	}
	return "npm install --package-lock-only"
}

// notApp reports paths in which no dependencies are looked for.
func (b *work) notApp(rel string) bool {
	layers, err := filepath.Rel(b.Root, b.CNB.Layers.Path)
	if err == nil && filepath.IsLocal(layers) {
		first, _, _ := strings.Cut(filepath.ToSlash(layers), "/")
		if rel == first {
			return true
		}
	}
	return rel == ".git" || rel == ".layers"
}

// mayChange reports paths that any install writes.
func (b *work) mayChange(rel string) bool {
	return b.notApp(rel) || path.Base(rel) == "node_modules" || b.ofOthers(rel) ||
		rel == path.Join(b.project(), ".yarn/install-state.gz")
}
