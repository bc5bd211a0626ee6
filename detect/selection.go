package detect

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Selection is what a build of a member stages: the member, what it uses of the source around it, and the
// plain files beside both and above them. All paths are slash-separated and relative to the source, and "."
// is the source itself. A Selection of [Select] does not change and may be used concurrently.
type Selection struct {
	Member string   // the app's directory
	Root   string   // the directory that is staged; all others are below it, or it itself
	Dirs   []string // taken whole, the member among them; sorted
	Files  []string // taken besides, such as the package.json of a member that is left out
	// Except lists directories that are not taken, also where one of Dirs or Rest has them: other members. One
	// of Dirs that is below counts again.
	Except []string
	// Rest takes every directory of Root too in which there is nothing of Dirs, Files and Except.
	Rest bool

	Workspace bool // Root is a workspace's, and the member is one of its members
	Others    int  // members of the workspace that are left out
}

// In returns where the member is below Root: "apps/api".
func (s *Selection) In() string { return below(s.Root, s.Member) }

// below returns a path below root relative to it.
func below(root, name string) string {
	if root == "." {
		return name
	}
	return path.Join(".", strings.TrimPrefix(name[len(root):], "/"))
}

// depth returns how many components a path has.
func depth(name string) int {
	if name == "." {
		return 0
	}
	return 1 + strings.Count(name, "/")
}

// holds reports whether dir is name, or a directory above it.
func holds(dir, name string) bool {
	return dir == "." || dir == name || strings.HasPrefix(name, dir+"/")
}

// deepest returns the depth of the deepest of dirs that holds name, -1 if none does.
func deepest(dirs []string, name string) int {
	most := -1
	for _, dir := range dirs {
		if holds(dir, name) {
			most = max(most, depth(dir))
		}
	}
	return most
}

// Takes reports whether the selection has a file, or something in a directory. The name is relative to Root.
func (s *Selection) Takes(name string, dir bool) bool {
	full := path.Join(s.Root, name)
	in, out := deepest(s.Dirs, full), deepest(s.Except, full)
	switch {
	case in >= 0 && in >= out, slices.Contains(s.Files, full):
		return true
	case dir && (s.above(full, s.Dirs) || s.above(full, s.Files)):
		return true
	case !dir && s.above(path.Dir(full), s.Dirs):
		return true // a plain file beside what is taken, or above it
	case out >= 0:
		return false
	}
	first, _, deeper := strings.Cut(below(s.Root, full), "/")
	top := path.Join(s.Root, first)
	return s.Rest && (dir || deeper) && !s.above(top, s.Dirs) && !s.above(top, s.Files) && !s.above(top, s.Except)
}

// above reports whether dir is one of the names or a directory above one.
func (s *Selection) above(dir string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return holds(dir, name) })
}

// maxShown is how many of the used directories a message shows.
const maxShown = 5

// Text is a line for people: what is built, and what of the source around it is in reach.
func (s *Selection) Text() string {
	text := "Building " + printable(s.Member)
	if s.Workspace {
		text += " of the workspace in " + inSource(s.Root)
	}
	var with []string
	for _, dir := range s.Dirs {
		if dir != s.Member {
			with = append(with, printable(inSource(dir)))
		}
	}
	if len(with) > maxShown {
		with = append(with[:maxShown-1], fmt.Sprintf("%d more", len(with)-maxShown+1))
	}
	var notes []string
	if len(with) > 0 {
		notes = append(notes, "with "+strings.Join(with, ", "))
	}
	switch {
	case s.Others == 1:
		notes = append(notes, "1 other member is left out")
	case s.Others > 1:
		notes = append(notes, fmt.Sprintf("%d other members are left out", s.Others))
	}
	if len(notes) > 0 {
		text += " (" + strings.Join(notes, "; ") + ")"
	}
	return text
}
