package detect

import (
	"fmt"
	"path"
	"strings"
)

// ForNode detects a Node app: a package.json at the root. A broken package.json, contradicting
// package managers and versions that can't be parsed are an [*Error]. Result.App is a [*NodeApp].
func ForNode(in Input) (Result, error) {
	return newScan(in, Node).run((*scan).forNode)
}

func (s *scan) forNode() (Result, error) {
	if !s.isFile("package.json") {
		s.reasonAgainst("package.json", "no package.json")
		if file := s.serverFile(); file != "" {
			s.reasonAgainst(file, "found %s, but Node apps are recognised by package.json", file)
		}
		return s.Result, nil
	}
	s.reasonFor("package.json", "found package.json")
	pkg, err := s.readPackage("package.json")
	if err != nil {
		return s.fail(err)
	}
	app, err := s.node(pkg)
	if err != nil {
		return s.fail(err)
	}
	s.Pass, s.App = true, app
	return s.Result, nil
}

// nodeForTools is Node's result without a package.json, where another language's build runs tools
// that need Node.
func nodeForTools(in Input, why []Reason) (Result, error) {
	s := newScan(in, Node)
	s.Reasons = append(s.Reasons, why...)
	app, err := s.node(pkg{})
	if err != nil {
		return s.fail(err)
	}
	app.Assisting = true
	s.Pass, s.App = true, app
	return s.Result, nil
}

func (s *scan) node(p pkg) (*NodeApp, error) {
	m, err := s.nodeProject(p)
	if err != nil {
		return nil, err
	}
	defer func() { s.note(m.trouble) }()
	if err := m.dotHeroku(); err != nil {
		return nil, err
	}
	if p.engines["iojs"] != "" {
		return nil, &Error{
			ID: "node/iojs", Place: "package.json engines.iojs",
			Summary: "package.json engines.iojs asks for io.js, which ended in 2015",
			Hints:   []string{`replace engines.iojs by "node", such as { "node": "24.x" }`},
		}
	}
	runtime, err := m.nodeVersion(p)
	if err != nil {
		return nil, err
	}
	app := &NodeApp{
		Name: p.name, Scripts: p.scripts, Main: p.main, ServerFile: s.serverFile(), CacheDirs: p.cacheDirs,
		HasDeps: m.pkg.hasDeps || p.hasDeps, HasDevDeps: m.pkg.hasDevDeps || p.hasDevDeps,
		NodeModules:  m.isDir("node_modules") || s.isDir("node_modules"),
		NpmrcPresent: m.isFile(".npmrc"), Workspace: m.workspace,
	}
	managers, err := m.nodeManager(m.pkg, app)
	if err != nil {
		return nil, err
	}
	if err := m.nodeInstall(m.pkg, app); err != nil {
		return nil, err
	}
	s.Requires = append([]Requirement{runtime}, managers...)
	s.adopt(m, p)
	if app.Framework, err = s.nodeFramework(p, app); err != nil {
		return nil, err
	}
	if f := app.Framework; f != nil && f.Web == "" && len(f.Output) > 0 {
		s.Requires = append(s.Requires, Requirement{Tool: staticServer, From: "default"})
	}
	return app, nil
}

// dotHeroku refuses files where a Heroku-style build writes directories.
func (s *scan) dotHeroku() error {
	for _, name := range []string{".heroku", ".heroku/node"} {
		if s.isFile(name) {
			return &Error{
				ID: "node/dot-heroku-file", Summary: fmt.Sprintf("%s is a file where builds keep a directory",
					name), Place: name,
				Hints: []string{"run `git rm " + name + "` and commit, or rename the file"},
			}
		}
	}
	return nil
}

// serverFile returns the first of the usual entry files at the root; "" if there is none.
func (s *scan) serverFile() string {
	for _, base := range []string{"server", "app", "main", "index"} {
		for _, ext := range []string{".js", ".cjs", ".mjs"} {
			if s.isFile(base + ext) {
				return base + ext
			}
		}
	}
	return ""
}

// inTree cleans a relative path that a manifest names; it returns "" for a path that leaves the
// tree.
func inTree(p string) string {
	p = path.Clean(strings.ReplaceAll(strings.TrimSpace(p), `\`, "/"))
	if path.IsAbs(p) || p == ".." || strings.HasPrefix(p, "../") {
		return ""
	}
	return p
}
