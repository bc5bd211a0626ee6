package detect

import (
	"fmt"
	"path"
	"slices"
	"strings"
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
	members, err := s.workspaceMembers(app.Workspaces)
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

// workspaceMembers expands patterns such as packages/* and apps/** to the directories that hold a
// package.json.
func (s *scan) workspaceMembers(patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	var include, exclude [][]string
	for _, pattern := range patterns {
		negated := strings.HasPrefix(pattern, "!")
		cleaned := inTree(strings.TrimPrefix(pattern, "!"))
		for strings.Contains(cleaned, "**/**") {
			cleaned = strings.ReplaceAll(cleaned, "**/**", "**")
		}
		if cleaned == "" || cleaned == "." || strings.Count(cleaned, "/") >= maxDepth {
			continue
		}
		if negated {
			exclude = append(exclude, strings.Split(cleaned, "/"))
		} else {
			include = append(include, strings.Split(cleaned, "/"))
		}
	}
	w := workspaceWalk{s: s, include: include, exclude: exclude}
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
	s                *scan
	include, exclude [][]string
	members          []string
	seen             int
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
		matches := func(p []string) bool { return matchPath(p, dir, false) }
		if slices.ContainsFunc(w.include, matches) && !slices.ContainsFunc(w.exclude, matches) &&
			w.s.isFile(path.Join(append(dir, "package.json")...)) {
			w.members = append(w.members, path.Join(dir...))
		}
		w.visit(dir)
	}
}

// matchPath matches a path against a pattern segment by segment; `**` matches any number of them.
// With prefix, it reports whether something below the path could match.
func matchPath(pattern, dir []string, prefix bool) bool {
	switch {
	case len(dir) == 0:
		return prefix || !slices.ContainsFunc(pattern, func(p string) bool { return p != "**" })
	case len(pattern) == 0:
		return false
	case pattern[0] == "**":
		return prefix || matchPath(pattern[1:], dir, prefix) || matchPath(pattern, dir[1:], prefix)
	}
	ok, err := path.Match(pattern[0], dir[0])
	return err == nil && ok && matchPath(pattern[1:], dir[1:], prefix)
}
