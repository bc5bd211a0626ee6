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
)

// cachesLayer keeps what frameworks keep between builds. None of it belongs in a slug.
const cachesLayer = "framework-cache"

// frameworkCaches are the directories of the app that bundlers and frameworks keep their own caches
// in.
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
	return append(dirs, ".next/cache")
}

// restoreCaches puts them where the last build had them.
func (b *work) restoreCaches() error {
	layer, err := b.layer(cachesLayer)
	if err != nil {
		return err
	}
	for _, dir := range b.frameworkCaches() {
		kept, target := filepath.Join(layer.Path, url.PathEscape(dir)), b.path(dir)
		if b.env.user["NODE_MODULES_CACHE"] == "false" || !tree.IsDir(kept) || tree.Exists(target) {
			continue
		}
		if err := tree.Move(kept, target); err != nil {
			return fmt.Errorf("restoring %q: %w", dir, err)
		}
		b.say.Detail("Restored %s", dir)
	}
	return nil
}

// saveCaches takes them out of the app. Where another buildpack builds later, they are left to it.
func (b *work) saveCaches() error {
	layer, err := b.layer(cachesLayer)
	if err != nil || b.assisting {
		return err
	}
	for _, dir := range b.frameworkCaches() {
		kept, source := filepath.Join(layer.Path, url.PathEscape(dir)), b.path(dir)
		if !tree.IsDir(source) {
			continue
		}
		if err := errors.Join(os.RemoveAll(kept), tree.Move(source, kept)); err != nil {
			return fmt.Errorf("keeping %q: %w", dir, err)
		}
		os.Remove(filepath.Dir(source)) // .next, where nothing else is in it: the removal is refused otherwise
	}
	b.contribute(layer, libcnb.LayerTypes{Cache: true})
	return nil
}

// berryStore lends Yarn's archives to the app before a Plug'n'Play install and keeps a copy of them
// after it: the app runs from them.
func (b *work) berryStore(before bool) error {
	if b.app.Manager != "berry" || b.app.NodeLinker != "pnp" || b.app.ZeroInstall {
		return nil
	}
	layer, err := b.layer("yarn-cache")
	if err != nil {
		return err
	}
	kept, archives := filepath.Join(layer.Path, "archives"), b.path(".yarn/cache")
	if before {
		if !tree.IsDir(kept) || tree.Exists(archives) {
			return nil
		}
		return tree.Move(kept, archives)
	}
	if !tree.IsDir(archives) {
		return nil
	}
	return errors.Join(os.RemoveAll(kept), tree.Copy(archives, kept, tree.Options{}))
}

// yarnState leaves the one install state that Yarn itself makes of a lock file when it finds none.
// What an install leaves differs each time; with none at all, `yarn start` writes it, and fails
// where the app is read-only.
func (b *work) yarnState() error {
	if b.app.Manager != "berry" {
		return nil
	}
	d := &b.deps
	state, kept := b.path(".yarn/install-state.gz"), filepath.Join(d.layer.Path, "install-state.gz")
	for _, name := range []string{state, b.path(".yarn/build-state.yml")} {
		if err := os.RemoveAll(name); err != nil {
			return fmt.Errorf("cleaning .yarn: %w", err)
		}
	}
	if data, err := os.ReadFile(kept); err == nil && d.key != "" && d.state == digest(data) {
		if err := os.MkdirAll(filepath.Dir(state), 0o755); err != nil {
			return fmt.Errorf("restoring %q: %w", ".yarn/install-state.gz", err)
		}
		return os.WriteFile(state, data, 0o644)
	}
	if err := b.quiet("yarn", "exec", "true"); err != nil {
		return nil // a Yarn that has no such command writes the state when it must
	}
	data, err := os.ReadFile(state)
	if err != nil {
		return nil
	}
	d.state = digest(data)
	return os.WriteFile(kept, data, 0o644)
}

// pruneArchives removes the archives that a pruned Plug'n'Play app no longer names. With
// node_modules, no archive is needed at all.
func (b *work) pruneArchives() error {
	archives := b.path(".yarn/cache")
	if b.app.Manager != "berry" || !tree.IsDir(archives) {
		return nil
	}
	if b.app.NodeLinker != "pnp" {
		return os.RemoveAll(archives)
	}
	var names []byte
	for _, name := range []string{".pnp.cjs", ".pnp.js", ".pnp.data.json"} {
		if data, err := os.ReadFile(b.path(name)); err == nil {
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
