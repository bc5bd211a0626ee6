package detect

import (
	"maps"
	"strings"
)

// nodeProject is where an app's packages are installed: the root of its workspace, or the app itself. It reads
// files there.
type nodeProject struct {
	*scan
	app       *scan          // reads the app's files: the same scan, where it is built alone
	pkg       pkg            // the project's package.json, with what the app says itself of tools and their versions
	root      pkg            // the project's package.json
	workspace *NodeWorkspace // nil for an app that is built alone
	up        string         // leads from the app to the project: "../../"
}

// nodeProject finds the project of the app with this package.json.
func (s *scan) nodeProject(p pkg) (*nodeProject, error) {
	alone := &nodeProject{scan: s, app: s, pkg: p, root: p}
	if s.base == "." {
		return alone, nil
	}
	root := newScan(Input{FS: s.fsys, Env: s.env}, Node).nodeReader().workspace(s.base)
	if root == "" {
		return alone, nil
	}
	top := newScan(Input{FS: s.fsys, Member: root, Env: s.env}, Node)
	g, err := top.workspaceGraph()
	if err != nil {
		return nil, err
	}
	var rootPkg pkg
	if top.isFile("package.json") { // pnpm's workspace can do without
		if rootPkg, err = top.readPackage("package.json"); err != nil {
			return nil, err
		}
	}
	in := below(root, s.base)
	uses := g.uses(in, ".")
	m := &nodeProject{
		scan: top, app: s, pkg: p.over(rootPkg), root: rootPkg,
		workspace: &NodeWorkspace{
			Root: strings.TrimPrefix(root, "."), Member: in, Uses: uses, Others: g.others(append(uses, in)...),
			Scripts: rootPkg.scripts,
		},
		up: strings.Repeat("../", depth(in)),
	}
	return m, nil
}

// over returns a workspace's package.json with what a member says of tools and their versions in place of it.
func (p pkg) over(root pkg) pkg {
	whole := root
	whole.engines, whole.volta = map[string]string{}, map[string]string{}
	for _, one := range []pkg{root, p} {
		maps.Copy(whole.engines, one.engines)
		maps.Copy(whole.volta, one.volta)
	}
	if p.packageManager != "" {
		whole.packageManager = p.packageManager
	}
	if len(p.devManagers) > 0 {
		whole.devManagers = p.devManagers
	}
	return whole
}

// adopt takes over into the app's result what was found in the root of its workspace.
func (s *scan) adopt(m *nodeProject, p pkg) {
	if m.workspace == nil {
		return
	}
	s.reasonFor(m.up, "it is a member of the workspace in %s", strings.TrimSuffix(m.up, "/"))
	for _, r := range m.Reasons {
		r.File, r.Text = m.up+r.File, r.Text+" there"
		s.Reasons = append(s.Reasons, r)
	}
	s.Warnings = append(s.Warnings, m.Warnings...)
	for i, r := range s.Requires[1:] {
		if r.From != "default" && !strings.HasPrefix(r.From, "SLUGC_") && !p.says(r.From) {
			s.Requires[i+1].From = m.up + r.From
		}
	}
}

// says reports whether a package.json has the field that a requirement of a package manager is from.
func (p pkg) says(from string) bool {
	field, ok := strings.CutPrefix(from, "package.json ")
	tool := field[strings.LastIndex(field, ".")+1:]
	return ok && (field == "packageManager" && p.packageManager != "" ||
		strings.HasPrefix(field, "engines.") && p.engines[tool] != "" ||
		strings.HasPrefix(field, "volta.") && p.volta[tool] != "" ||
		field == "devEngines.packageManager" && len(p.devManagers) > 0)
}
