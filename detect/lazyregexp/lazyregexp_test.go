package lazyregexp_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"slugc/detect/lazyregexp"
)

// TestAllCompile compiles every expression that slugc holds.
func TestAllCompile(t *testing.T) {
	found := 0
	for _, room := range []string{"cache", "cmd", "compiler", "buildpacks", "detect"} {
		err := filepath.WalkDir(filepath.Join("../..", room), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.Contains(path, "testdata") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				expression, ok := argument(n)
				if !ok {
					return true
				}
				if _, err := regexp.Compile(expression); err != nil {
					t.Errorf("%s: %v", path, err)
				}
				found++
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 50 {
		t.Errorf("found only %d expressions", found)
	}
}

// argument returns the literal argument of a call of lazyregexp.New.
func argument(n ast.Node) (string, bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return "", false
	}
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || f.Sel.Name != "New" {
		return "", false
	}
	if pkg, ok := f.X.(*ast.Ident); !ok || pkg.Name != "lazyregexp" {
		return "", false
	}
	literal, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return "", false
	}
	expression, err := strconv.Unquote(literal.Value)
	return expression, err == nil
}

func TestRegexp(t *testing.T) {
	r := lazyregexp.New(`a(b+)`)
	if r.String() != `a(b+)` || !r.MatchString("xabb") || r.FindStringSubmatch("xabb")[1] != "bb" ||
		r.ReplaceAllString("ab", "$1") != "b" {
		t.Error("the methods are not those of the expression")
	}
}
