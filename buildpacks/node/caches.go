package node

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/tree"
	"slugc/cache/digest"
)

// cachesLayer holds the caches of frameworks between builds. They do not belong in a slug.
const cachesLayer = "framework-cache"

// frameworkCaches lists the app's directories in which bundlers and frameworks cache.
func (b *work) frameworkCaches() []string {
	var dirs []string
	for _, modules := range b.deps.paths {
		for _, name := range []string{".cache", ".vite", ".vite-temp", ".astro"} {
			dirs = append(dirs, path.Join(modules, name))
		}
		if path.Dir(modules) != "." {
			dirs = append(dirs, path.Join(path.Dir(modules), ".next/cache"))
		}
	}
	return append(append(dirs, b.InSlug(".next/cache")), b.orchestratorCaches()...)
}

// noteCaches remembers what the install itself put where bundlers cache, such as a browser below
// node_modules/.cache: it is part of the app. It is called before anything is restored.
func (b *work) noteCaches() error {
	b.noteNamed()
	b.installed = map[string]manifest{}
	for _, dir := range b.frameworkCaches() {
		if !tree.IsDir(b.inRoot(dir)) {
			continue
		}
		var err error
		if b.installed[dir], err = takeManifest(b.inRoot(dir), nil); err != nil {
			return err
		}
	}
	return nil
}

// restoreCaches puts the framework caches, and the directories that the app names, where the last
// build had them.
func (b *work) restoreCaches() error {
	if err := b.noteCaches(); err != nil {
		return err
	}
	layer, err := b.Layer(cachesLayer)
	if err != nil || b.env.user["NODE_MODULES_CACHE"] == "false" {
		return err
	}
	for _, dir := range b.frameworkCaches() {
		kept := filepath.Join(layer.Path, url.PathEscape(dir))
		if !tree.IsDir(kept) {
			continue
		}
		if err := moveMissing(kept, b.inRoot(dir)); err != nil {
			return fmt.Errorf("restoring %q: %w", dir, err)
		}
		b.Log.Detail("Restored %s", dir)
	}
	return b.restoreNamed(layer)
}

// saveCaches moves what the build script added to the framework caches out of the app, and copies the
// directories that the app names. Where another buildpack builds later, they stay for it.
func (b *work) saveCaches() error {
	layer, err := b.Layer(cachesLayer)
	if err != nil || b.assisting {
		return err
	}
	for _, dir := range b.frameworkCaches() {
		kept, source := filepath.Join(layer.Path, url.PathEscape(dir)), b.inRoot(dir)
		if !tree.IsDir(source) {
			continue
		}
		err := os.RemoveAll(kept)
		if own := b.installed[dir]; err == nil && own == nil {
			err = tree.Move(source, kept)
		} else if err == nil {
			err = moveNew(source, kept, ".", own)
		}
		if err != nil {
			return fmt.Errorf("keeping %q: %w", dir, err)
		}
		_ = os.Remove(filepath.Dir(source)) // .next, if it is empty now
	}
	b.Contribute(layer, libcnb.LayerTypes{Cache: true})
	return b.saveNamed(layer)
}

// berryArchives returns where Yarn's archives are in the cache layer and in the app. ok is false
// unless a Plug'n'Play install fetches them: only then does the app run from them.
func (b *work) berryArchives() (kept, archives string, ok bool) {
	if b.app.Manager != "berry" || b.app.NodeLinker != "pnp" || b.app.ZeroInstall {
		return "", "", false
	}
	return filepath.Join(b.store, "archives"), b.inProject(".yarn/cache"), true
}

// restoreArchives moves the archives of the last build into the app, before an install.
func (b *work) restoreArchives() error {
	kept, archives, ok := b.berryArchives()
	if !ok || !tree.IsDir(kept) || tree.Exists(archives) {
		return nil
	}
	return tree.Move(kept, archives)
}

// saveArchives copies the archives to the cache layer, after an install.
func (b *work) saveArchives() error {
	kept, archives, ok := b.berryArchives()
	if !ok || !tree.IsDir(archives) {
		return nil
	}
	return errors.Join(os.RemoveAll(kept), tree.Copy(archives, kept, tree.Options{}))
}

// yarnState leaves the install state that Yarn makes from a lock file when there is none. The state
// that an install leaves differs each time. Without any, `yarn start` writes one, and fails where
// the app is read-only.
func (b *work) yarnState() error {
	if b.app.Manager != "berry" {
		return nil
	}
	d := &b.deps
	state, kept := b.inProject(".yarn/install-state.gz"), filepath.Join(d.layer.Path, "install-state.gz")
	for _, name := range []string{state, b.inProject(".yarn/build-state.yml")} {
		if err := os.RemoveAll(name); err != nil {
			return fmt.Errorf("cleaning .yarn: %w", err)
		}
	}
	if data, err := os.ReadFile(kept); err == nil && d.key != "" && d.state == digest.Of(data).Hex() {
		if err := os.MkdirAll(filepath.Dir(state), 0o755); err != nil {
			return fmt.Errorf("restoring %q: %w", ".yarn/install-state.gz", err)
		}
		return os.WriteFile(state, data, 0o644)
	}
	if err := b.quiet("yarn", "exec", "true"); err != nil {
		return nil // a Yarn without this command writes the state when it needs it
	}
	data, err := os.ReadFile(state)
	if err != nil {
		return nil
	}
	d.state = digest.Of(data).Hex()
	return os.WriteFile(kept, data, 0o644)
}

// pruneArchives removes the archives that a pruned Plug'n'Play app no longer names. An app with
// node_modules needs none.
func (b *work) pruneArchives() error {
	archives := b.inProject(".yarn/cache")
	if b.app.Manager != "berry" || !tree.IsDir(archives) {
		return nil
	}
	if b.app.NodeLinker != "pnp" {
		return os.RemoveAll(archives)
	}
	var names []byte
	for _, name := range []string{".pnp.cjs", ".pnp.js", ".pnp.data.json"} {
		if data, err := os.ReadFile(b.inProject(name)); err == nil {
			names = append(names, data...)
		}
	}
	entries, err := os.ReadDir(archives)
	if err != nil {
		return fmt.Errorf("pruning .yarn/cache: %w", err)
	}
	for _, entry := range entries {
		if path.Ext(entry.Name()) != ".zip" || bytes.Contains(names, []byte(entry.Name())) {
			continue
		}
		if err := os.Remove(filepath.Join(archives, entry.Name())); err != nil {
			return fmt.Errorf("pruning .yarn/cache: %w", err)
		}
	}
	return nil
}
