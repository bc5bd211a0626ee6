package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"slugc/buildpacks/tree"
	"slugc/detect/lazyregexp"
)

// prune takes the development dependencies out of the trees. What scripts made stays: a package manager
// that removes packages in place does not see it, and where it installs again, it is carried over.
func (b *work) prune() error {
	if !b.app.HasDevDeps {
		return nil
	}
	b.Log.Step("Pruning development dependencies")
	if why := b.whyNoPrune(); why != "" {
		b.Log.Detail("Skipped: %s", why)
		return nil
	}
	if b.nothingToPrune() {
		b.Log.Detail("Nothing to remove: %s has no package that is for development only", b.app.Lockfile)
		return nil
	}
	aside := filepath.Join(b.deps.layer.Path, "aside")
	if err := os.RemoveAll(aside); err != nil {
		return fmt.Errorf("pruning: %w", err)
	}
	prune := b.pruneInPlace
	if b.manager.pruneEmpty {
		prune = b.pruneBeside
	}
	var kept []string
	if b.app.Workspace != nil { // npm takes the members that are left out from its lock file
		kept = b.app.Manifests
	}
	_, err := b.keeping(kept, func() error { return prune(aside) })
	if err = errors.Join(err, os.RemoveAll(aside)); err != nil {
		return err
	}
	return b.pruneArchives()
}

// nothingToPrune reports whether npm's lock file says that the running app needs all that was installed
// (https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json). Other managers' files do not tell.
func (b *work) nothingToPrune() bool {
	if b.app.Manager != "npm" || b.app.NodeModules || b.app.Workspace != nil || b.env.enabled("USE_NPM_INSTALL") {
		return false
	}
	var lock struct {
		Packages map[string]struct{ Dev, DevOptional, Extraneous bool }
	}
	if json.Unmarshal(b.readOwn(b.app.Lockfile), &lock) != nil || len(lock.Packages) == 0 {
		return false
	}
	for _, one := range lock.Packages {
		if one.Dev || one.DevOptional || one.Extraneous {
			return false
		}
	}
	return true
}

// runPrune runs the package manager's own commands. Modern yarn would run the app's own install scripts once
// more, without the development dependencies that they may need, so it does not see them.
func (b *work) runPrune() (err error) {
	if b.app.Manager == "berry" {
		show, hideErr := b.hideScripts()
		defer func() { err = errors.Join(err, show()) }()
		if hideErr != nil {
			return hideErr
		}
	}
	for _, argv := range b.manager.prune {
		b.Log.Detail("Running %s", strings.Join(argv, " "))
		if err := b.tool(unknown("node/prune-failed", b.reproduceHint(argv)), argv...); err != nil {
			return err
		}
	}
	return nil
}

// hideScripts takes the scripts that an install runs out of the app's package.json files. show brings the
// files back.
func (b *work) hideScripts() (show func() error, err error) {
	was := map[string][]byte{}
	show = func() (err error) {
		for name, data := range was {
			err = errors.Join(err, os.WriteFile(name, data, 0o644)) // which keeps the file's mode
		}
		return err
	}
	for _, one := range b.packages() {
		if !slices.ContainsFunc(installScripts, func(script string) bool { return one.Scripts[script] != "" }) {
			continue
		}
		rel := path.Join(one.dir, "package.json")
		data, err := tree.ReadIn(b.inProject("."), rel, maxManifest)
		var doc map[string]json.RawMessage
		if err == nil {
			err = json.Unmarshal(data, &doc)
		}
		if err != nil {
			return show, fmt.Errorf("reading %q: %w", rel, err)
		}
		delete(doc, "scripts")
		without, err := json.Marshal(doc)
		if err != nil {
			return show, fmt.Errorf("pruning: %w", err)
		}
		was[b.inProject(rel)] = data
		if err := os.WriteFile(b.inProject(rel), without, 0o644); err != nil {
			return show, fmt.Errorf("pruning: %w", err)
		}
	}
	return show, nil
}

// pruneBeside installs again, without scripts, while the full trees are aside, and carries over what
// scripts made.
func (b *work) pruneBeside(aside string) error {
	var full, pruned []string
	for i, modules := range b.deps.paths {
		if !tree.IsDir(b.inRoot(modules)) {
			continue
		}
		full, pruned = append(full, filepath.Join(aside, strconv.Itoa(i))), append(pruned, b.inRoot(modules))
		if err := tree.Move(b.inRoot(modules), full[len(full)-1]); err != nil {
			return fmt.Errorf("pruning %q: %w", modules, err)
		}
	}
	if err := b.runPrune(); err != nil {
		return err
	}
	err := carry(full, pruned, b.lockedNames())
	if !errors.Is(err, errStuck) {
		return err
	}
	b.Log.Detail("Not pruned: %v, so what scripts made would be lost", err)
	for i := range full {
		if err := errors.Join(os.RemoveAll(pruned[i]), tree.Move(full[i], pruned[i])); err != nil {
			return fmt.Errorf("pruning %q: %w", b.deps.paths[i], err)
		}
	}
	return nil
}

// pruneInPlace lets the package manager remove packages. What it would take for packages that nothing
// asks for, because a script made them, is aside meanwhile.
func (b *work) pruneInPlace(aside string) error {
	made, listed := map[string]string{}, b.lockedNames()
	for _, modules := range b.deps.paths {
		err := eachPackage(b.inRoot(modules), func(_, name, dir string) error {
			c := carrier{listed: listed}
			if name == ".bin" || slices.Contains(managerFiles, name) || !c.made(name) {
				return nil
			}
			kept := filepath.Join(aside, strconv.Itoa(len(made)))
			made[kept] = dir
			return tree.Move(dir, kept)
		})
		if err != nil {
			return fmt.Errorf("pruning %q: %w", modules, err)
		}
	}
	if err := b.runPrune(); err != nil {
		return err
	}
	for kept, dir := range made {
		if tree.Exists(dir) || !tree.Exists(packageOfModules(dir)) {
			continue // it was of a package that is gone
		}
		if err := tree.Move(kept, dir); err != nil {
			return fmt.Errorf("pruning: %w", err)
		}
	}
	return nil
}

// packageOfModules returns the directory of the package whose node_modules directory holds dir.
func packageOfModules(dir string) string {
	for filepath.Base(dir) != "node_modules" {
		dir = filepath.Dir(dir)
	}
	return filepath.Dir(dir)
}

// lockFiles are those that the package managers write, also where the app has none.
var lockFiles = map[string][]string{
	"npm":  {"npm-shrinkwrap.json", "package-lock.json", "node_modules/.package-lock.json"},
	"yarn": {"yarn.lock"}, "berry": {"yarn.lock"}, "pnpm": {"pnpm-lock.yaml"}, "bun": {"bun.lock", "bun.lockb"},
}

// lockedName matches what may be a package's name in any lock file.
var lockedName = lazyregexp.New(`(?:@[A-Za-z0-9._~-]+/)?[A-Za-z0-9._~-]+`)

// lockedNames returns the names that the lock file mentions, and those of the app's own packages. What
// node_modules holds under another name was made by a script.
func (b *work) lockedNames() map[string]bool {
	names := map[string]bool{}
	for _, file := range lockFiles[b.app.Manager] {
		data, err := tree.ReadIn(b.inProject("."), file, maxManifest)
		if err != nil {
			continue
		}
		for _, name := range lockedName.FindAllString(string(data), -1) {
			names[name] = true
		}
	}
	for _, one := range b.packages() {
		names[one.Name] = true
	}
	return names
}
