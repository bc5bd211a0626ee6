package node

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/tree"
	"slugc/cache/digest"
)

// namedCaches returns the directories that package.json names under cacheDirectories and that can be
// kept, sorted. The dependency trees are kept anyway. It warns of the others, once.
func (b *work) namedCaches() []string {
	if b.named != nil {
		return b.named
	}
	b.named = []string{}
	for _, entry := range b.app.CacheDirs {
		dir := path.Clean(entry)
		switch why := b.refusesCache(dir); {
		case why != "":
			b.Log.Warn("package.json cacheDirectories names %q, which %s: it is not kept.", entry, why)
		case !slices.Contains(b.deps.paths, b.InSlug(dir)) && dir != "node_modules":
			b.named = append(b.named, dir)
		}
	}
	slices.Sort(b.named)
	b.named = slices.Compact(b.named)
	// a directory within another is kept with it
	b.named = slices.DeleteFunc(b.named, func(dir string) bool {
		return slices.ContainsFunc(b.named, func(other string) bool { return strings.HasPrefix(dir, other+"/") })
	})
	return b.named
}

// refusesCache returns why a directory cannot be kept, "" where it can.
func (b *work) refusesCache(dir string) string {
	switch {
	case dir == "." || !filepath.IsLocal(dir):
		return "is no directory within the app"
	case b.notApp(strings.SplitN(dir, "/", 2)[0]):
		return "is not the app's"
	}
	for at := dir; at != "."; at = path.Dir(at) {
		if info, err := os.Lstat(b.Path(at)); err == nil && !info.IsDir() {
			return "is, or is below, a file or a link"
		}
	}
	return ""
}

// keptName is where a directory that the app names is kept in the layer.
func keptName(layer libcnb.Layer, dir string) string {
	return filepath.Join(layer.Path, "named", digest.Of([]byte(dir)).Hex()[:32])
}

// noteNamed drops the directories that are there before anything is restored, from the app or its install: they stay,
// and what is kept of them would come back when the app no longer has it.
func (b *work) noteNamed() {
	b.named = slices.DeleteFunc(b.namedCaches(), func(dir string) bool { return tree.Exists(b.Path(dir)) })
}

// restoreNamed brings the directories that the app names back.
func (b *work) restoreNamed(layer libcnb.Layer) error {
	for _, dir := range b.namedCaches() {
		kept := keptName(layer, dir)
		if !tree.IsDir(kept) {
			continue
		}
		if err := tree.Move(kept, b.Path(dir)); err != nil {
			return fmt.Errorf("restoring %q: %w", dir, err)
		}
		b.Log.Detail("Restored %s", dir)
	}
	return nil
}

// saveNamed copies the directories that the app names: they are part of the slug too. The build may
// have replaced one by a link, so each is looked at again.
func (b *work) saveNamed(layer libcnb.Layer) error {
	named := b.namedCaches()
	if err := os.RemoveAll(filepath.Join(layer.Path, "named")); err != nil {
		return fmt.Errorf("keeping cacheDirectories: %w", err)
	}
	for _, dir := range named {
		if why := b.refusesCache(dir); why != "" {
			b.Log.Warn("package.json cacheDirectories names %q, which %s: it is not kept.", dir, why)
			continue
		}
		if !tree.IsDir(b.Path(dir)) {
			continue
		}
		kept := keptName(layer, dir)
		err := os.MkdirAll(filepath.Dir(kept), 0o755)
		if err == nil {
			err = tree.Copy(b.Path(dir), kept, tree.Options{})
		}
		if err != nil {
			return fmt.Errorf("keeping %q: %w", dir, err)
		}
	}
	return nil
}

// moveMissing moves what a kept directory holds to where it was, except for what is there already.
func moveMissing(kept, target string) error {
	if !tree.Exists(target) {
		return tree.Move(kept, target)
	}
	if !tree.IsDir(kept) || !tree.IsDir(target) {
		return nil
	}
	entries, err := os.ReadDir(kept)
	for _, entry := range entries {
		err = errors.Join(err, moveMissing(filepath.Join(kept, entry.Name()), filepath.Join(target, entry.Name())))
	}
	return err
}

// moveNew moves what a directory holds besides own, the manifest of what belongs to the app, to kept.
// rel is the directory's path in the manifest.
func moveNew(source, kept, rel string, own manifest) error {
	entries, err := os.ReadDir(source)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := path.Join(rel, entry.Name())
		from, to := filepath.Join(source, entry.Name()), filepath.Join(kept, entry.Name())
		switch {
		case !own.has(name):
			err = tree.Move(from, to)
		case entry.IsDir():
			err = moveNew(from, to, name, own)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
