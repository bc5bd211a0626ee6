package detect_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"slugc/detect"
)

// members are sources whose app in apps/api cannot be built alone, and what the error and its hints say.
var members = map[string]struct {
	files map[string]string
	want  []string
}{
	"of no workspace": {map[string]string{
		"package.json": `{"workspaces": ["packages/*"]}`, "package-lock.json": "{}",
		"apps/api/package.json": `{"dependencies": {"lib": "workspace:*"}}`,
	}, []string{"needs lib of a workspace", "no directory above has it as a member", "name apps/api in `workspaces`"}},
	"of no member": {map[string]string{
		"pnpm-workspace.yaml": "packages: ['apps/**']", "pnpm-lock.yaml": "", "apps/api/pnpm-lock.yaml": "",
		"apps/api/package.json": `{"devDependencies": {"b": "workspace:^", "a": "workspace:*", "c": "1"}}`,
	}, []string{"needs a, b of the workspace in the repository's root, which has no such member"}},
	"of another version": {map[string]string{
		"package.json": `{"workspaces": ["apps/*"]}`, "apps/lib/package.json": `{"name": "lib", "version": "1.0.0"}`,
		"apps/api/package.json": `{"dependencies": {"lib": "^2.0.0"}}`,
	}, []string{"asks for lib ^2.0.0", "has it in apps/lib in another version", "commit the lock file"}},
}

// TestMember refuses an app that needs what --subdir leaves out, before anything is asked for it
// elsewhere.
func TestMember(t *testing.T) {
	t.Parallel()
	for name, tt := range members {
		e, ok := errors.AsType[*detect.Error](member(tt.files))
		if !ok || e.ID != "detect/subdir-member" || !strings.HasPrefix(e.Place, "apps/api/") {
			t.Errorf("%s: %+v", name, e)
			continue
		}
		text := e.Summary + "\n" + strings.Join(e.Hints, "\n")
		for _, want := range tt.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not in\n%s", name, want, text)
			}
		}
	}
}

func member(files map[string]string) error {
	_, err := selection(files)
	return err
}

func selection(files map[string]string) (*detect.Selection, error) {
	source := fstest.MapFS{}
	for name, content := range files {
		source[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return detect.Select(source, "apps/api")
}

// selections are sources whose app in apps/api uses what is around it.
var selections = map[string]struct {
	files map[string]string
	want  detect.Selection
	text  string
}{
	"replace": {map[string]string{
		"apps/api/go.mod": "module m\n\nrequire example.com/lib v0.0.0\n\nreplace example.com/lib => ../../\n",
	}, detect.Selection{Root: ".", Dirs: []string{".", "apps/api"}}, "Building apps/api (with the repository's root)"},
	"replace beside": {map[string]string{
		"apps/api/go.mod": "module m\nreplace (\nexample.com/lib => ../lib\nb.com/b => ./b\nc => ../gone\n)\n",
		"apps/lib/go.mod": "module example.com/lib\n",
	}, detect.Selection{Root: "apps", Dirs: []string{"apps/api", "apps/lib"}}, "Building apps/api (with apps/lib)"},
	"go.work": {map[string]string{
		"go.work":      "go 1.24\nuse (\n\t./apps/api\n\t./lib\n\t./web\n\t./deep\n)\nreplace r.com/r => ./r\n",
		"lib/go.mod":   "module example.com/lib\nrequire d.com/deep v1.0.0\n",
		"deep/go.mod":  "module d.com/deep\nrequire w.com/local v0.0.0\n",
		"web/go.mod":   "module w.com/web\nreplace w.com/local => ../local\n",
		"web/go.sum":   "",
		"r/go.mod":     "module r.com/r\n",
		"local/go.mod": "module w.com/local\n", "vendor/modules.txt": "",
		"apps/api/go.mod": "module m\n\nrequire example.com/lib v0.0.0\n",
	}, detect.Selection{
		Root: ".", Dirs: []string{"apps/api", "deep", "lib", "local", "vendor"}, Except: []string{"r", "web"},
		Files: []string{"r/go.mod", "web/go.mod", "web/go.sum"}, Workspace: true, Others: 1,
	}, "Building apps/api of the workspace in the repository's root (with deep, lib, local, vendor; " +
		"1 other member is left out)"},
	"go.work of its own": {map[string]string{
		"apps/api/go.work": "go 1.24\nuse (\n\t.\n\t../lib\n)\n", "apps/api/go.mod": "module m\n",
		"apps/lib/go.mod": "module example.com/lib\nreplace r => ../r\n", "apps/r/go.mod": "module r\n",
	}, detect.Selection{
		Root: "apps", Dirs: []string{"apps/api", "apps/lib", "apps/r"},
	}, "Building apps/api (with apps/lib, apps/r)"},
	"gem": {map[string]string{
		"apps/api/Gemfile.lock": "PATH\n  remote: ../../libs/greet\n  specs:\n    greet (1.0)\n\n" +
			"PATH\n  remote: engines/x\n  specs:\n    x (1.0)\n",
		"libs/greet/greet.gemspec": "", "apps/api/engines/x/x.gemspec": "",
	}, detect.Selection{Root: ".", Dirs: []string{"apps/api", "libs/greet"}}, "Building apps/api (with libs/greet)"},
	"Gemfile": {map[string]string{
		"apps/api/Gemfile": "ruby file: '../../.ruby-version'\n" +
			"eval_gemfile File.expand_path(\"../common.rb\", __dir__)\n",
		"apps/common.rb": "require_relative '../parts/gems'\n", "parts/gems.rb": "", ".ruby-version": "3.3.9\n",
		"parts/other.rb": "",
	}, detect.Selection{
		Root: ".", Dirs: []string{"apps/api"}, Files: []string{".ruby-version", "apps/common.rb", "parts/gems.rb"},
	}, "Building apps/api"},
	"deps.edn": {map[string]string{
		"apps/api/deps.edn": `{:deps {i {:local/root "in"}} :aliases {:run {:extra-deps {a {:local/root "../../lib"}
			j {:local/root "../x.jar"}}}}}`,
		"apps/api/build.clj": `(b/copy-dir {:src-dirs ["src" "../../lib3"]})`, "lib3/x": "",
		"apps/api/in/deps.edn": `{:paths ["src" "../../../src"]}`, "src/a.clj": "", "apps/x.jar": "",
		"lib/deps.edn":  `{:deps {b {:local/root "../lib2"}} :aliases {:test {:extra-deps {c {:local/root "../no"}}}}}`,
		"lib2/deps.edn": "{}", "no/deps.edn": "{}",
	}, detect.Selection{
		Root: ".", Dirs: []string{"apps/api", "lib", "lib2", "lib3", "src"}, Files: []string{"apps/x.jar"},
	}, "Building apps/api (with lib, lib2, lib3, src)"},
	"project.clj": {map[string]string{
		"apps/api/project.clj":      `(defproject api "1" :source-paths ["src" "../common/src"])`,
		"apps/common/src/common.cl": "",
	}, detect.Selection{Root: "apps", Dirs: []string{"apps/api", "apps/common/src"}},
		"Building apps/api (with apps/common/src)"},
}

// TestSelect finds out what an app uses around its directory, as far as that is there.
func TestSelect(t *testing.T) {
	t.Parallel()
	for name, tt := range selections {
		got, err := selection(tt.files)
		if err != nil || got == nil {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		tt.want.Member = "apps/api"
		if diff := cmp.Diff(tt.want, *got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got.Text() != tt.text {
			t.Errorf("%s: %s", name, got.Text())
		}
	}
}

// TestPartOfModule refuses a directory of Go files whose module is above, with the way to build it.
func TestPartOfModule(t *testing.T) {
	t.Parallel()
	files := map[string]string{"svc/go.mod": "module m\n", "svc/apps/api/main.go": "package main\n"}
	source := fstest.MapFS{}
	for name, content := range files {
		source[name] = &fstest.MapFile{Data: []byte(content)}
	}
	_, err := detect.Select(source, "svc/apps/api")
	e, ok := errors.AsType[*detect.Error](err)
	want := "build svc, with -e GO_INSTALL_PACKAGE_SPEC=./apps/api"
	if !ok || e.ID != "go/no-module" || e.Hints[0] != want {
		t.Errorf("got %+v, want %s", e, want)
	}
	source["svc/apps/api/package.json"] = &fstest.MapFile{Data: []byte("{}")}
	if got, err := detect.Select(source, "svc/apps/api"); got != nil || err != nil {
		t.Errorf("an app of another language: %+v, %v", got, err)
	}
}

// TestTakes holds what a selection takes: whole directories, plain files beside and above them, and the rest
// of a workspace's root.
func TestTakes(t *testing.T) {
	t.Parallel()
	s := detect.Selection{
		Member: "mono/apps/api", Root: "mono", Rest: true,
		Dirs:   []string{"mono/apps/api", "mono/packages/web/plugins/a"},
		Except: []string{"mono/apps/web", "mono/packages/web", "mono/apps/api/inner"},
		Files:  []string{"mono/packages/web/package.json", "mono/apps/web/sub/package.json"},
	}
	for name, want := range map[string]bool{
		"apps/": true, "apps/api/": true, "apps/api/src/x": true, "apps/README": true, "README": true,
		"apps/api/inner/": false, "apps/api/inner/x": false, "apps/other/": false, "apps/other/x": false,
		"apps/web/": true, "apps/web/x": false, "apps/web/sub/": true, "apps/web/sub/package.json": true,
		"apps/web/sub/x": false, "apps/web/src/": false,
		"packages/": true, "packages/x": true, "packages/lib/": false, "packages/web/package.json": true,
		"packages/web/plugins/a/x": true, "packages/web/plugins/x": true, "packages/web/dist/": false,
		".yarn/": true, ".yarn/releases/yarn.cjs": true, "scripts/a/b": true, "": true,
	} {
		clean, dir := strings.CutSuffix(name, "/")
		if got := s.Takes(clean, dir || name == ""); got != want {
			t.Errorf("%q is taken: %t", name, got)
		}
	}
}

// TestAlone accepts apps that need nothing around them.
func TestAlone(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"nothing": {},
		"no member": {"package.json": `{"workspaces": ["packages/*", "apps/*", "!apps/api"]}`,
			"apps/api/package.json": `{"dependencies": {"x": "file:lib"}}`},
		"a lock of its own": {"package.json": `{"workspaces": ["apps/*"]}`, "apps/api/yarn.lock": "",
			"apps/api/package.json": `{"dependencies": {"x": "1"}}`},
		"a workspace of its own": {
			"apps/api/package.json":     `{"workspaces": ["lib"], "dependencies": {"x": "workspace:*"}}`,
			"apps/api/lib/package.json": `{"name": "x"}`},
		"a workspace of its own, of pnpm, in another": {"package.json": `{"workspaces": ["apps/*"]}`,
			"apps/api/pnpm-workspace.yaml": "packages: [lib]", "apps/api/pnpm-lock.yaml": "",
			"apps/api/package.json":     `{"dependencies": {"x": "workspace:*"}}`,
			"apps/api/lib/package.json": `{"name": "x"}`},
		"malformed": {"package.json": `{`, "apps/api/package.json": `[`, "apps/api/go.mod": "?",
			"apps/api/deps.edn":     "(",
			"apps/api/Gemfile.lock": "?"},
		"vendored": {"apps/api/go.mod": "module m\n\nreplace example.com/lib => ../../\n",
			"apps/api/vendor/modules.txt": ""},
		"another's go.work": {"go.work": "go 1.24\nuse ./lib\n", "lib/go.mod": "module example.com/lib\n",
			"apps/api/go.mod": "module m\n\nrequire example.com/lib v1.0.0\n"},
		"inside": {"apps/api/go.mod": "module m\n\nreplace a => ./a\n\nreplace b => b.com/b v1.0.0\n",
			"apps/api/Gemfile.lock": "PATH\n  remote: .\n  specs:\n    api (1.0)\n",
			"apps/api/deps.edn":     `{:deps {a {:local/root "lib"} b {:local/root "../../.."}}}`},
	} {
		if got, err := selection(files); got != nil || err != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
