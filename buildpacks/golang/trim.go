package golang

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/module"
)

// The sizes, in bytes, above which a cache is trimmed, and to which the compiler's is.
const (
	buildCacheMax  = 1 << 30
	buildCacheKeep = 3 << 28
	modulesMax     = 2 << 30
)

// trim keeps the caches small. The go command itself forgets what it has not used for five days; an
// app that is built often outgrows that. The module cache is looked at only when something was
// downloaded: nothing else lets it grow.
func (b *work) trim() error {
	if err := trimOldest(b.buildCache, buildCacheMax, buildCacheKeep); err != nil {
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

// rememberModules notes the modules that the binaries hold, as the module cache writes them:
// "path@version", escaped.
func (b *work) rememberModules(infos []*debug.BuildInfo) {
	b.used = map[string]bool{}
	for _, info := range infos {
		for _, dep := range info.Deps {
			if dep.Replace != nil {
				dep = dep.Replace
			}
			path, bad := module.EscapePath(dep.Path)
			version, wrong := module.EscapeVersion(dep.Version)
			if bad == nil && wrong == nil {
				b.used[path+"@"+version] = true
			}
		}
	}
}

// trimOldest removes the entries of a GOCACHE that were not used for longest until keep bytes are
// left, once it exceeds most. The go command sets an entry's time when it uses it, and takes any
// missing entry for one that was never there.
func trimOldest(dir string, most, keep int64) error {
	type entry struct {
		path string
		size int64
		used time.Time
	}
	var all []entry
	var total int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Dir(path) == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all = append(all, entry{path, info.Size(), info.ModTime()})
		total += info.Size()
		return nil
	})
	if err != nil || total <= most {
		return err
	}
	slices.SortFunc(
		all,
		func(x, y entry) int { return cmp.Or(x.used.Compare(y.used), strings.Compare(x.path, y.path)) },
	)
	for _, e := range all {
		if total <= keep {
			break
		}
		if err := os.Remove(e.path); err != nil {
			return err
		}
		total -= e.size
	}
	return nil
}

// trimModules removes from a GOMODCACHE of more than most bytes the trees and archives of modules
// that are not used, and the clones of version control. What describes the module graph (.info,
// .mod) is small and stays.
func trimModules(dir string, used map[string]bool, most int64) error {
	var total int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil || total <= most {
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
		module, part := cached(filepath.ToSlash(rel))
		switch {
		case part == other:
			return nil
		case !used[module]:
			err = removeTree(path)
		}
		if err == nil && d.IsDir() {
			return fs.SkipDir
		}
		return err
	})
}

// What a path in a module cache is.
const (
	other    = iota
	unpacked // a module's files
	archive  // the archive they came in
	clones   // the clones of version control
)

// cached says what a slash-separated path in a module cache is, and of which module
// ("path@version").
func cached(rel string) (module string, part int) {
	download, ok := strings.CutPrefix(rel, "cache/download/")
	switch {
	case rel == "cache/vcs":
		return "", clones
	case ok && strings.HasSuffix(rel, ".zip"):
		return strings.Replace(strings.TrimSuffix(download, ".zip"), "/@v/", "@", 1), archive
	case !strings.HasPrefix(rel, "cache/") && strings.Contains(rel, "@"):
		return rel, unpacked
	}
	return "", other
}

// removeTree removes a module's tree, whose directories may be read-only: a cache that another tool
// has filled.
func removeTree(path string) error {
	if os.RemoveAll(path) == nil {
		return nil
	}
	err := filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o700)
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(path)
}
