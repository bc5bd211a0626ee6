package detect

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// nodeLocks are the lock files and their managers, in the order in which they count.
var nodeLocks = []struct{ file, manager string }{
	{"pnpm-lock.yaml", "pnpm"}, {"yarn.lock", "yarn"}, {"bun.lock", "bun"}, {"bun.lockb", "bun"},
	{"package-lock.json", "npm"}, {"npm-shrinkwrap.json", "npm"},
}

// reader reads a file of a source, false if there is none. Of a lock file, which may be large, it need not return
// the content.
type reader func(name string) ([]byte, bool)

// nodeReader returns what reads the files of the source.
func (m member) nodeReader() reader {
	return func(name string) ([]byte, bool) {
		if lockManager(path.Base(name)) != "" {
			return nil, m.is(name, false)
		}
		return m.read(name)
	}
}

// nodeReader returns what reads the files of the scan's directory.
func (s *scan) nodeReader() reader {
	return func(name string) ([]byte, bool) {
		if lockManager(path.Base(name)) != "" {
			return nil, s.isFile(name)
		}
		return s.readUpTo(name, maxManifest)
	}
}

// lock returns the lock file in a directory and its manager, "" if there is none.
func (read reader) lock(dir string) (file, manager string) {
	for _, l := range nodeLocks {
		if _, ok := read(path.Join(dir, l.file)); ok {
			return path.Join(dir, l.file), l.manager
		}
	}
	return "", ""
}

// manifest returns what the package.json of a directory says of a workspace.
func (read reader) manifest(dir string) (nodeManifest, bool) {
	text, ok := read(path.Join(dir, "package.json"))
	if !ok {
		return nodeManifest{}, false
	}
	return parseNodeManifest(text)
}

// patterns returns the patterns of the members of the workspace whose root is a directory, and what replaces
// dependencies in all of it; nothing if it is none.
func (read reader) patterns(dir string) (patterns []string, forced map[string]string) {
	p, _ := read.manifest(dir)
	patterns, forced = p.workspaces, p.forced
	if text, ok := read(path.Join(dir, "pnpm-workspace.yaml")); ok {
		if file, err := parsePnpmWorkspace(text); err == nil {
			patterns = append(patterns, file.packages...)
			forced = maps.Clone(file.overrides)
			maps.Copy(forced, p.forced)
		}
	}
	return patterns, forced
}

// workspace returns the root of the workspace that the package in dir is built in: the nearest directory above
// whose patterns have it. It returns "" if there is none, and for a package with a lock file of its own that
// names no other member as one, or is a workspace's root itself: it is built alone.
func (read reader) workspace(dir string) string {
	p, ok := read.manifest(dir)
	own, _ := read.patterns(dir)
	if lock, _ := read.lock(dir); !ok || lock != "" && (len(p.asksWorkspace()) == 0 || len(own) > 0) {
		return ""
	}
	for root := dir; root != "."; {
		root = path.Dir(root)
		patterns, _ := read.patterns(root)
		if newMemberGlobs(patterns).match(strings.Split(below(root, dir), "/")) {
			return root
		}
	}
	return ""
}

// asksWorkspace returns the dependencies that only a workspace has, sorted.
func (p nodeManifest) asksWorkspace() []string {
	var names []string
	for name, specs := range p.asks {
		if slices.ContainsFunc(specs, func(spec string) bool { return strings.HasPrefix(spec, "workspace:") }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// workspaceGraph returns the graph of the workspace whose root is the scan's directory.
func (s *scan) workspaceGraph() (*nodeGraph, error) {
	read := s.nodeReader()
	patterns, forced := read.patterns(".")
	members, err := s.workspaceMembers(patterns)
	if err != nil {
		return nil, err
	}
	g := newNodeGraph(members, read)
	root := g.manifest(".")
	root.forced = forced
	g.manifests["."] = root
	if lock, _ := read.lock("."); lock != "" {
		if text, ok := s.readUpTo(lock, maxManifest+1); ok && len(text) <= maxManifest {
			g.locked = lockedAsks(lock, text)
		}
	}
	return g, nil
}

// node takes of the source around an app its workspace's root, the members that it uses, and of the others what
// lock files are checked against, or the packages beside it that dependencies name.
func (m member) node() *Error {
	read := m.nodeReader()
	p, ok := read.manifest(m.dir)
	if !ok {
		return nil
	}
	root := read.workspace(m.dir)
	if root == "" {
		return m.nodeBeside(p)
	}
	g, err := newScan(Input{FS: m.source, Member: root}, Node).workspaceGraph()
	if err != nil {
		return m.refuse("package.json", fmt.Sprintf("is in the workspace of %s, and %v", inSource(root), err),
			"narrow the patterns of the workspace to the directories that hold packages")
	}
	in := below(root, m.dir)
	used := g.uses(in, ".")
	if none := g.missing(in); len(none) > 0 {
		return m.refuse("package.json",
			fmt.Sprintf("needs %s of the workspace in %s, which has no such member", firstNames(none), inSource(root)),
			"name their directories in the patterns of the workspace, or correct their names")
	}
	lock, _ := read.lock(root)
	if dir, name, spec := g.unmet(slices.Concat([]string{in, "."}, used)); dir != "" && lock == "" {
		return &Error{
			ID: "detect/subdir-member", Place: path.Join(root, dir, "package.json"),
			Summary: fmt.Sprintf("%s asks for %s %s, the workspace has it in %s in another version, and no lock file "+
				"says where it comes from", path.Join(root, dir, "package.json"), name, spec,
				path.Join(root, g.named[name])),
			Hints: []string{
				"ask for the version that the workspace has, so that nobody else's package of this name is taken",
				"or commit the lock file in " + inSource(root),
			},
		}
	}
	m.within(root)
	m.use.Workspace, m.use.Rest = true, true
	for _, to := range used {
		m.takes(path.Join(root, to))
	}
	for _, dir := range g.others(append(used, in)...) {
		m.leavesOut(path.Join(root, dir), "package.json")
		m.use.Others++
	}
	return nil
}

// nodeBeside takes the packages at paths outside of the app, of one that is in no workspace around it. It may be
// the root of its own.
func (m member) nodeBeside(p nodeManifest) *Error {
	own, _ := m.nodeReader().patterns(m.dir)
	if names := p.asksWorkspace(); len(names) > 0 && len(own) == 0 {
		return m.refuse("package.json",
			fmt.Sprintf("needs %s of a workspace, and no directory above has it as a member",
				firstNames(names)),
			"name "+m.dir+" in `workspaces` of the package.json in a directory above, or in its pnpm-workspace.yaml")
	}
	for _, to := range newNodeGraph(nil, m.nodeReader()).uses(m.dir) {
		if to = m.outside(".", to); to != "" {
			m.takes(to)
		}
	}
	return nil
}

// takes takes a directory or a file of the source, if there is one.
func (m member) takes(name string) {
	if m.is(name, true) {
		m.uses(name)
	} else if m.is(name, false) {
		m.usesFile(name)
	}
}

// firstNames lists the first of the names.
func firstNames(names []string) string { return strings.Join(names[:min(len(names), 3)], ", ") }
