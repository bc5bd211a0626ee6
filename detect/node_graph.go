package detect

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"

	"slugc/detect/npmrange"
)

// nodeManifest is what a package.json says of a workspace: its own patterns, and what the package asks for.
type nodeManifest struct {
	name, version string
	scripts       map[string]string
	workspaces    []string
	asks          map[string][]string // specifications by the name of the dependency, of all kinds
	forced        map[string]string   // those that overrides and resolutions put in place of others
}

// parseNodeManifest reads a package.json; false for one that is malformed.
func parseNodeManifest(text []byte) (p nodeManifest, ok bool) {
	var doc map[string]json.RawMessage
	if json.Unmarshal(text, &doc) != nil || doc == nil {
		return p, false
	}
	decode(doc["name"], &p.name)
	decode(doc["version"], &p.version)
	p.scripts = looseMap(doc["scripts"])
	p.workspaces = workspacePatterns(doc["workspaces"])
	p.asks = map[string][]string{}
	for _, field := range []string{"dependencies", "devDependencies", "optionalDependencies", "peerDependencies"} {
		for name, spec := range looseMap(doc[field]) {
			p.asks[name] = append(p.asks[name], spec)
		}
	}
	var pnpm map[string]json.RawMessage
	decode(doc["pnpm"], &pnpm)
	p.forced = looseMap(doc["resolutions"])
	maps.Copy(p.forced, looseMap(doc["overrides"]))
	maps.Copy(p.forced, looseMap(pnpm["overrides"]))
	return p, true
}

// nodeGraph tells which members of a Node workspace use which. Directories are slash-separated and relative
// to the workspace's root, which is ".".
type nodeGraph struct {
	manifests map[string]nodeManifest // by directory, the root's too
	named     map[string]string       // directories of members by their package's name
	members   []string                // directories, sorted
	locked    map[string][]string     // what packages of a registry ask for, by name
	read      reader
}

// newNodeGraph returns the graph of these members, whose files read reads.
func newNodeGraph(members []string, read reader) *nodeGraph {
	g := &nodeGraph{manifests: map[string]nodeManifest{}, named: map[string]string{}, members: members, read: read}
	for _, dir := range members {
		if p := g.manifest(dir); p.name != "" && g.named[p.name] == "" {
			g.named[p.name] = dir
		}
	}
	return g
}

func (g *nodeGraph) manifest(dir string) nodeManifest {
	p, ok := g.manifests[dir]
	if !ok {
		p, _ = g.read.manifest(dir)
		g.manifests[dir] = p
	}
	return p
}

// uses returns the directories that packages use, transitively: members, and packages and files at paths that
// dependencies name, but not the packages themselves. Each comes after those that it uses itself, whatever the
// kind of dependency: in this order they are built.
func (g *nodeGraph) uses(packages ...string) []string {
	var order []string
	seen := map[string]bool{}
	for _, dir := range packages {
		seen[dir] = true
	}
	var visit func(dir string)
	visit = func(dir string) {
		for _, to := range g.direct(dir) {
			if !seen[to] {
				seen[to] = true
				visit(to)
				order = append(order, to)
			}
		}
	}
	for _, dir := range packages {
		visit(dir)
	}
	return order
}

// others returns the members that are in none of these directories.
func (g *nodeGraph) others(taken ...string) []string {
	return slices.DeleteFunc(slices.Clone(g.members), func(dir string) bool {
		return dir == "." || slices.ContainsFunc(taken, func(used string) bool { return holds(used, dir) })
	})
}

// direct returns the directories that a package uses itself, sorted.
func (g *nodeGraph) direct(dir string) []string {
	p, found := g.manifest(dir), map[string]bool{}
	take := func(name, spec string) {
		if to := g.target(dir, name, spec); to != "" && to != dir {
			found[to] = true
		}
	}
	for name, specs := range p.asks {
		for _, spec := range specs {
			take(name, spec)
		}
	}
	for name, spec := range p.forced {
		name = name[strings.LastIndex(name, ">")+1:] // pnpm's "a>b" is b below a
		if at := strings.LastIndex(name, "@"); at > 0 {
			name = name[:at]
		}
		if kind, _, _ := strings.Cut(spec, ":"); slices.Contains(localSpecs, kind) {
			take(name, spec)
		}
	}
	for _, to := range slices.Concat(g.byPath(dir), g.throughOthers(p)) {
		if to != dir {
			found[to] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// localSpecs are the protocols of what is in the source.
var localSpecs = []string{"workspace", "file", "link", "portal"}

// target returns the directory that a dependency leads to, "" for one that a registry or another server has.
// What could be a member is one: a package manager that takes it from a registry all the same does not mind
// that the member is there.
func (g *nodeGraph) target(dir, name, spec string) string {
	spec = strings.TrimSpace(spec)
	kind, rest, protocol := strings.Cut(spec, ":")
	switch {
	case protocol && kind == "workspace":
		if strings.HasPrefix(rest, ".") {
			return g.local(dir, rest)
		}
		if to := inTree(rest); slices.Contains(g.members, to) {
			return to // Yarn's: relative to the workspace's root
		}
		if at := strings.LastIndex(rest, "@"); at > 0 {
			name = rest[:at]
		}
		return g.named[name]
	case protocol && slices.Contains(localSpecs, kind):
		return g.local(dir, rest)
	case strings.HasPrefix(spec, "./") || strings.HasPrefix(spec, "../"):
		return g.local(dir, spec)
	case protocol && kind == "catalog":
		return g.named[name]
	case protocol && kind == "npm":
		name, spec = aliased(name, rest)
	case strings.ContainsAny(spec, ":/#"):
		return "" // an address
	}
	to := g.named[name]
	if to == "" || !fits(g.manifest(to).version, spec) {
		return ""
	}
	return to
}

// aliased returns the package and the versions that "npm:" is followed by: "lib@^1", "lib", or Yarn's "^1".
func aliased(name, rest string) (pkg, spec string) {
	if at := strings.LastIndex(rest, "@"); at > 0 {
		return rest[:at], rest[at+1:]
	}
	if _, err := npmrange.Parse(rest); err == nil {
		return name, rest
	}
	return rest, "*"
}

// local returns the directory, or the file, that a path leads to.
func (g *nodeGraph) local(dir, rest string) string {
	if rest = strings.TrimPrefix(rest, "//"); path.IsAbs(rest) || strings.HasPrefix(rest, "~") {
		return ""
	}
	return path.Join(dir, strings.ReplaceAll(rest, `\`, "/"))
}

// missing returns the dependencies of a package that only a workspace has and this one does not, sorted.
func (g *nodeGraph) missing(dir string) []string {
	p := g.manifest(dir)
	return slices.DeleteFunc(p.asksWorkspace(), func(name string) bool {
		return slices.ContainsFunc(p.asks[name], func(spec string) bool { return g.target(dir, name, spec) != "" })
	})
}

// unmet returns a dependency of one of these directories that has a member's name and wants another version of it,
// so that package managers ask a registry for it; "" if there is none.
func (g *nodeGraph) unmet(dirs []string) (dir, name, spec string) {
	for _, dir := range dirs {
		asks := g.manifest(dir).asks
		for _, name := range slices.Sorted(maps.Keys(asks)) {
			for _, spec := range asks[name] {
				to := g.named[name]
				if to != "" && to != dir && !strings.ContainsAny(spec, ":/#") && g.target(dir, name, spec) == "" {
					return dir, name, spec
				}
			}
		}
	}
	return "", "", ""
}

// fits reports whether a member of a version may serve where a range of versions, or a tag, is asked for. It is
// false only where no package manager takes the member.
func fits(version, spec string) bool {
	r, err := npmrange.Parse(spec)
	if err != nil || version == "" {
		return true // a tag
	}
	release, _, _ := strings.Cut(version, "-")
	release, _, _ = strings.Cut(release, "+")
	return r.Match(version) || r.Match(release)
}
