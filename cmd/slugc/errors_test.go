package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"slugc/buildpacks"
)

// rooms are what an error's id can begin with.
const rooms = "blobstore|build|buildpack|cache|clojure|coordinator|descriptor|detect|disk|export|follow|go|" +
	"launch|node|procfile|push|release|ruby|run|slug|slugc|source|system|toolchain|usage"

var (
	idForm   = regexp.MustCompile(`^(?:` + rooms + `)/[a-z0-9]+(?:-[a-z0-9]+)*$`)
	idInText = regexp.MustCompile(`\b(?:` + rooms + `)/[a-z0-9]+(?:-[a-z0-9]+)*\b`)
	// notIDs are literals of an id's form: buildpacks' names and paths.
	notIDs = []string{
		"slugc/ruby",
		"slugc/node",
		"slugc/go",
		"slugc/clojure",
		"cache/vcs",
		"cache/lock",
		"clojure/inspector",
	}
	// onlyOf holds endings of ids that these languages alone can give.
	onlyOf = map[string][]string{"/java-version-invalid": {"ruby", "clojure"}}
	// languages stand for what the source only says with a variable.
	languages = languageNames()
)

func languageNames() (names []string) {
	for _, l := range buildpacks.Languages {
		names = append(names, string(l.Name))
	}
	return names
}

// TestEveryErrorIsShown requires every id of an error to occur in a golden file or a test, where
// its text is held.
func TestEveryErrorIsShown(t *testing.T) {
	shown := shownIDs(t)
	ids := sourceIDs(t)
	if len(ids) < 150 {
		t.Errorf("only %d ids are found in the source", len(ids))
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if !shown[id] {
			t.Errorf("%s: no test or golden file shows %s", ids[id], id)
		}
	}
}

// walk calls do for every file of the house's rooms.
func walk(t *testing.T, do func(path string)) {
	t.Helper()
	for _, room := range []string{"compiler", "detect", "buildpacks", "cmd", "cache", "fixtures"} {
		err := filepath.WalkDir(filepath.Join("../..", room), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				do(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// shownIDs are the ids in golden files and wanted results, and those that tests want; this file
// apart.
func shownIDs(t *testing.T) map[string]bool {
	shown := map[string]bool{}
	walk(t, func(path string) {
		if !strings.Contains(path, "/testdata/") && filepath.Base(path) != "want.json" {
			return
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range idInText.FindAllString(string(data), -1) {
			shown[id] = true
		}
	})
	tests := parse(t, func(path string) bool {
		return strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, "slugc/errors_test.go")
	})
	tests.literals(func(text string, _ token.Pos) {
		for _, id := range idInText.FindAllString(text, -1) {
			shown[id] = true
		}
	})
	constants := idConstants(t)
	tests.inspect(func(n ast.Node) {
		if name, ok := n.(*ast.Ident); ok && constants[name.Name] != "" {
			shown[constants[name.Name]] = true
		}
	})
	return shown
}

// idConstants are the constants whose value is an id, by name: release.ErrNotPending.
func idConstants(t *testing.T) map[string]string {
	ids := map[string]string{}
	parse(t, func(path string) bool { return !strings.HasSuffix(path, "_test.go") }).inspect(func(n ast.Node) {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
			for i, name := range spec.Names {
				if id := text(spec.Values[i]); idForm.MatchString(id) {
					ids[name.Name] = id
				}
			}
		}
	})
	return ids
}

// sources are parsed files, by directory.
type sources struct {
	set  *token.FileSet
	dirs map[string][]*ast.File
}

// parse parses the Go files of the house that want says.
func parse(t *testing.T, want func(path string) bool) sources {
	s := sources{token.NewFileSet(), map[string][]*ast.File{}}
	walk(t, func(path string) {
		if !strings.HasSuffix(path, ".go") || strings.Contains(path, "/testdata/") ||
			strings.Contains(path, "/fixtures/") ||
			!want(path) {
			return
		}
		f, err := parser.ParseFile(s.set, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		s.dirs[filepath.Dir(path)] = append(s.dirs[filepath.Dir(path)], f)
	})
	return s
}

// inspect calls do for every node.
func (s sources) inspect(do func(ast.Node)) {
	for _, files := range s.dirs {
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool { do(n); return true })
		}
	}
}

// literals calls do for every string literal but imports', and for every id that a function puts
// together from a room and its argument.
func (s sources) literals(do func(text string, at token.Pos)) {
	for _, files := range s.dirs {
		makers := map[string]maker{}
		for _, f := range files {
			findMakers(f, makers)
		}
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ImportSpec:
					return false
				case *ast.BasicLit:
					do(text(n), n.Pos())
				case *ast.CallExpr:
					if name, ok := n.Fun.(*ast.Ident); ok {
						if m, ok := makers[name.Name]; ok && m.arg < len(n.Args) && text(n.Args[m.arg]) != "" {
							do(m.room+text(n.Args[m.arg]), n.Pos())
						}
					}
				}
				return true
			})
		}
	}
}

// sourceIDs are the ids in the source, each with a place: string literals of their form wherever
// they stand, and those put together from a room and a word.
func sourceIDs(t *testing.T) map[string]string {
	ids := map[string]string{}
	s := parse(t, func(path string) bool { return !strings.HasSuffix(path, "_test.go") })
	add := func(id string, at token.Pos) {
		if idForm.MatchString(id) && !slices.Contains(notIDs, id) {
			ids[id] = strings.TrimPrefix(s.set.Position(at).String(), "../../")
		}
	}
	s.literals(add)
	all := slices.Concat(slices.Collect(maps.Values(s.dirs))...)
	for _, f := range all {
		for _, joined := range suffixes(f) {
			for _, language := range usersOf(joined, f, all) {
				if only, ok := onlyOf[text(joined.Y)]; ok && !slices.Contains(only, language) {
					continue
				}
				add(language+text(joined.Y), joined.Pos())
			}
		}
	}
	return ids
}

// text is the value of a string literal, else "".
func text(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		s, _ := strconv.Unquote(lit.Value)
		return s
	}
	return ""
}

// maker is a function that puts a room before one of its arguments.
type maker struct {
	room string // with the slash
	arg  int
}

// findMakers finds functions that hold `"room/" + parameter`.
func findMakers(f *ast.File, makers map[string]maker) {
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			sum, ok := n.(*ast.BinaryExpr)
			if !ok || sum.Op != token.ADD || !idForm.MatchString(text(sum.X)+"x") {
				return true
			}
			if name, ok := sum.Y.(*ast.Ident); ok {
				if i := parameter(fn, name.Name); i >= 0 && strings.HasSuffix(text(sum.X), "/") {
					makers[fn.Name.Name] = maker{text(sum.X), i}
				}
			}
			return true
		})
	}
}

// parameter is the index of a function's parameter, -1 if it has none of that name.
func parameter(fn *ast.FuncDecl, name string) int {
	i := 0
	for _, field := range fn.Type.Params.List {
		for _, n := range field.Names {
			if n.Name == name {
				return i
			}
			i++
		}
	}
	return -1
}

var suffixForm = regexp.MustCompile(`^/[a-z0-9]+(-[a-z0-9]+)*$`)

// suffixes finds `ID: language + "/words"`.
func suffixes(f *ast.File) (found []*ast.BinaryExpr) {
	ast.Inspect(f, func(n ast.Node) bool {
		if kv, ok := n.(*ast.KeyValueExpr); ok {
			key, named := kv.Key.(*ast.Ident)
			sum, joined := kv.Value.(*ast.BinaryExpr)
			if named && joined && key.Name == "ID" && suffixForm.MatchString(text(sum.Y)) {
				found = append(found, sum)
			}
		}
		return true
	})
	return found
}

// usersOf are the languages that joined.X stands for: the arguments of all calls of the function
// whose parameter it is, else all languages.
func usersOf(joined *ast.BinaryExpr, f *ast.File, all []*ast.File) (users []string) {
	name, ok := joined.X.(*ast.Ident)
	if !ok {
		return languages
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Pos() > joined.Pos() || fn.End() < joined.End() || parameter(fn, name.Name) < 0 {
			continue
		}
		for _, other := range all {
			ast.Inspect(other, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) <= parameter(fn, name.Name) {
					return true
				}
				if called, ok := call.Fun.(*ast.SelectorExpr); ok && called.Sel.Name == fn.Name.Name {
					if language := text(call.Args[parameter(fn, name.Name)]); language != "" {
						users = append(users, language)
					}
				}
				return true
			})
		}
		return users
	}
	return languages
}
