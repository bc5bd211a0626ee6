package detect

import (
	"fmt"
	"path"
	"strings"

	"slugc/detect/gemlock"
	"slugc/detect/sexpr"
)

// member is an app in a directory of a source, and what it uses of the source around it.
type member struct {
	read func(name string) ([]byte, bool)
	dir  string
}

// Member returns an error if the app in the directory dir of a source cannot be built alone, because
// it is a member of a workspace around it or uses directories beside it; its Hints say how to build
// it. read returns a file of the source, and false if there is none. Without this check a package
// manager would ask the public registry for the workspace's own packages, and whoever registers the
// name there would get into the build.
func Member(read func(name string) ([]byte, bool), dir string) error {
	m := member{read, dir}
	for _, check := range []func() *Error{m.node, m.golang, m.ruby, m.clojure} {
		if err := check(); err != nil {
			return err.cleaned()
		}
	}
	return nil
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

// ruby refuses locked gems at paths outside of the app.
func (m member) ruby() *Error {
	for _, file := range []string{"Gemfile.lock", "gems.locked"} {
		b, ok := m.read(path.Join(m.dir, file))
		lock, err := gemlock.Parse(b)
		if !ok || err != nil {
			continue
		}
		for _, source := range lock.Sources {
			for _, remote := range source.Remotes {
				to := m.outside(m.dir, remote)
				if source.Kind != "PATH" || to == "" {
					continue
				}
				gem := "a gem"
				if len(source.Specs) > 0 {
					gem = "the gem " + source.Specs[0].Name
				}
				return m.refuse(
					file,
					fmt.Sprintf("has %s in %s", gem, inSource(to)),
					fmt.Sprintf("build the repository's root, "+
						"with a Gemfile there that has the gem's path as %q", to),
					"or move that directory below "+m.dir,
				)
			}
		}
	}
	return nil
}

// clojure refuses a :local/root outside of the app.
func (m member) clojure() *Error {
	b, ok := m.read(path.Join(m.dir, "deps.edn"))
	nodes, err := sexpr.Parse(b)
	if !ok || err != nil {
		return nil
	}
	for len(nodes) > 0 {
		n := nodes[0]
		nodes = append(nodes[1:], n.Items...)
		root := n.Get(":local/root", 0)
		if n.Kind != sexpr.Map || root == nil || root.Kind != sexpr.String {
			continue
		}
		if to := m.outside(m.dir, root.Text); to != "" {
			return m.refuse(fmt.Sprintf("deps.edn:%d", root.Line), fmt.Sprintf(
				"has :local/root %q, which is %s",
				root.Text,
				inSource(to),
			), fmt.Sprintf("build the repository's root, with a deps.edn there "+
				"that has %q and %q as :local/root", m.dir, to), "or move that directory below "+m.dir)
		}
	}
	return nil
}
