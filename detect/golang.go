package detect

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// ForGo detects a Go app: a go.mod or go.work at the root. Broken module files are an [*Error], and
// so are, as weak signs, files of a dependency tool that Go modules replaced and Go files without a
// module. Result.App is a [*GoApp].
func ForGo(in Input) (Result, error) {
	return newScan(in, Go).run((*scan).forGo)
}

func (s *scan) forGo() (Result, error) {
	hasMod, hasWork := s.isFile("go.mod"), s.isFile("go.work")
	if !hasMod && !hasWork {
		if err := s.missingModule(); err != nil {
			return s.fail(err)
		}
		s.reasonAgainst("go.mod", "no go.mod and no go.work")
		return s.Result, nil
	}
	app, err := s.golang(hasMod, hasWork)
	if err != nil {
		return s.fail(err)
	}
	s.Pass, s.App = true, app
	return s.Result, nil
}

func (s *scan) golang(hasMod, hasWork bool) (*GoApp, error) {
	app := &GoApp{Workspace: hasWork}
	m := goModules{s: s, app: app}
	if hasMod {
		s.reasonFor("go.mod", "found go.mod")
		if err := m.readMod("go.mod"); err != nil {
			return nil, err
		}
	}
	if hasMod && !hasWork {
		if err := m.readAround(); err != nil {
			return nil, err
		}
	}
	if hasWork {
		s.reasonFor("go.work", "found go.work")
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
	work := path.Dir(app.Around) // "." without one
	app.Vendored = s.isFile(path.Join(work, "vendor/modules.txt"))
	app.HasSum = s.isFile("go.sum") || s.isFile(path.Join(work, "go.work.sum"))
	req, err := m.requirement()
	if err != nil {
		return nil, err
	}
	s.Requires = []Requirement{req}
	app.Web = app.HasRequires || s.importsHTTP()
	return app, nil
}

// importsHTTP reports whether a file of the root package, or of one below cmd, imports net/http.
func (s *scan) importsHTTP() bool {
	files := s.walk("cmd")
	entries, _ := s.list(".")
	for _, e := range entries {
		files = append(files, e.Name())
	}
	return slices.ContainsFunc(files, func(name string) bool {
		if path.Ext(name) != ".go" {
			return false
		}
		b, ok := s.readUpTo(name, maxImports)
		return ok && bytes.Contains(b, []byte(`"net/http"`))
	})
}

// maxImports bounds what is read of a Go file for its imports, in bytes.
const maxImports = 64 << 10

// legacyTools are the manifests of dependency tools that came before Go modules.
var legacyTools = []struct{ file, tool string }{
	{"Gopkg.lock", "dep"},
	{"Gopkg.toml", "dep"},
	{"Godeps/Godeps.json", "godep"},
	{"vendor/vendor.json", "govendor"},
	{"glide.yaml", "glide"},
}

const modInitHint = "run `go mod init ‹module path›` and `go mod tidy`, then commit go.mod and go.sum"

// missingModule reports a tree of Go files that is not a module; it returns nil if there are no Go
// files.
func (s *scan) missingModule() error {
	for _, l := range legacyTools {
		if s.isFile(l.file) {
			return s.legacyTool(l.file, l.tool)
		}
	}
	entries, _ := s.list(".")
	if file := firstGoFile(entries); file != "" {
		s.reasonFor(file, "found %s", file)
		return &Error{
			ID: "go/no-module", Place: file, Weak: true,
			Summary: fmt.Sprintf("There is %s but no go.mod", file),
			Hints:   []string{modInitHint},
		}
	}
	for _, other := range []string{"package.json", "Gemfile", "project.clj", "deps.edn"} {
		if s.names[other] {
			return nil // a Go file below src is no app, and src may be large
		}
	}
	for _, file := range s.walk("src") {
		if strings.HasSuffix(file, ".go") && strings.Count(file, "/") > 1 {
			return s.legacyTool(file, "gb")
		}
	}
	return nil
}

func (s *scan) legacyTool(file, tool string) *Error {
	s.reasonFor(file, "found %s", file)
	return &Error{
		ID: "go/legacy-dependency-tool", Place: file, Weak: true,
		Summary: fmt.Sprintf("%s belongs to %s, and Go apps are built with modules", file, tool),
		Hints:   []string{modInitHint, "then run `git rm " + file + "`"},
	}
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
