package node

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/language"
	"slugc/buildpacks/tree"
)

// dependencies is the state of the dependency trees through a build.
type dependencies struct {
	key      string       // what decides their content; "" where more than a key does, and nothing may be kept
	parts    []part       // of the key
	paths    []string     // the node_modules directories that the install made, relative to the app, sorted
	final    []string     // those that are left after pruning: the slices
	layer    libcnb.Layer // where the full trees are kept for build scripts
	kept     string       // digest of the manifests of the trees in the layer; "" when it holds none
	supplied bool         // the platform supplies the pruned trees by key: they are not on disk
	borrowed bool         // the layer's trees were renamed into the app and can go back
	before   []manifest   // of the full trees before scripts ran
	dirty    bool         // a script has written to the trees
	direct   []installed  // what the app itself asks for, as installed
	drop     bool         // the slug needs no trees
	full     []string     // the programs in node_modules/.bin before pruning
	programs []string     // and after it
	state    string       // digest of the install state that Yarn makes from the lock file; "" for none
}

// installDependencies provides the dependency trees: from the platform, from the cache, or by an
// install.
func (b *work) installDependencies() error {
	b.Log.Step("Installing dependencies")
	d := &b.deps
	d.drop = b.dropsTrees()
	var err error
	if d.layer, err = b.Layer("modules"); err != nil {
		return err
	}
	last := readState(d.layer)
	why := b.unkeyed()
	if why == "" {
		if d.parts, err = b.parts(); err != nil {
			return err
		}
		d.key = keyOf(d.parts)
		if why, err = b.reuse(last); err != nil {
			return err
		}
		if why == "" {
			b.Contribute(d.layer, libcnb.LayerTypes{Cache: true}) // as it was, for a build that fails
			return b.leaveOthersEarly()
		}
	}
	if err := os.RemoveAll(filepath.Join(d.layer.Path, "trees")); err != nil {
		return fmt.Errorf("clearing layer %q: %w", d.layer.Name, err)
	}
	b.Log.Detail("Installing from scratch: %s", why)
	return language.Steps(b.checkLock, b.leaveOthersEarly, b.install)
}

// reuse takes the trees from the platform or the cache, or says why it cannot.
func (b *work) reuse(last keptState) (why string, err error) {
	d := &b.deps
	switch {
	case last.Key == "":
		return "nothing is cached", nil
	case last.Key != d.key:
		return strings.Join(changed(d.parts, d.layer.Metadata["parts"]), ", ") + " changed", nil
	}
	for _, modules := range last.Paths {
		if tree.Exists(b.inRoot(modules)) {
			return modules + " was made before the install", nil
		}
	}
	lacks := func(modules string) bool { return b.slices[modules] != d.key }
	supplied := !last.Open && !slices.ContainsFunc(last.Final, lacks)
	if supplied && !b.hasBuildScripts() && !b.assisting {
		d.restore(last)
		d.supplied = true
		b.Log.Detail("Reusing node_modules, unchanged since the last build")
		return "", nil
	}
	if last.Kept == "" {
		return "the last build kept no full tree", nil
	}
	have, err := manifestsOf(treeDirs(d.layer.Path, last.Paths))
	if err != nil || digestOf(have) != last.Kept {
		return "the cached tree is not what was kept", nil
	}
	d.restore(last)
	d.borrowed = supplied && !b.assisting && !b.hasScript("heroku-cleanup")
	if err := b.restoreTrees(); err != nil {
		return "", err
	}
	b.Log.Detail("Using node_modules from the cache, unchanged since the last build")
	if !d.borrowed {
		return "", b.recordTrees()
	}
	d.before = have // a rename leaves all below it as it was
	return "", nil
}

// restore takes over what an earlier build of the same key left.
func (d *dependencies) restore(s keptState) {
	d.paths, d.final, d.kept, d.direct, d.state = s.Paths, s.Final, s.Kept, s.Direct, s.State
	d.full, d.programs = s.Full, s.Programs
}

// restoreTrees brings the kept trees into the app: by renaming where they can return afterwards,
// else by copying.
func (b *work) restoreTrees() error {
	for i, dir := range treeDirs(b.deps.layer.Path, b.deps.paths) {
		target := b.inRoot(b.deps.paths[i])
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("restoring %q: %w", b.deps.paths[i], err)
		}
		bring := func() error { return tree.Copy(dir, target, tree.Options{}) }
		if b.deps.borrowed {
			bring = func() error { return tree.Move(dir, target) }
		}
		if err := bring(); err != nil {
			return fmt.Errorf("restoring %q: %w", b.deps.paths[i], err)
		}
	}
	return nil
}

// keepTrees copies the full trees to the layer when a later build will need them. A copy, not
// links: nothing that happens in the app reaches it.
func (b *work) keepTrees() error {
	d := &b.deps
	if d.key == "" || !b.hasBuildScripts() && !b.assisting {
		return nil
	}
	dirs := treeDirs(d.layer.Path, d.paths)
	for i, dir := range dirs {
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return fmt.Errorf("keeping %q: %w", d.paths[i], err)
		}
		if err := tree.Copy(b.inRoot(d.paths[i]), dir, tree.Options{}); err != nil {
			return fmt.Errorf("keeping %q: %w", d.paths[i], err)
		}
	}
	have, err := manifestsOf(dirs)
	if err != nil {
		return err
	}
	d.kept = digestOf(have)
	return nil
}

// returnTrees moves borrowed trees back to the cache.
func (b *work) returnTrees() error {
	for i, dir := range treeDirs(b.deps.layer.Path, b.deps.paths) {
		if err := tree.Move(b.inRoot(b.deps.paths[i]), dir); err != nil {
			return fmt.Errorf("keeping %q: %w", b.deps.paths[i], err)
		}
	}
	return nil
}

// dropTrees leaves the slug without trees: borrowed ones go back to the cache.
func (b *work) dropTrees() error {
	d := &b.deps
	d.final = nil
	if d.borrowed && !d.dirty {
		d.supplied = true
		return b.returnTrees()
	}
	if d.borrowed {
		d.kept = ""
	}
	for _, modules := range d.paths {
		if err := os.RemoveAll(b.inRoot(modules)); err != nil {
			return fmt.Errorf("leaving out %q: %w", modules, err)
		}
	}
	return nil
}

// salvage saves what a failed build borrowed, as far as possible: the next one, with the script
// fixed, is then as fast. What cannot be saved is found missing by its manifest.
func (b *work) salvage() {
	if len(b.deps.paths) == 0 || b.deps.supplied {
		return
	}
	if b.installed == nil || b.saveCaches() != nil || !b.deps.borrowed {
		return // it failed before its build script
	}
	if b.checkTrees("the failed build") == nil && !b.deps.dirty {
		_ = b.returnTrees() // the build has failed already, for a reason that matters more
	}
}

// recordTrees takes the manifests that [work.checkTrees] compares with.
func (b *work) recordTrees() (err error) {
	b.deps.before, err = b.manifests()
	return err
}

// checkTrees finds out whether a script has written to a package since the last [work.recordTrees].
func (b *work) checkTrees(script string) error {
	d := &b.deps
	if d.supplied || d.dirty || d.key == "" {
		return nil
	}
	now, err := b.manifests()
	if err != nil {
		return err
	}
	for i, m := range d.before {
		if wrote := m.changes(now[i], false); len(wrote) > 0 {
			d.dirty = true
			b.Log.Detail("%s wrote to %s in %s: it is packed from disk", script, packageOf(wrote[0]), d.paths[i])
			return nil
		}
	}
	found, err := findTrees(b.Root, b.notApp)
	if err != nil {
		return err
	}
	for _, modules := range d.paths {
		d.dirty = d.dirty || !slices.Contains(found, modules)
	}
	return nil
}

// manifests takes the manifests of the trees in the app, of a missing one an empty one.
func (b *work) manifests() ([]manifest, error) {
	var list []manifest
	for _, modules := range b.deps.paths {
		m := manifest{}
		if tree.Exists(b.inRoot(modules)) {
			var err error
			if m, err = takeManifest(b.inRoot(modules), nil); err != nil {
				return nil, err
			}
		}
		list = append(list, m)
	}
	return list, nil
}
