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

// argument returns the expression in a call of lazyregexp.New or diagnosis.NewPattern, as far as it
// consists of literals.
func argument(n ast.Node) (string, bool) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return "", false
	}
	name := ""
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		if pkg, ok := f.X.(*ast.Ident); ok {
			name = pkg.Name + "." + f.Sel.Name
		}
	case *ast.Ident:
		name = f.Name
	}
	switch {
	case name == "lazyregexp.New" && len(call.Args) == 1:
		return literal(call.Args[0])
	case strings.HasSuffix(name, "NewPattern") && len(call.Args) > 1:
		return literal(call.Args[1])
	}
	return "", false
}

// literal returns the value of a string literal, or of several that are joined by +.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		left, ok := literal(e.X)
		right, ok2 := literal(e.Y)
		return left + right, ok && ok2
	}
	return "", false
}

func TestRegexp(t *testing.T) {
	r := lazyregexp.New(`a(b+)`)
	if r.String() != `a(b+)` || !r.MatchString("xabb") || r.FindStringSubmatch("xabb")[1] != "bb" ||
		r.ReplaceAllString("ab", "$1") != "b" {
		t.Error("the methods are not those of the expression")
	}
}
