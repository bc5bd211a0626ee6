package detect

import (
	"fmt"
	"path"
	"slices"

	"golang.org/x/mod/modfile"
)

// golang refuses a module with a replacement outside of its directory, and one that a go.work above
// joins with modules that it requires. Vendored modules need neither.
func (m member) golang() *Error {
	b, ok := m.read(path.Join(m.dir, "go.mod"))
	f, err := modfile.Parse("go.mod", b, nil)
	if !ok || err != nil {
		return nil
	}
	if _, vendored := m.read(path.Join(m.dir, "vendor/modules.txt")); vendored {
		return nil
	}
	replaced := map[string]bool{}
	for _, r := range f.Replace {
		replaced[r.Old.Path] = true
		if to := m.outside(m.dir, r.New.Path); r.New.Version == "" && to != "" {
			file := fmt.Sprintf("go.mod:%d", r.Syntax.Start.Line)
			return m.refuse(file, fmt.Sprintf("replaces %s by %s, which is %s", r.Old.Path, r.New.Path, inSource(to)),
				m.goHints(to)...)
		}
	}
	for _, r := range f.Require {
		if replaced[r.Mod.Path] {
			continue
		}
		if work, to := m.joined(r.Mod.Path); to != "" {
			file := fmt.Sprintf("go.mod:%d", r.Syntax.Start.Line)
			return m.refuse(
				file,
				fmt.Sprintf("requires %s, which %s has in %s", r.Mod.Path, work, inSource(to)),
				m.goHints(to)...)
		}
	}
	return nil
}

// goHints say how to build a module together with another.
func (m member) goHints(other string) []string {
	return []string{
		fmt.Sprintf("build the repository's root: commit a go.work there "+
			"(`go work init ./%s %s`), and choose the program with -e GO_INSTALL_PACKAGE_SPEC=./%s",
			m.dir, relative(other), m.dir),
		fmt.Sprintf("or commit the modules' code in %s, with `go mod vendor`", m.dir),
	}
}

// relative writes a directory as the go command wants it.
func relative(dir string) string {
	if dir == "." {
		return dir
	}
	return "./" + dir
}

// joined returns the go.work above that has the app and, in another directory, a module. to is ""
// without one.
func (m member) joined(module string) (work, to string) {
	for dir := m.dir; dir != "."; {
		dir = path.Dir(dir)
		work = path.Join(dir, "go.work")
		b, ok := m.read(work)
		f, err := modfile.ParseWork(work, b, nil)
		if !ok || err != nil {
			continue
		}
		if !slices.ContainsFunc(f.Use, func(u *modfile.Use) bool { return path.Join(dir, u.Path) == m.dir }) {
			return "", ""
		}
		for _, use := range f.Use[:min(len(f.Use), maxGoMembers)] {
			to := m.outside(dir, use.Path)
			if to == "" {
				continue
			}
			if b, ok := m.read(path.Join(to, "go.mod")); ok && modfile.ModulePath(b) == module {
				return work, to
			}
		}
		return "", ""
	}
	return "", ""
}
