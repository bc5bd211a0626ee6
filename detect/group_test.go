package detect_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"slugc/detect"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// merged returns one tree of several; a later file replaces an earlier one of the same name.
func merged(trees ...files) files {
	f := files{}
	for _, tree := range trees {
		maps.Copy(f, tree)
	}
	return f
}

var (
	nodeTree    = files{"package.json": "{}"}
	goTree      = gomod("go 1.25")
	rubyTree    = gemfile("", lockOf("3.3.9", "rack 3.1.0"))
	clojureTree = lein(`:min-lein-version "2.0.0"`)
	brokenTree  = files{"package.json": "{"}
)

var groupRows = []struct {
	name  string
	files files
	env   env
	want  string // languages, an assisting Node marked with *; or the error's id
}{
	{"node", nodeTree, nil, "node"},
	{"go", goTree, nil, "go"},
	{"ruby", rubyTree, nil, "ruby"},
	{"clojure", clojureTree, nil, "clojure"},
	{"ruby with package.json", merged(rubyTree, nodeTree), nil, "node* ruby"},
	{"go with package.json", merged(goTree, nodeTree), nil, "node* go"},
	{"clojure with package.json", merged(clojureTree, nodeTree), nil, "node* clojure"},
	{"ruby before go before clojure", merged(rubyTree, goTree, clojureTree), nil, "ruby"},
	{"go before clojure", merged(goTree, clojureTree), nil, "go"},
	{"all", merged(rubyTree, goTree, clojureTree, nodeTree), nil, "node* ruby"},
	{"execjs", gemfile("", lockOf("3.3.9", "execjs 2.9.1")), nil, "node* ruby"},
	{"webpacker", gemfile("", lockOf("3.3.9", "webpacker 5.4.4")), nil, "node* ruby"},
	{"lein-npm", lein(`:min-lein-version "2.0.0" :plugins [[lein-npm "0.6.2"]]`), nil, "node* clojure"},
	{"shadow-cljs.edn", merged(clojureTree, files{"shadow-cljs.edn": "{}"}), nil, "node* clojure"},
	{"shadow-cljs dependency", files{"deps.edn": "{:aliases {:cljs {:extra-deps {thheller/shadow-cljs {}}}}}"}, nil,
		"node* clojure"},
	{"execjs and a broken .nvmrc", merged(gemfile("", lockOf("3.3.9", "execjs 2.9.1")), files{".nvmrc": "?"}), nil,
		"node/version-invalid"},
	{"broken package.json", brokenTree, nil, "node/package-json-invalid"},
	{"broken package.json beside ruby", merged(rubyTree, brokenTree), nil, "node/package-json-invalid"},
	{"broken ruby beside node", merged(nodeTree, files{"Gemfile": ""}), nil, "ruby/lockfile-missing"},
	{"broken clojure behind go", merged(goTree, files{"project.clj": "("}), nil, "go"},
	{"stray Go file beside node", merged(nodeTree, files{"tool.go": ""}), nil, "node"},
	{"stray Go file beside a broken package.json", merged(brokenTree, files{"tool.go": ""}), nil,
		"node/package-json-invalid"},
	{"stray Gopkg.lock beside clojure", merged(clojureTree, files{"Gopkg.lock": ""}), nil, "clojure"},
	{"Go files alone", files{"tool.go": ""}, nil, "go/no-module"},
	{"nothing", files{"README": ""}, nil, "no language was recognised in the app's directory"},
	{"empty", files{}, nil, "no language was recognised in the app's directory"},
	{"configured: node of all", merged(rubyTree, goTree, nodeTree), env{"SLUGC_BUILDPACK": "node"}, "node"},
	{"configured: ruby without node", merged(rubyTree, nodeTree), env{"SLUGC_BUILDPACK": " Ruby "}, "ruby"},
	{"configured: ruby,node", merged(rubyTree, nodeTree), env{"SLUGC_BUILDPACK": "ruby,node"}, "node* ruby"},
	{"configured: node,ruby", merged(rubyTree, nodeTree), env{"SLUGC_BUILDPACK": "node,ruby"}, "node* ruby"},
	{"configured: go, ruby, node", merged(rubyTree, goTree, nodeTree), env{"SLUGC_BUILDPACK": "go, ruby, node"},
		"node* ruby go"},
	{"configured: go before ruby", merged(rubyTree, goTree), env{"SLUGC_BUILDPACK": "go"}, "go"},
	{"configured: broken language not named", merged(goTree, files{"Gemfile": ""}), env{"SLUGC_BUILDPACK": "go"},
		"go"},
	{"configured: broken", merged(goTree, brokenTree), env{"SLUGC_BUILDPACK": "go,node"}, "node/package-json-invalid"},
	{"configured: weak", merged(nodeTree, files{"tool.go": ""}), env{"SLUGC_BUILDPACK": "go"}, "go/no-module"},
	{"configured: absent", nodeTree, env{"SLUGC_BUILDPACK": "ruby"}, "detect/buildpack-mismatch"},
	{"configured: unknown", nodeTree, env{"SLUGC_BUILDPACK": "php"}, "detect/buildpack-unknown"},
	{"configured: twice", nodeTree, env{"SLUGC_BUILDPACK": "node,node"}, "detect/buildpack-unknown"},
	{"configured: a comma", nodeTree, env{"SLUGC_BUILDPACK": ","}, "detect/buildpack-unknown"},
}

func TestGroup(t *testing.T) {
	for _, c := range groupRows {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := detect.Input{FS: c.files.tree(), Env: c.env}
			verdicts := detect.All(in)
			var order []detect.Language
			for _, v := range verdicts {
				order = append(order, v.Language)
			}
			if diff := cmp.Diff([]detect.Language{detect.Ruby, detect.Go, detect.Clojure, detect.Node},
				order); diff != "" {
				t.Error(diff)
			}
			chosen, err := detect.Group(in, verdicts)
			if got := chosenNames(chosen, err); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			for _, v := range verdicts {
				if app, ok := v.App.(*detect.NodeApp); ok && app.Assisting {
					t.Error("Group has changed a verdict")
				}
			}
		})
	}
}

// chosenNames writes a group as words, or the error's id.
func chosenNames(chosen []detect.Result, err error) string {
	if e, ok := errors.AsType[*detect.Error](err); ok {
		return e.ID
	}
	if err != nil {
		return err.Error()
	}
	var words []string
	for _, r := range chosen {
		word := string(r.Language)
		if app, ok := r.App.(*detect.NodeApp); ok && app.Assisting {
			word += "*"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestNoMatchText(t *testing.T) {
	many := files{}
	for i := range 60 {
		many[fmt.Sprintf("file%02d.txt", i)] = ""
	}
	for name, f := range map[string]files{
		"empty": {},
		"case":  {"gemfile": "", "Package.JSON": "{}", "README.md": ""},
		"below": {
			"backend/go.mod": "", "apps/shop/package.json": "", "node_modules/x/package.json": "", ".git/x/go.mod": "",
			"README.md": "",
		},
		"ignored": {
			".slugignore": "# assets\r\n*.json\r\n!keep.json\r\n", ".gitignore": "go.mod\n",
			"server.js": "", "app.rb": "", "evil\x1b[31m\u202e": "",
		},
		"many":   many,
		"python": {"requirements.txt": "", "app.py": "", "Procfile": "", "web/package.json": "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			in := detect.Input{FS: f.tree()}
			_, err := detect.Group(in, detect.All(in))
			none, ok := errors.AsType[*detect.NoMatch](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			golden := filepath.Join("testdata", "nomatch-"+name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(none.Text()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), none.Text()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestRealTree looks at a directory through os.Root, as a build does: links that leave it, pipes
// and directories in a manifest's place are no manifests.
func TestRealTree(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	write := func(path, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(outside, "go.mod"), mod("go 1.25"))
	write(filepath.Join(dir, "conf", "package.json"), "{}")
	for link, target := range map[string]string{"go.mod": filepath.Join(outside,
		"go.mod"), "package.json": "conf/package.json", "deps.edn": "missing", "Gemfile": "../x"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "project.clj"), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, in := range map[string]detect.Input{"os.Root": {FS: root.FS()}, "os.DirFS": {FS: os.DirFS(dir)}} {
		chosen, err := detect.Group(in, detect.All(in))
		if got := chosenNames(chosen, err); got != "node" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestPure runs detection twice and compares, and shows that an unreadable tree is no panic.
func TestPure(t *testing.T) {
	in := detect.Input{
		FS: merged(gemfile(`ruby "~> 3.4"`, lockOf("3.3.9", "execjs 1")), lein(":plugins [[lein-npm \"1\"]]"),
			engines("20.x", ".nvmrc", "18")).tree(),
	}
	if diff := cmp.Diff(detect.All(in), detect.All(in)); diff != "" {
		t.Errorf("two runs differ\n%s", diff)
	}
	in = detect.Input{FS: os.DirFS(filepath.Join(t.TempDir(), "missing"))}
	chosen, err := detect.Group(in, detect.All(in))
	if got := chosenNames(chosen, err); got != "no language was recognised in the app's directory" {
		t.Error(got)
	}
	if _, err := detect.Group(detect.Input{FS: fstest.MapFS{}}, nil); err == nil {
		t.Error("no verdicts, no error")
	}
}
