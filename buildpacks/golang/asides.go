package golang

import (
	"regexp"
	"slices"
	"strings"

	"slugc/buildpacks/tree"
)

// asides are directories whose programs show how to use the app, or help to make it: those of the first list
// anywhere, those of the second at the app's root.
var (
	asides     = []string{"example", "examples", "testdata"}
	rootAsides = []string{"hack", "script", "scripts", "internal/tools"}
)

func isAside(dir string) bool {
	if slices.ContainsFunc(strings.Split(dir, "/"), func(name string) bool { return slices.Contains(asides, name) }) {
		return true
	}
	return slices.ContainsFunc(rootAsides, func(root string) bool { return strings.HasPrefix(dir+"/", root+"/") })
}

// leaveOutAsides leaves out the main packages in [asides], unless there are no others, or the Procfile or a
// hook speaks of them.
func (b *work) leaveOutAsides() {
	spoken := b.spokenOf()
	var kept []mainPackage
	var left []string
	for _, m := range b.mains {
		named := regexp.MustCompile(`(?:^|[^\w-])` + regexp.QuoteMeta(m.name) + `(?:[^\w-]|$)`)
		if isAside(m.dir) && !named.Match(spoken) {
			left = append(left, m.shown())
		} else {
			kept = append(kept, m)
		}
	}
	if len(kept) == 0 || len(left) == 0 {
		return
	}
	b.mains = kept
	b.Log.Detail("Not compiled: %s. `// +heroku install` in go.mod or GO_INSTALL_PACKAGE_SPEC names what is.",
		strings.Join(left, ", "))
}

// maxSpoken bounds a file that may speak of a program, in bytes.
const maxSpoken = 1 << 20

// spokenOf returns the texts of the app that start programs.
func (b *work) spokenOf() (text []byte) {
	for _, name := range []string{"Procfile", "bin/go-post-compile"} {
		data, err := tree.ReadIn(b.Dir, name, maxSpoken)
		if err == nil {
			text = append(append(text, data...), '\n')
		}
	}
	return text
}
