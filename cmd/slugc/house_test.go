package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// What every Go file of the house keeps to.
const (
	maxColumns       = 120 // of a line
	tabWidth         = 4
	maxFileLines     = 400
	maxFunctionLines = 60
)

// goFile is one Go file of the house. Those of fixtures are apps and not the house's.
type goFile struct {
	path   string // from the top of the repository
	text   string
	set    *token.FileSet
	syntax *ast.File
}

// goFiles reads the house's Go files, tests included.
func goFiles(t *testing.T) (files []goFile) {
	t.Helper()
	walk(t, func(path string) {
		name := strings.TrimPrefix(filepath.ToSlash(path), "../../")
		if !strings.HasSuffix(name, ".go") || strings.HasPrefix(name, "fixtures/") {
			return
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, name, data, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, goFile{name, string(data), set, syntax})
	})
	if len(files) < 400 {
		t.Errorf("only %d Go files are found", len(files))
	}
	return files
}

// TestSizes holds the length of lines, functions and files.
func TestSizes(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		number := 0
		for line := range strings.Lines(f.text) {
			number++
			line = strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", strings.Repeat(" ", tabWidth))
			if n := utf8.RuneCountInString(line); n > maxColumns {
				t.Errorf("%s:%d: the line has %d columns, at most %d are allowed", f.path, number, n, maxColumns)
			}
		}
		if number > maxFileLines {
			t.Errorf("%s: the file has %d lines, at most %d are allowed", f.path, number, maxFileLines)
		}
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				if n := f.lines(fn); n > maxFunctionLines {
					t.Errorf("%s: %s has %d lines, at most %d are allowed",
						f.set.Position(fn.Pos()), fn.Name.Name, n, maxFunctionLines)
				}
			}
		}
	}
}

// lines counts a function's lines. In a test, a table (a composite literal) counts as one line.
func (f goFile) lines(fn *ast.FuncDecl) int {
	span := func(n ast.Node) int { return f.set.Position(n.End()).Line - f.set.Position(n.Pos()).Line }
	total := span(fn) + 1
	if strings.HasSuffix(f.path, "_test.go") {
		ast.Inspect(fn, func(n ast.Node) bool {
			if table, ok := n.(*ast.CompositeLit); ok {
				total -= span(table)
				return false
			}
			return true
		})
	}
	return total
}

var markdownName = regexp.MustCompile(`[\w./-]*\w\.md\b`)

// TestCommentsNameNoAbsentPage requires that a Markdown file that a comment names is in the
// repository, under that path or, if only a name is given, under that name.
func TestCommentsNameNoAbsentPage(t *testing.T) {
	t.Parallel()
	pages := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			pages[strings.TrimPrefix(filepath.ToSlash(path), "../../")], pages[d.Name()] = true, true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range goFiles(t) {
		for _, group := range f.syntax.Comments {
			for _, name := range markdownName.FindAllString(group.Text(), -1) {
				if !pages[name] {
					t.Errorf("%s: a comment names %s, which is not in this repository",
						f.set.Position(group.Pos()), name)
				}
			}
		}
	}
}
