package node

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// entry is what stat tells of a file. Two equal entries, taken at different times, mean that nobody
// has written to the file in between: ctime cannot be set. Of a directory only path and mode count:
// its files have entries of their own, and renaming the top changes its times.
type entry struct {
	path         string
	mode         fs.FileMode
	size         int64
	mtime, ctime int64 // nanoseconds
	ino          uint64
	link         string
}

// manifest is a directory tree as stats, sorted by path.
type manifest []entry

// takeManifest walks dir. skip leaves out a slash-separated path relative to dir with all below it;
// nil skips nothing.
func takeManifest(dir string, skip func(rel string) bool) (manifest, error) {
	var m manifest
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if skip != nil && rel != "." && skip(rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		e := entry{path: rel, mode: info.Mode()}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && !d.IsDir() {
			e.size, e.mtime, e.ctime, e.ino = info.Size(), stat.Mtim.Nano(), stat.Ctim.Nano(), stat.Ino
		}
		if d.Type() == fs.ModeSymlink {
			if e.link, err = os.Readlink(name); err != nil {
				return err
			}
		}
		m = append(m, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", dir, err)
	}
	slices.SortFunc(m, func(a, b entry) int { return cmp.Compare(a.path, b.path) })
	return m, nil
}

// digest returns the manifest as one value, in hexadecimal.
func (m manifest) digest() string {
	h := sha256.New()
	for _, e := range m {
		fmt.Fprintf(h, "%q %o %d %d %d %d %q\n", e.path, e.mode, e.size, e.mtime, e.ctime, e.ino, e.link)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// has reports whether the manifest names a path.
func (m manifest) has(rel string) bool {
	_, ok := slices.BinarySearchFunc(m, rel, func(e entry, rel string) int { return cmp.Compare(e.path, rel) })
	return ok
}

// untimed returns the manifest without change times, which an equal chmod alters too.
func (m manifest) untimed() manifest {
	plain := slices.Clone(m)
	for i := range plain {
		plain[i].ctime = 0
	}
	return plain
}

// changes returns the paths whose entries differ between m and later (written, made or removed),
// sorted.
func (m manifest) changes(later manifest) []string {
	var paths []string
	i, j := 0, 0
	for i < len(m) || j < len(later) {
		switch {
		case j == len(later) || i < len(m) && m[i].path < later[j].path:
			paths = append(paths, m[i].path)
			i++
		case i == len(m) || later[j].path < m[i].path:
			paths = append(paths, later[j].path)
			j++
		default:
			if m[i] != later[j] {
				paths = append(paths, m[i].path)
			}
			i, j = i+1, j+1
		}
	}
	return paths
}

// packageOf names the package of a path inside a node_modules directory: ".bin/tsc" is of ".bin",
// "@scope/a/index.js" is of "@scope/a".
func packageOf(rel string) string {
	if at := strings.LastIndex("/"+rel, "/node_modules/"); at >= 0 {
		rel = rel[at+len("node_modules/"):]
	}
	parts := strings.SplitN(rel, "/", 3)
	if strings.HasPrefix(rel, "@") && len(parts) > 1 {
		return path.Join(parts[:2]...)
	}
	return parts[0]
}

// findTrees returns the node_modules directories of an app, the root's and its members' but not
// those inside another, sorted.
func findTrees(dir string, skip func(rel string) bool) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || name == dir {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if skip(rel) {
			return fs.SkipDir
		}
		if d.Name() == "node_modules" {
			found = append(found, rel)
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for node_modules: %w", err)
	}
	slices.Sort(found)
	return found, nil
}
