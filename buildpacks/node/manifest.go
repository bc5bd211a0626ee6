package node

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// entry is what stat tells of a file. Two equal entries, taken at different times, mean that nobody
// has written to the file in between: ctime cannot be set. Of a directory only path and mode count:
// its files have entries of their own, and renaming the top changes its times.
type entry struct {
	path         string
	mode         uint32 // st_mode
	size         int64
	mtime, ctime int64 // nanoseconds
	ino          uint64
	link         string
}

// manifest is a directory tree as stats, sorted by path.
type manifest []entry

// takeManifest walks dir, a few directories at a time. skip leaves out a slash-separated path relative to
// dir with all below it; nil skips nothing. It is called concurrently.
func takeManifest(dir string, skip func(rel string) bool) (manifest, error) {
	w := statWalk{root: dir, skip: skip}
	w.group.SetLimit(runtime.GOMAXPROCS(0))
	err := w.top()
	if waited := w.group.Wait(); err == nil {
		err = waited
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", dir, err)
	}
	slices.SortFunc(w.found, func(a, b entry) int { return cmp.Compare(a.path, b.path) })
	return w.found, nil
}

// digest returns the manifest as one value, in hexadecimal.
func (m manifest) digest() string {
	h := sha256.New()
	var line []byte
	for _, e := range m {
		line = strconv.AppendQuote(line[:0], e.path)
		for _, n := range []int64{int64(e.mode), e.size, e.mtime, e.ctime, int64(e.ino)} {
			line = strconv.AppendInt(append(line, ' '), n, 10)
		}
		line = strconv.AppendQuote(append(line, ' '), e.link)
		h.Write(append(line, '\n'))
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
