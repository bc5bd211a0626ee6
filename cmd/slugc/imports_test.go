package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"slugc/buildpacks"
)

type pkg struct {
	ImportPath, Dir string
	GoFiles         []string
	Imports         []string
}

// floors holds the house's four floors and the ranks of the rooms in compiler/. An import must lead
// to a lower rank, or stay in one folder.
var floors = map[string]int{
	"cmd":             60,
	"compiler/follow": 51, "compiler/push": 51,
	"compiler":        50,
	"compiler/deploy": 43, "compiler/upkeep": 43, "compiler/artifact": 42,
	"compiler/launch/export": 41, "compiler/artifact/blobstore": 41,
	"compiler/launch": 40, "compiler/lifecycle": 40, "compiler/release": 40,
	"compiler/classic": 34, "compiler/program": 33,
	"compiler/slug": 32, "compiler/source": 32, "compiler/sandbox": 32, "compiler/coordinator": 32,
	"compiler/procfile": 31, "compiler/abi": 31,
	"compiler/fault": 30, "compiler/report": 30,
	"buildpacks": 20, "buildpacks/reference": 15, "buildpacks/git": 11,
	"buildpacks/toolchain": 14,
	// The tools, of which none imports another.
	"buildpacks/toolchain/node": 13, "buildpacks/toolchain/golang": 13, "buildpacks/toolchain/ruby": 13,
	"buildpacks/toolchain/jdk": 13, "buildpacks/toolchain/clojure": 13,
	"buildpacks/toolchain/archive": 12, "buildpacks/toolchain/apt": 12,
	"buildpacks/toolchain/source": 11, "buildpacks/toolchain/libraries": 11,
	"detect": 10, "cache": 10,
}

// exclusive says which packages alone may import a module.
var exclusive = map[string][]string{
	"go.etcd.io/etcd":                {"slugc/compiler/coordinator/etcd"},
	"go.etcd.io/bbolt":               {"slugc/compiler/coordinator/local"},
	"github.com/minio/minio-go":      {"slugc/compiler/artifact/blobstore"},
	"github.com/google/go-container": {"slugc/compiler/artifact/blobstore", "slugc/buildpacks/reference"},
	"github.com/buildpacks/libcnb":   {"slugc/buildpacks", "slugc/compiler/lifecycle"},
	"github.com/mholt/archiver":      {"slugc/cache/unpack"},
	"github.com/spf13/cobra":         {"slugc/cmd"},
	"github.com/landlock-lsm":        {"slugc/compiler/sandbox"},
	"github.com/klauspost/compress/": {
		"slugc/buildpacks",
		"slugc/compiler/slug", "slugc/cache/unpack", "slugc/buildpacks/toolchain/golang",
	},
}

// TestImports holds the house's import rule.
func TestImports(t *testing.T) {
	archiver := 0
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, "slugc/")
		for _, imported := range p.Imports {
			if to, ours := strings.CutPrefix(imported, "slugc/"); ours {
				if !mayImport(from, to) {
					t.Errorf("%s imports %s: against the import rule", from, to)
				}
				if forTests(to) && !forTests(from) {
					t.Errorf("%s imports %s, which only tests may", from, to)
				}
			}
			for module, allowed := range exclusive {
				if strings.HasPrefix(imported, module) &&
					!slices.ContainsFunc(allowed, func(a string) bool { return within(p.ImportPath, a) }) {
					t.Errorf("%s imports %s, which only %s may", from, imported, strings.Join(allowed, ", "))
				}
			}
		}
		for _, file := range p.GoFiles {
			archiver += count(t, filepath.Join(p.Dir, file), from)
		}
	}
	if archiver != 1 {
		t.Errorf("%d files import archiver, want one", archiver)
	}
}

func packages(t *testing.T) (list []pkg) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", "slugc/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func within(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

// room is the longest entry of floors that the package is in.
func room(path string) (best string) {
	for folder := range floors {
		if within(path, folder) && len(folder) > len(best) {
			best = folder
		}
	}
	return best
}

func mayImport(from, to string) bool {
	a, b := room(from), room(to)
	if a == "" || b == "" {
		return false
	}
	if a != b {
		return floors[a] > floors[b]
	}
	// A language imports no other, and what the languages share imports none of them: only the list
	// of the built-in buildpacks knows them all.
	if from != "buildpacks" && language(to) != "" {
		return language(from) == language(to)
	}
	return true
}

// forTests reports whether a package exists for tests only: testkit, coordinatortest, rubytest …
func forTests(path string) bool {
	name := path[strings.LastIndexByte(path, '/')+1:]
	return name == "testkit" || strings.HasSuffix(name, "test")
}

// language is the folder of the language that a package belongs to, "" if to none.
func language(folder string) string {
	for _, l := range buildpacks.Languages {
		build := runtime.FuncForPC(reflect.ValueOf(l.Build).Pointer()).Name() // slugc/buildpacks/ruby.Build
		home := strings.TrimSuffix(strings.TrimPrefix(build, "slugc/"), ".Build")
		if within(folder, home) {
			return home
		}
	}
	return ""
}

// count checks what a file may use of the process, and returns 1 if it imports archiver.
func count(t *testing.T, file, from string) (archiver int) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range f.Imports {
		if strings.Contains(i.Path.Value, "mholt/archiver") {
			archiver = 1
		}
	}
	// A buildpack's own process, and the sandbox's helper process, are mains of their own.
	own := within(from, "cmd") || forTests(from) ||
		within(from, "buildpacks") && (language(from) != "" || filepath.Base(file) == "main.go") ||
		within(from, "compiler/sandbox")
	if own {
		return archiver
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Obj == nil && forbidden(x.Name, s.Sel.Name) {
				t.Errorf(
					"%s uses %s.%s: only cmd/slugc reads the environment, prints or exits",
					file,
					x.Name,
					s.Sel.Name,
				)
			}
		}
		return true
	})
	return archiver
}

func forbidden(pkg, name string) bool {
	switch pkg {
	case "os":
		return slices.Contains(
			[]string{
				"Getenv",
				"LookupEnv",
				"Environ",
				"ExpandEnv",
				"Getwd",
				"Args",
				"Exit",
				"Stdout",
				"Stderr",
				"Stdin",
				"UserHomeDir",
				"UserCacheDir",
			},
			name,
		)
	case "fmt":
		return strings.HasPrefix(name, "Print")
	case "log":
		return true
	}
	return false
}
