package detect

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// member is an app in a directory of a source, and what it uses of the source around it.
type member struct {
	source fs.FS
	dir    string
	use    *Selection // grows as the languages find what is used
}

// Select finds out what a build of the app in the directory dir of a source needs of the source around it:
// a workspace's root and other members, modules, gems and libraries beside it. It returns nil if the app can be
// built alone. An [*Error] "detect/subdir-member" says why a member cannot be built; its Hints say what to
// do. Without this a package manager would ask the public registry for the workspace's own packages, and
// whoever registers the name there would get into the build.
//
// A language's part of it is a method of [member] that calls uses, usesFile, leavesOut and within.
func Select(source fs.FS, dir string) (*Selection, error) {
	m := member{source, dir, &Selection{Member: dir, Root: dir}}
	for _, look := range []func() *Error{m.node, m.golang, m.ruby, m.clojure} {
		if err := look(); err != nil {
			return nil, err.Cleaned()
		}
	}
	s := m.use
	if s.Root == dir && len(s.Dirs) == 0 && len(s.Files) == 0 {
		return nil, nil
	}
	m.uses(dir)
	for _, list := range []*[]string{&s.Dirs, &s.Files, &s.Except} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return s, nil
}

// uses takes a directory of the source whole.
func (m member) uses(dir string) {
	m.use.Dirs = append(m.use.Dirs, dir)
	m.within(dir)
}

// usesFile takes a file of the source.
func (m member) usesFile(name string) {
	m.use.Files = append(m.use.Files, name)
	m.within(path.Dir(name))
}

// leavesOut takes only these files of a directory, such as another member's package.json. The names are
// relative to the directory.
func (m member) leavesOut(dir string, but ...string) {
	m.use.Except = append(m.use.Except, dir)
	for _, name := range but {
		m.usesFile(path.Join(dir, name))
	}
	m.within(dir)
}

// within widens the root so that it holds a directory.
func (m member) within(dir string) {
	for !holds(m.use.Root, dir) {
		m.use.Root = path.Dir(m.use.Root)
	}
}

// maxAround bounds a file that is read of the source around an app, in bytes.
const maxAround = 4 << 20

// read returns a file of the source, and false if there is none or if it is larger than 4 MiB.
func (m member) read(name string) ([]byte, bool) {
	if !fs.ValidPath(name) {
		return nil, false
	}
	f, err := m.source.Open(name)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxAround {
		return nil, false
	}
	content, err := io.ReadAll(io.LimitReader(f, maxAround))
	return content, err == nil
}

// is reports whether the source has a file or directory.
func (m member) is(name string, dir bool) bool {
	if !fs.ValidPath(name) {
		return false
	}
	info, err := fs.Stat(m.source, name)
	return err == nil && (dir && info.IsDir() || !dir && info.Mode().IsRegular())
}

// outside returns the path, from the root of the source, that local leads to from the directory at; ""
// if that is in the app's directory or not in the source.
func (m member) outside(at, local string) string {
	to := inTree(path.Join(at, local))
	if path.IsAbs(local) || to == "" || to == m.dir || strings.HasPrefix(to, m.dir+"/") {
		return ""
	}
	return to
}

// inSource names a directory of the source, as a rule a repository.
func inSource(dir string) string {
	if dir == "." {
		return "the repository's root"
	}
	return dir
}

// refuse is the error for an app that uses something outside of its directory.
func (m member) refuse(file, uses string, hints ...string) *Error {
	place := path.Join(m.dir, file)
	return &Error{
		ID: "detect/subdir-member", Place: place, Hints: hints,
		Summary: fmt.Sprintf("%s %s, and a build of %s alone leaves that out", place, uses, m.dir),
	}
}
