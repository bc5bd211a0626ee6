package ignore

import "path"

// Tree answers for whole paths in any order and remembers the directories it has seen. One
// goroutine at a time may use it.
type Tree struct {
	rules Rules
	dirs  map[string]bool
	count int
}

// NewTree returns a Tree that goes by the rules.
func NewTree(rs Rules) *Tree { return &Tree{rules: rs, dirs: map[string]bool{}} }

// Ignored says whether the file name (relative, slash-separated, clean) is left out, by itself or
// with a directory above it.
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

// Dir says the same of the directory dir. The root, ".", is never left out.
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

// Count returns how many entries were found to be left out, a directory with all below it as one.
func (t *Tree) Count() int { return t.count }
