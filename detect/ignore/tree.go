package ignore

import "path"

// Tree decides on whole paths, in any order, and caches its decisions on directories. It must not
// be used concurrently.
type Tree struct {
	rules Rules
	dirs  map[string]bool
	count int // entries ignored
}

// NewTree returns a Tree with these rules.
func NewTree(rs Rules) *Tree { return &Tree{rules: rs, dirs: map[string]bool{}} }

// Ignored reports whether the rules ignore the file name (relative, slash-separated, clean) or a
// directory above it.
func (t *Tree) Ignored(name string) bool {
	if len(t.rules) == 0 {
		return false
	}
	if t.Dir(path.Dir(name)) {
		return true
	}
	if t.rules.Ignored(name, false) {
		t.count++
		return true
	}
	return false
}

// Dir reports the same of a directory. The root, ".", is never ignored.
func (t *Tree) Dir(dir string) bool {
	if dir == "." {
		return false
	}
	known, ok := t.dirs[dir]
	if ok {
		return known
	}
	out := t.Dir(path.Dir(dir))
	if !out && t.rules.Ignored(dir, true) {
		out = true
		t.count++
	}
	t.dirs[dir] = out
	return out
}

// Err returns the error of [Rules.Err].
func (t *Tree) Err() error { return t.rules.Err() }

// Count returns how many of the entries asked about are ignored; an ignored directory with
// everything below it is one entry.
func (t *Tree) Count() int { return t.count }
