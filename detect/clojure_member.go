package detect

import (
	"path"
	"strings"

	"slugc/detect/sexpr"
)

// maxLocal is how many libraries beside an app are looked at.
const maxLocal = 500

// clojure takes what deps.edn, project.clj and build.clj name outside of the app: libraries by :local/root,
// directories of source, jars. Of such a library it takes what its own :deps name, and so on: as tools.deps does,
// without the aliases of others.
func (m member) clojure() *Error {
	queue := []string{m.dir}
	for seen := map[string]bool{}; len(queue) > 0 && len(seen) < maxLocal; queue = queue[1:] {
		dir := queue[0]
		if seen[dir] {
			continue
		}
		seen[dir] = true
		for _, file := range []string{"deps.edn", "project.clj", "build.clj"} {
			text, ok := m.read(path.Join(dir, file))
			nodes, err := sexpr.Parse(text)
			if !ok || err != nil {
				continue
			}
			if dir != m.dir {
				nodes = inherited(nodes)
			}
			queue = append(queue, m.namedPaths(dir, nodes)...)
		}
	}
	return nil
}

// inherited are the parts of a library's deps.edn that count for who uses it.
func inherited(nodes []sexpr.Node) (kept []sexpr.Node) {
	for _, n := range nodes {
		for _, key := range []string{":deps", ":paths"} {
			if value := n.Get(key, 0); n.Kind == sexpr.Map && value != nil {
				kept = append(kept, *value)
			}
		}
	}
	return kept
}

// namedPaths takes the files and directories outside of the app that strings name relative to dir, and returns
// all directories so named by a :local/root.
func (m member) namedPaths(dir string, nodes []sexpr.Node) (roots []string) {
	for len(nodes) > 0 {
		n := nodes[0]
		nodes = append(nodes[1:], n.Items...)
		if n.Kind == sexpr.Map {
			if root := n.Get(":local/root", 0); root != nil && root.Kind == sexpr.String {
				if to := inTree(path.Join(dir, root.Text)); to != "" && !path.IsAbs(root.Text) {
					roots = append(roots, to)
				}
			}
		}
		up := n.Text == ".." || strings.HasPrefix(n.Text, "../")
		if to := m.outside(dir, n.Text); n.Kind == sexpr.String && up && to != "" {
			switch {
			case m.is(to, true):
				m.uses(to)
			case m.is(to, false):
				m.usesFile(to)
			}
		}
	}
	return roots
}
