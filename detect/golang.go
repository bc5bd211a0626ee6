package detect

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// ForGo detects a Go app: a go.mod or go.work at the root (spec languages.md 4.1). Broken module
// files, dependency tools that Go modules replaced, and Go files without a module are an [*Error];
// Result.App is a [*GoApp]. The last two are faint: a language that passes is chosen all the same.
func ForGo(in Input) (Result, error) {
	s := newScan(in, Go)
	hasMod, hasWork := s.isFile("go.mod"), s.isFile("go.work")
	if !hasMod && !hasWork {
		if err := s.withoutModule(); err != nil {
			return s.failed(err)
		}
		s.against("go.mod", "no go.mod and no go.work")
		return s.Result, nil
	}
	app, err := s.golang(hasMod, hasWork)
	if err != nil {
		return s.failed(err)
	}
	s.Pass, s.App = true, app
	return s.Result, nil
}

func (s *scan) golang(hasMod, hasWork bool) (*GoApp, error) {
	app := &GoApp{Workspace: hasWork}
	m := goModules{s: s, app: app}
	if hasMod {
		s.found("go.mod", "found go.mod")
		if err := m.readMod("go.mod"); err != nil {
			return nil, err
		}
	}
	if hasWork {
		s.found("go.work", "found go.work")
		if err := m.readWork(); err != nil {
			return nil, err
		}
	}
	if s.isFile("bin") {
		return nil, &Error{
			ID: "go/bin-is-a-file", Summary: "bin is a file where the built programs go", Place: "bin",
			Hints: []string{"rename the file; `git mv bin scripts` keeps its history"},
		}
	}
	app.Vendored = s.isFile("vendor/modules.txt")
	app.HasSum = s.isFile("go.sum") || s.isFile("go.work.sum")
	req, err := m.requirement()
	if err != nil {
		return nil, err
	}
	s.Requires = []Requirement{req}
	return app, nil
}

// legacyTools are the manifests of dependency tools that came before Go modules.
var legacyTools = []struct{ file, tool string }{
	{"Gopkg.lock",
		"dep"}, {"Gopkg.toml",
		"dep"}, {"Godeps/Godeps.json", "godep"}, {"vendor/vendor.json", "govendor"}, {"glide.yaml", "glide"},
}

// withoutModule says what a tree of Go files is missing; nil where there are no Go files.
func (s *scan) withoutModule() error {
	legacy := func(file, tool string) *Error {
		s.found(file, "found %s", file)
		return &Error{
			ID: "go/legacy-dependency-tool", Summary: fmt.Sprintf("%s is %s's, and Go apps are built with modules",
				file, tool), Place: file, Faint: true,
			Hints: []string{"run `go mod init ‹module path›` and `go mod tidy`, then commit go.mod and go.sum",
				"run `git rm " + file + "` when go.mod is there"},
		}
	}
	for _, l := range legacyTools {
		if s.isFile(l.file) {
			return legacy(l.file, l.tool)
		}
	}
	entries, _ := s.list(".")
	if file := firstGoFile(entries); file != "" {
		s.found(file, "found %s", file)
		return &Error{
			ID: "go/no-module", Summary: fmt.Sprintf("%s is there, but no go.mod", file), Place: file, Faint: true,
			Hints: []string{"run `go mod init ‹module path›` and `go mod tidy`, then commit go.mod and go.sum"},
		}
	}
	for _, file := range s.walk("src") {
		if strings.HasSuffix(file, ".go") && strings.Count(file, "/") > 1 && !s.names["package.json"] {
			return legacy(file, "gb")
		}
	}
	return nil
}

func firstGoFile(entries []fs.DirEntry) string {
	for _, e := range entries {
		if e.Type().IsRegular() && path.Ext(e.Name()) == ".go" && !strings.HasPrefix(e.Name(), ".") &&
			!strings.HasPrefix(e.Name(), "_") {
			return e.Name()
		}
	}
	return ""
}
