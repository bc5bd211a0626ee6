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
	name string // of the binary, as `go install` names it: a path without its /v2, or without a slash
}

// shown returns the package as people see it.
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

// findMains lists the main packages. With -find the go command does not resolve their imports, and
// it skips packages that build constraints exclude.
func (b *work) findMains() error {
	patterns, namedBy := b.patterns()
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
	if namedBy == "" {
		b.leaveOutAsides()
	}
	if len(b.mains) == 0 {
		return noMains(patterns, namedBy, b.env.vars["CGO_ENABLED"] == "0")
	}
	return checkNames(b.mains)
}

// patterns returns the package patterns to compile and the setting that names them, "" for none.
func (b *work) patterns() (patterns []string, namedBy string) {
	if spec := strings.Fields(b.env.user["GO_INSTALL_PACKAGE_SPEC"]); len(spec) > 0 {
		return spec, "GO_INSTALL_PACKAGE_SPEC"
	}
	if len(b.app.Install) > 0 {
		return b.app.Install, "`+heroku install` in go.mod"
	}
	if !b.app.Workspace {
		return []string{"./..."}, ""
	}
	// At a go.work the pattern ./... covers only the root's own module, and fails where there is
	// none.
	for _, member := range b.app.Members {
		if strings.HasPrefix(member, "..") {
			continue // around a member: what the app uses
		}
		patterns = append(patterns, "./"+strings.TrimPrefix(filepath.ToSlash(filepath.Join(member, "...")), "./"))
	}
	return patterns, ""
}

// parseMains reads the go command's output in mainsFormat.
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
		if rel, err := filepath.Rel(b.Dir, fields[1]); err == nil && filepath.IsLocal(rel) {
			m.dir = filepath.ToSlash(rel)
		}
		mains = append(mains, m)
	}
	slices.SortFunc(mains, func(x, y mainPackage) int { return strings.Compare(x.path, y.path) })
	return slices.CompactFunc(mains, func(x, y mainPackage) bool { return x.path == y.path })
}

// noMains returns the diagnosis of an app without a main package.
func noMains(patterns []string, namedBy string, noC bool) error {
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
	if namedBy != "" {
		d.Summary = fmt.Sprintf("%s names %s, where there is no main package.", namedBy, strings.Join(patterns, " "))
		d.Hints = []string{"name packages with `package main`, such as ./cmd/web or ./cmd/..."}
	}
	return d
}

// checkNames refuses two packages whose binaries have the same name: the go command would silently
// keep one of them.
func checkNames(mains []mainPackage) error {
	seen := map[string]mainPackage{}
	for _, m := range mains {
		first, taken := seen[m.name]
		if !taken {
			seen[m.name] = m
			continue
		}
		return &diagnosis.Diagnosis{
			ID: "go/duplicate-binary",
			Summary: fmt.Sprintf("Two main packages make a binary called %q: %s and %s.",
				m.name, first.shown(), m.shown()),
			Place: m.dir,
			Hints: []string{
				"rename one of the directories",
				"or name the packages to compile in go.mod: `// +heroku install ./cmd/web ./cmd/worker`",
			},
		}
	}
	return nil
}
