package detect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// nodeLocks are the lock files and their managers, in the order in which they count.
var nodeLocks = []struct{ file, manager string }{
	{"pnpm-lock.yaml", "pnpm"}, {"yarn.lock", "yarn"}, {"bun.lock", "bun"}, {"bun.lockb", "bun"},
	{"package-lock.json", "npm"}, {"npm-shrinkwrap.json", "npm"},
}

// lock returns the lock file in a directory and its manager, "" if there is none.
func (m member) lock(dir string) (file, manager string) {
	for _, l := range nodeLocks {
		if _, ok := m.read(path.Join(dir, l.file)); ok {
			return path.Join(dir, l.file), l.manager
		}
	}
	return "", ""
}

// manifest is what a package.json says of a workspace.
type manifest struct {
	name       string
	build      bool
	workspaces []string
	specs      map[string]string // dependencies
}

func (m member) manifest(dir string) (p manifest, ok bool) {
	b, ok := m.read(path.Join(dir, "package.json"))
	var doc map[string]json.RawMessage
	if !ok || json.Unmarshal(b, &doc) != nil {
		return p, false
	}
	decode(doc["name"], &p.name)
	p.build = looseMap(doc["scripts"])["build"] != ""
	p.workspaces = workspacePatterns(doc["workspaces"])
	p.specs = map[string]string{}
	for _, field := range []string{"devDependencies", "optionalDependencies", "dependencies"} {
		for name, spec := range looseMap(doc[field]) {
			p.specs[name] = spec
		}
	}
	return p, true
}

// node refuses a member of a workspace without a lock file of its own, and one that names other
// members.
func (m member) node() *Error {
	p, ok := m.manifest(m.dir)
	if !ok {
		return nil
	}
	own, _ := m.lock(m.dir)
	var siblings []string
	for name, spec := range p.specs {
		kind, local, _ := strings.Cut(spec, ":")
		switch {
		case kind == "workspace",
			slices.Contains([]string{"file", "link", "portal"}, kind) && m.outside(m.dir, local) != "":
			siblings = append(siblings, name)
		}
	}
	root := m.workspace()
	if root == "" {
		return m.local(siblings, p)
	}
	if own != "" && len(siblings) == 0 {
		return nil
	}
	lock, manager := m.lock(root)
	uses := "belongs to the workspace in " + inSource(root)
	if lock != "" {
		uses += fmt.Sprintf(" (%s)", lock)
	}
	if len(siblings) > 0 {
		slices.Sort(siblings)
		uses += " and needs " + strings.Join(siblings[:min(len(siblings), 3)], ", ")
	}
	return m.refuse("package.json", uses, m.nodeHints(root, manager, cmp.Or(p.name, m.dir), p.build)...)
}

// local refuses packages at paths outside of the app, where there is no workspace.
func (m member) local(names []string, p manifest) *Error {
	slices.Sort(names)
	for _, name := range names {
		_, local, _ := strings.Cut(p.specs[name], ":")
		if to := m.outside(m.dir, local); to != "" {
			return m.refuse("package.json", fmt.Sprintf("needs %s in %s", name, inSource(to)),
				"make a workspace of both: a package.json with `workspaces` in a directory above, and its lock file",
				"or move that package below "+m.dir)
		}
	}
	return nil
}

// nodeHints say how to build and start a member from the workspace's root.
func (m member) nodeHints(root, manager, name string, build bool) []string {
	run := map[string]string{
		"pnpm": "pnpm --filter %s run %s", "yarn": "yarn workspace %s run %s", "bun": "bun run --filter %s %s",
	}[manager]
	if run == "" {
		run = "npm run -w %s %s"
	}
	hints := []string{fmt.Sprintf("build %s, and start the member in a Procfile there: `web: %s`",
		inSource(root), fmt.Sprintf(run, name, "start"))}
	if build {
		hints = append(hints, fmt.Sprintf("its build script runs if %s has a script such as `\"build\": \"%s\"`",
			path.Join(root, "package.json"), fmt.Sprintf(run, name, "build")))
	}
	return hints
}

// workspace returns the nearest directory above whose workspace has the app as a member, "" if there
// is none.
func (m member) workspace() string {
	for root := m.dir; root != "."; {
		root = path.Dir(root)
		p, _ := m.manifest(root)
		patterns := p.workspaces
		if b, ok := m.read(path.Join(root, "pnpm-workspace.yaml")); ok {
			if file, err := parsePnpmWorkspace(b); err == nil {
				patterns = append(patterns, file.packages...)
			}
		}
		rel := m.dir
		if root != "." {
			rel = strings.TrimPrefix(m.dir, root+"/")
		}
		in := false
		for _, pattern := range patterns {
			pattern, negated := strings.CutPrefix(pattern, "!")
			if matchPath(strings.Split(inTree(pattern), "/"), strings.Split(rel, "/"), false) {
				in = !negated
			}
		}
		if in {
			return root
		}
	}
	return ""
}
