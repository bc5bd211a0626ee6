package golang

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"strings"

	"golang.org/x/mod/module"

	"slugc/buildpacks/tree"
	"slugc/cache/disk"
)

// The sizes in bytes above which a cache is trimmed, and to which the compiler's cache is.
const (
	buildCacheMax  = 1 << 30
	buildCacheKeep = 3 << 28
	modulesMax     = 2 << 30
)

// trim keeps the caches small. The go command itself forgets what it has not used for five days; an
// app that is built often outgrows that. The go command sets an entry's time when it uses it, and
// makes a missing entry again. The module cache grows only when something was downloaded.
func (b *work) trim() error {
	if err := tree.Prune(b.buildCache, buildCacheMax, buildCacheKeep, topLevel); err != nil {
		return fmt.Errorf("trimming the build cache: %w", err)
	}
	if !b.downloaded {
		return nil
	}
	if err := trimModules(b.modules, b.used, modulesMax); err != nil {
		return fmt.Errorf("trimming the module cache: %w", err)
	}
	return nil
}

// usedModules returns the modules in the binaries as the module cache writes them: "path@version",
// escaped.
func usedModules(infos []*debug.BuildInfo) map[string]bool {
	used := map[string]bool{}
	for _, info := range infos {
		for _, dep := range info.Deps {
			if dep.Replace != nil {
				dep = dep.Replace
			}
			path, pathErr := module.EscapePath(dep.Path)
			version, versionErr := module.EscapeVersion(dep.Version)
			if pathErr == nil && versionErr == nil {
				used[path+"@"+version] = true
			}
		}
	}
	return used
}

// topLevel spares the files at the top of a GOCACHE: the go command's own records lie there, and
// the entries in directories.
func topLevel(rel string) bool { return !strings.Contains(rel, "/") }

// trimModules removes from a GOMODCACHE of more than limit bytes the trees and archives of unused
// modules, and the clones of version control. The files that describe the module graph (.info,
// .mod) are small and stay.
func trimModules(dir string, used map[string]bool, limit int64) error {
	size, err := disk.Size(dir)
	if err != nil || size <= limit {
		return err
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		module, ok := moduleOf(filepath.ToSlash(rel))
		if !ok {
			return nil
		}
		if !used[module] {
			err = disk.RemoveAll(path) // another tool may have filled the cache and made it read-only
		}
		if err == nil && d.IsDir() {
			return fs.SkipDir
		}
		return err
	})
}

// moduleOf returns the module ("path@version") whose files or archive lie at a slash-separated path
// in a module cache; "" for the clones of version control. ok is false for any other path.
func moduleOf(rel string) (module string, ok bool) {
	download, downloaded := strings.CutPrefix(rel, "cache/download/")
	switch {
	case rel == "cache/vcs":
		return "", true
	case downloaded && strings.HasSuffix(rel, ".zip"):
		return strings.Replace(strings.TrimSuffix(download, ".zip"), "/@v/", "@", 1), true
	case !strings.HasPrefix(rel, "cache/") && strings.Contains(rel, "@"):
		return rel, true
	}
	return "", false
}
