package detect

import (
	"fmt"
	"path"
	"slices"
)

const (
	maxMembers = 1000 // workspace members
	maxDepth   = 16   // directories above a member
)

// nodeInstall finds the workspace members and all files that determine an install.
func (s *scan) nodeInstall(p pkg, app *NodeApp) error {
	app.Workspaces = p.workspaces
	if app.Manager == "pnpm" {
		file, err := s.pnpmWorkspace()
		if err != nil {
			return err
		}
		if file != nil {
			app.Workspaces = file.packages
		}
	}
	var files []string
	keep := func(name string) {
		if name != "" && s.isFile(name) {
			files = append(files, name)
		}
	}
	for _, name := range []string{"package.json", app.Lockfile, ".npmrc", ".yarnrc", ".yarnrc.yml", app.YarnPath,
		"pnpm-workspace.yaml", ".pnpmfile.cjs", ".pnpmfile.mjs", "pnpmfile.js", "bunfig.toml", ".nvmrc",
		"binding.gyp"} {
		keep(name)
	}
	for _, local := range p.localDeps {
		keep(local)
		keep(path.Join(local, "package.json"))
	}
	for _, dir := range []string{"patches", ".yarn/patches", ".yarn/plugins"} {
		files = append(files, s.walk(dir)...)
	}
	members, err := s.installed(app)
	if err != nil {
		return err
	}
	for _, dir := range members {
		file := path.Join(dir, "package.json")
		member, err := s.readPackage(file)
		if err != nil {
			return err
		}
		app.HasDevDeps = app.HasDevDeps || member.hasDevDeps
		app.HasDeps = app.HasDeps || member.hasDeps
		files = append(files, file)
		keep(path.Join(dir, ".npmrc"))
	}
	slices.Sort(files)
	app.Manifests = slices.Compact(files)
	return nil
}

// installed returns the directories of the packages whose dependencies are installed besides the root's: all members
// of a workspace, or the one that is built and those that it uses.
func (s *scan) installed(app *NodeApp) ([]string, error) {
	w := app.Workspace
	if w == nil {
		return s.workspaceMembers(app.Workspaces)
	}
	return slices.DeleteFunc(append([]string{w.Member}, w.Uses...), func(dir string) bool {
		return !s.isFile(path.Join(dir, "package.json"))
	}), nil
}

// workspaceMembers expands patterns such as packages/* and apps/** to the directories that hold a
// package.json.
func (s *scan) workspaceMembers(patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	w := workspaceWalk{s: s, memberGlobs: newMemberGlobs(patterns)}
	w.visit(nil)
	if len(w.members) > maxMembers || w.seen > maxEntries {
		return nil, &Error{
			ID: "node/workspaces-too-many", Place: "package.json workspaces",
			Summary: fmt.Sprintf("package.json workspaces reach more than %d packages or %d directories",
				maxMembers, maxEntries),
			Hints: []string{"narrow the patterns to the directories that hold packages"},
		}
	}
	slices.Sort(w.members)
	return w.members, nil
}

type workspaceWalk struct {
	memberGlobs
	s       *scan
	members []string
	seen    int
}

// visit descends only into directories below which an include pattern can match.
func (w *workspaceWalk) visit(at []string) {
	entries, err := w.s.list(path.Join(append([]string{"."}, at...)...))
	if err != nil || len(at) > maxDepth {
		return
	}
	for _, e := range entries {
		if !e.IsDir() || e.Name() == "node_modules" || e.Name() == ".git" {
			continue
		}
		dir := append(slices.Clone(at), e.Name())
		if !slices.ContainsFunc(w.include, func(p []string) bool { return matchPath(p, dir, true) }) {
			continue
		}
		if w.seen++; w.seen > maxEntries || len(w.members) > maxMembers {
			return
		}
		if w.match(dir) && w.s.isFile(path.Join(append(dir, "package.json")...)) {
			w.members = append(w.members, path.Join(dir...))
		}
		w.visit(dir)
	}
}
