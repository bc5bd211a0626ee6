package classic

import (
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"slugc/cache/beneath"
)

// When a directory is worth a section of its own.
const (
	minSlice    = 1 << 20 // bytes of the files in it
	maxSlices   = 32
	maxParts    = 16 // of a directory that only holds others
	modulesName = "node_modules"
)

// notSlices are directories of the app that are the platform's, or no part of the slug.
var notSlices = []string{".profile.d", ".git", ".slugc", layersName}

// tree is the directories of the app, by path: the bytes of the files directly in them.
type tree map[string]size

type size struct {
	bytes int64
	files bool // there is something else than directories in it
}

// directories lists the directories of the app. It follows no link.
func (w *workspace) directories() (tree, error) {
	parent, err := beneath.Open(filepath.Dir(w.build.Host))
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	found, mu := tree{}, sync.Mutex{}
	top := filepath.Base(w.build.Host)
	err = parent.Scan(top, func(l *beneath.Listing) error {
		if l.Path == top {
			l.Entries = slices.DeleteFunc(l.Entries, func(e beneath.Entry) bool {
				return slices.Contains(notSlices, e.Name)
			})
		}
		var s size
		for _, e := range l.Entries {
			if e.Mode&unix.S_IFMT == unix.S_IFREG {
				s.bytes += e.Size
			}
			s.files = s.files || !beneath.IsDir(e.Stat_t)
		}
		mu.Lock()
		defer mu.Unlock()
		found[strings.TrimPrefix(strings.TrimPrefix(l.Path, top), "/")] = s
		return nil
	})
	return found, err
}

// slices lists the directories that are new since before and worth a section: of those that nothing new is above,
// the ones whose files have minSlice bytes or more. A new directory at the top that only holds a few other
// directories, such as .heroku and vendor, is not one itself: those in it are looked at instead. Of too many the
// largest are taken.
func (w *workspace) slices(before tree) ([]string, error) {
	after, err := w.directories()
	if err != nil {
		return nil, err
	}
	return before.grown(after), nil
}

// grown is the rule of slices.
func (before tree) grown(after tree) (list []string) {
	total := map[string]int64{}
	for _, dir := range slices.Sorted(maps.Keys(after)) {
		if root := before.slice(after, dir); root != "" {
			total[root] += after[dir].bytes
		}
	}
	for dir, bytes := range total {
		if bytes >= minSlice {
			list = append(list, dir)
		}
	}
	slices.SortFunc(list, func(a, b string) int {
		if total[a] != total[b] {
			return int(min(1, max(-1, total[b]-total[a])))
		}
		return strings.Compare(a, b)
	})
	list = list[:min(len(list), maxSlices)]
	slices.Sort(list)
	return list
}

// slice returns the directory that would be a section with dir in it, or "".
func (before tree) slice(after tree, dir string) string {
	parts := strings.Split(dir, "/")
	for i := range parts {
		top := strings.Join(parts[:i+1], "/")
		if _, old := before[top]; old || top == "" {
			continue
		}
		if i > 0 || !after.onlyHolds(top) {
			return top
		}
		return strings.Join(parts[:min(2, len(parts))], "/")
	}
	return ""
}

// onlyHolds reports whether a directory at the top holds directories alone, and few.
func (t tree) onlyHolds(dir string) bool {
	if t[dir].files || dir == modulesName {
		return false
	}
	n := 0
	for other := range t {
		if path.Dir(other) == dir {
			n++
		}
	}
	return n > 0 && n <= maxParts
}
