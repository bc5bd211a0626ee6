package golang

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/diagnosis"
)

// mainPackage is a package to compile.
type mainPackage struct {
	path string // import path
	dir  string // slash-separated, relative to the app's root; "." is the root itself, "" lies outside
	name string // of the binary, as `go install` would name it: /v2 modules and paths without a slash included
}

// shown is the package for people.
func (m mainPackage) shown() string {
	switch m.dir {
	case "":
		return m.path
	case ".":
		return "."
	}
	return "./" + m.dir
}

const mainsFormat = `{{if eq .Name "main"}}{{.ImportPath}}{{"\t"}}{{.Dir}}{{"\t"}}{{.Target}}{{end}}`

// findMains lists the main packages. -find keeps the go command from resolving what they import,
// and it skips packages that build constraints exclude.
func (b *work) findMains() error {
	patterns, asked := b.patterns()
	flags, err := b.tagsAndLinker(b.flags)
	if err != nil {
		return err
	}
	argv := slices.Concat([]string{"list", "-find", flags[0], "-f", mainsFormat, "--"}, patterns)
	out, err := b.goCommand(argv...)
	if err != nil {
		return err
	}
	b.mains = b.parseMains(string(out))
	if len(b.mains) == 0 {
		return noMains(patterns, asked, b.env.vars["CGO_ENABLED"] == "0")
	}
	return duplicates(b.mains)
}

// patterns returns the package patterns to compile and, where the app's owner gave them, who says
// so.
func (b *work) patterns() (patterns []string, asked string) {
	if spec := strings.Fields(b.env.user["GO_INSTALL_PACKAGE_SPEC"]); len(spec) > 0 {
		return spec, "GO_INSTALL_PACKAGE_SPEC"
	}
	if len(b.app.Install) > 0 {
		return b.app.Install, "`+heroku install` in go.mod"
	}
	if !b.app.Workspace {
		return []string{"./..."}, ""
	}
	// At a go.work the pattern ./... covers the root's own module only, and fails where there is
	// none.
	for _, member := range b.app.Members {
		patterns = append(patterns, "./"+strings.TrimPrefix(filepath.ToSlash(filepath.Join(member, "...")), "./"))
	}
	return patterns, ""
}

func (b *work) parseMains(out string) []mainPackage {
	var mains []mainPackage
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(fields) != 3 {
			continue
		}
		m := mainPackage{path: fields[0], name: filepath.Base(fields[2])}
		if fields[2] == "" {
			m.name = filepath.Base(fields[0])
		}
		if rel, err := filepath.Rel(b.dir, fields[1]); err == nil && filepath.IsLocal(rel) {
			m.dir = filepath.ToSlash(rel)
		}
		mains = append(mains, m)
	}
	slices.SortFunc(mains, func(x, y mainPackage) int { return strings.Compare(x.path, y.path) })
	return slices.CompactFunc(mains, func(x, y mainPackage) bool { return x.path == y.path })
}

func noMains(patterns []string, asked string, noC bool) error {
	d := &diagnosis.Diagnosis{
		ID:      "go/no-main",
		Summary: "There is no main package to compile in this app.",
		Hints: []string{
			"add a file with `package main` and `func main()`, at the root or under cmd/‹name›",
			"a file with a `//go:build` line is left out when its condition does not hold",
		},
	}
	if noC {
		d.Hints = append(d.Hints, "a package that uses cgo is left out where CGO_ENABLED=0 or no C compiler is found")
	}
	if asked != "" {
		d.Summary = fmt.Sprintf("%s names %s, where there is no main package.", asked, strings.Join(patterns, " "))
		d.Hints = []string{"name packages that hold `package main`, such as ./cmd/web or ./cmd/..."}
	}
	return d
}

// duplicates refuses two packages that make binaries of one name: the go command would silently
// keep one of them.
func duplicates(mains []mainPackage) error {
	seen := map[string]mainPackage{}
	for _, m := range mains {
		first, taken := seen[m.name]
		if !taken {
			seen[m.name] = m
			continue
		}
		return &diagnosis.Diagnosis{
			ID: "go/duplicate-binary",
			Summary: fmt.Sprintf(
				"Two main packages make a binary called %q: %s and %s.",
				m.name,
				first.shown(),
				m.shown(),
			),
			Place: m.dir,
			Hints: []string{
				"rename one of the directories",
				"or name the packages to compile in go.mod: `// +heroku install ./cmd/web ./cmd/worker`",
			},
		}
	}
	return nil
}
