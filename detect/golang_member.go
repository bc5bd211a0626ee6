package detect

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"golang.org/x/mod/modfile"
)

// golang takes the modules that replace lines of go.mod name outside of the app, and those that a go.work
// above joins with modules that it requires. Vendored modules need neither.
func (m member) golang() *Error {
	if m.is(path.Join(m.dir, "vendor/modules.txt"), false) || m.ownGoWork() {
		return nil
	}
	f := m.goMod(m.dir)
	if f == nil {
		return m.inModule()
	}
	if w := m.goWork(); w != nil {
		m.joined(w, f)
		return nil
	}
	for _, dir := range m.replacements(m.dir, f.Replace) {
		if to := m.outside(".", dir); to != "" {
			m.uses(to)
		}
	}
	return nil
}

// ownGoWork takes what a go.work in the app's own directory names outside of it, and reports whether there is one.
func (m member) ownGoWork() bool {
	b, ok := m.read(path.Join(m.dir, "go.work"))
	f, err := modfile.ParseWork("go.work", b, nil)
	if !ok || err != nil {
		return false
	}
	dirs := m.replacements(m.dir, f.Replace)
	for _, use := range f.Use[:min(len(f.Use), maxGoMembers)] {
		to := inTree(path.Join(m.dir, use.Path))
		if path.IsAbs(use.Path) || to == "" || !m.is(to, true) {
			continue
		}
		dirs[use.Path] = to
		if mod := m.goMod(to); mod != nil {
			maps.Copy(dirs, m.replacements(to, mod.Replace))
		}
	}
	for _, dir := range dirs {
		if to := m.outside(".", dir); to != "" {
			m.uses(to)
		}
	}
	return true
}

// inModule refuses a directory of a module above that is no module, and no app of another language.
func (m member) inModule() *Error {
	entries, err := fs.ReadDir(m.source, m.dir)
	if err != nil || firstGoFile(entries) == "" || m.is(path.Join(m.dir, "go.mod"), false) {
		return nil
	}
	for _, other := range manifests {
		if m.is(path.Join(m.dir, other.file), false) {
			return nil
		}
	}
	for dir := m.dir; dir != "."; {
		if dir = path.Dir(dir); m.goMod(dir) == nil {
			continue
		}
		return &Error{
			ID: "go/no-module", Place: m.dir,
			Summary: fmt.Sprintf("%s is a part of the module in %s and no module of its own", m.dir, inSource(dir)),
			Hints: []string{
				fmt.Sprintf("build %s, with -e GO_INSTALL_PACKAGE_SPEC=./%s", inSource(dir), below(dir, m.dir)),
			},
		}
	}
	return nil
}

// goMod parses a module's go.mod; nil if there is none, or if it is malformed.
func (m member) goMod(dir string) *modfile.File {
	b, ok := m.read(path.Join(dir, "go.mod"))
	f, err := modfile.Parse("go.mod", b, nil)
	if !ok || err != nil {
		return nil
	}
	return f
}

// replacements returns the directories of the source that replace lines in a file in dir name, by the path of
// the module that each replaces.
func (m member) replacements(dir string, lines []*modfile.Replace) map[string]string {
	dirs := map[string]string{}
	for _, r := range lines {
		to := inTree(path.Join(dir, r.New.Path))
		if r.New.Version == "" && !path.IsAbs(r.New.Path) && to != "" && m.is(to, true) {
			dirs[r.Old.Path] = to
		}
	}
	return dirs
}

// goWorkspace is a go.work and the modules that it knows in the source.
type goWorkspace struct {
	dir     string
	members []string
	modules map[string]string // directories by module: members, and what replaces others
}

// goWork returns the nearest go.work above, nil if there is none, or if the app is not in it.
func (m member) goWork() *goWorkspace {
	for dir := m.dir; dir != "."; {
		dir = path.Dir(dir)
		b, ok := m.read(path.Join(dir, "go.work"))
		f, err := modfile.ParseWork("go.work", b, nil)
		if !ok || err != nil {
			continue
		}
		w := &goWorkspace{dir: dir, modules: m.replacements(dir, f.Replace)}
		for _, use := range f.Use[:min(len(f.Use), maxGoMembers)] {
			if to := inTree(path.Join(dir, use.Path)); to != "" && !path.IsAbs(use.Path) {
				w.members = append(w.members, to)
			}
		}
		if !slices.Contains(w.members, m.dir) {
			return nil
		}
		for _, at := range w.members {
			if mod := m.goMod(at); mod != nil && mod.Module != nil {
				maps.Copy(w.modules, m.replacements(at, mod.Replace))
			}
		}
		for _, at := range w.members { // a member counts before what replaces it
			if mod := m.goMod(at); mod != nil && mod.Module != nil {
				w.modules[mod.Module.Mod.Path] = at
			}
		}
		return w
	}
	return nil
}

// joined takes of a workspace what the app requires, modules required by those included. Of the other members
// the go command needs the go.mod. It does nothing if the app requires no module of the workspace, and so can
// be built without it.
func (m member) joined(w *goWorkspace, app *modfile.File) {
	used := map[string]bool{}
	for queue := []*modfile.File{app}; len(queue) > 0; queue = queue[1:] {
		for _, r := range queue[0].Require {
			dir := w.modules[r.Mod.Path]
			if dir == "" || used[dir] {
				continue
			}
			used[dir] = true
			if f := m.goMod(dir); f != nil {
				queue = append(queue, f)
			}
		}
	}
	delete(used, m.dir)
	if len(used) == 0 {
		return
	}
	m.within(w.dir)
	m.use.Workspace = true
	for _, dir := range slices.Sorted(maps.Keys(used)) {
		if m.outside(".", dir) != "" {
			m.uses(dir)
		}
	}
	if vendor := path.Join(w.dir, "vendor"); m.is(path.Join(vendor, "modules.txt"), false) {
		m.uses(vendor)
	}
	for _, dir := range slices.Concat(w.members, slices.Sorted(maps.Values(w.modules))) {
		if !used[dir] && dir != m.dir {
			m.goModOnly(dir, slices.Contains(w.members, dir))
		}
	}
}

// goModOnly takes go.mod and go.sum of a module that is not used.
func (m member) goModOnly(dir string, member bool) {
	var files []string
	for _, name := range []string{"go.mod", "go.sum"} {
		if m.is(path.Join(dir, name), false) {
			files = append(files, name)
		}
	}
	if slices.Contains(m.use.Except, dir) {
		return
	}
	m.leavesOut(dir, files...)
	if member {
		m.use.Others++
	}
}
