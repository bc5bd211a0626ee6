package detect

import (
	"path"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
)

// tsconfigs are files in which TypeScript packages name others by their path: as what they extend, reference, or
// import under another name.
var tsconfigs = []string{"tsconfig.json", "tsconfig.build.json", "tsconfig.app.json", "jsconfig.json"}

// tsPath matches a path in one of them that leads out of the package, up to a pattern.
var tsPath = lazyregexp.New(`"(\.\./[^"*]*)`)

// byPath returns the members, and other directories and files, that a package's tsconfig.json names, but not
// what holds the package itself or several members.
func (g *nodeGraph) byPath(dir string) []string {
	var found []string
	for _, file := range tsconfigs {
		text, _ := g.read(path.Join(dir, file))
		for _, m := range tsPath.FindAllStringSubmatch(string(text), -1) {
			to := path.Join(dir, m[1])
			if holds(to, dir) || slices.Contains(strings.Split(to, "/"), "node_modules") {
				continue
			}
			if i := slices.IndexFunc(g.members, func(member string) bool { return holds(member, to) }); i >= 0 {
				to = g.members[i]
			} else if slices.ContainsFunc(g.members, func(member string) bool { return holds(to, member) }) {
				continue
			}
			found = append(found, to)
		}
	}
	return found
}
