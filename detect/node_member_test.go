package detect_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/detect"
)

// workspaces are sources in which apps/api is a member of a Node workspace: what a build of it takes, in the
// order in which it is built, and the members that it leaves out.
var workspaces = map[string]struct {
	files      files
	uses, left string
}{
	"by version": {files{
		"package.json": `{"workspaces": ["apps/*", "packages/*"]}`,
		"apps/api/package.json": `{"dependencies":
			{"@acme/a": "^1.1", "b": "*", "c": "^2", "d": "latest", "ms": "2"}}`,
		"packages/a/package.json": `{"name": "@acme/a", "version": "1.2.0"}`,
		"packages/b/package.json": `{"name": "b"}`,
		"packages/c/package.json": `{"name": "c", "version": "1.0.0"}`,
		"packages/d/package.json": `{"name": "d", "version": "2.0.0-beta.1"}`,
		"apps/web/package.json":   `{"name": "web", "dependencies": {"c": "1"}}`,
		"package-lock.json":       "{}",
	}, "packages/a packages/b packages/d", "apps/web packages/c"},
	"transitively, in order": {files{
		"package.json": `{"workspaces": {"packages": ["apps/*", "packages/*"]}}`, "yarn.lock": "",
		"apps/api/package.json":   `{"devDependencies": {"z": "1.0.0"}}`,
		"packages/z/package.json": `{"name": "z", "version": "1.0.0", "dependencies": {"m": "1.0.0"}}`,
		"packages/m/package.json": `{"name": "m", "version": "1.0.0", "peerDependencies": {"a": ">=1", "z": "1"}}`,
		"packages/a/package.json": `{"name": "a", "version": "1.0.0", "optionalDependencies": {"q": "1"}}`,
		"packages/q/package.json": `{"name": "q", "version": "2.0.0"}`,
	}, "packages/a packages/m packages/z", "packages/q"},
	"workspace protocol": {files{
		"pnpm-workspace.yaml": "packages: ['apps/**', 'libs/{x,y}/*', '!libs/y/off', '!**/fixtures/**']\n" +
			"overrides: {w: 'workspace:*'}",
		"pnpm-lock.yaml": "", "apps/api/pnpm-lock.yaml": "",
		"apps/api/package.json": `{"dependencies":
			{"a": "workspace:^", "alias": "workspace:@acme/b@*", "c": "workspace:../../libs/y/c", "v": "catalog:"}}`,
		"libs/x/a/package.json":         `{"name": "a", "version": "3.0.0"}`,
		"libs/x/b/package.json":         `{"name": "@acme/b"}`,
		"libs/y/c/package.json":         `{"name": "other"}`,
		"libs/y/off/package.json":       `{"name": "v"}`,
		"libs/x/v/package.json":         `{"name": "v", "version": "1.0.0"}`,
		"libs/x/w/package.json":         `{"name": "w"}`,
		"apps/web/deep/x/package.json":  `{"name": "deep"}`,
		"apps/fixtures/p/package.json":  `{"name": "p"}`,
		"apps/api/plugins/package.json": `{"name": "within"}`,
	}, "libs/x/a libs/x/b libs/x/v libs/y/c libs/x/w", "apps/web/deep/x"},
	"the root's, and paths": {files{
		"package.json": `{"workspaces": ["./apps/*/", "packages/*"], "devDependencies": {"config": "*"},
			"resolutions": {"x/forced": "portal:./packages/forced"}}`,
		"bun.lock": "",
		"apps/api/package.json": `{"dependencies":
			{"beside": "file:../../vendor/beside", "w": "workspace:packages/w"}}`,
		"packages/config/package.json": `{"name": "config", "version": "1.0.0"}`,
		"packages/forced/package.json": `{"name": "forced"}`,
		"packages/w/package.json":      `{"name": "w", "dependencies": {"up": "link:../../tools/up"}}`,
		"vendor/beside/package.json":   `{"name": "beside", "dependencies": {"t": "file:../t.tgz"}}`,
		"vendor/t.tgz":                 "",
		"tools/up/package.json":        "{}",
	}, "tools/up packages/w vendor/t.tgz vendor/beside packages/config packages/forced", ""},
	"by the paths of TypeScript": {files{
		"package.json": `{"workspaces": ["apps/*", "packages/*"]}`, "package-lock.json": "{}",
		"apps/api/package.json": "{}",
		"apps/api/tsconfig.json": `{"extends": "../../packages/ts/base.json", // no package
			"references": [{"path": "../../packages/a"}], "include": ["../../packages", "../..", "../api/src"],
			"compilerOptions": {"paths": {"@b/*": ["../../packages/b/src/*"]}, "typeRoots": ["../../node_modules/x"]}}`,
		"packages/ts/base.json": "{}", "packages/ts/other.json": "{}",
		"packages/a/package.json": "{}", "packages/b/package.json": "{}", "packages/c/package.json": "{}",
	}, "packages/a packages/b packages/ts/base.json", "packages/c"},
	"asked for by others, npm": {files{
		"package.json":          `{"workspaces": ["apps/*", "packages/*"]}`,
		"apps/api/package.json": `{"dependencies": {"x": "1"}}`,
		"package-lock.json": `{"packages": {"node_modules/x": {"peerDependencies": {"@s/y": "1"}}, "node_modules/z": {},
			"node_modules/x/node_modules/@s/y": {"dependencies": {"core": "1", "z": "1"}},
			"node_modules/w": {"dependencies": {"other": "1"}}}}`,
		"packages/core/package.json": `{"name": "core"}`, "packages/other/package.json": `{"name": "other"}`,
	}, "packages/core", "packages/other"},
	"asked for by others, Yarn": {files{
		"package.json":          `{"workspaces": ["apps/*", "packages/*"]}`,
		"apps/api/package.json": `{"dependencies": {"x": "1"}}`,
		"yarn.lock": `# yarn lockfile v1

x@1, x@^1.0.0:
  version "1.0.0"
  dependencies:
    "@s/y" "1"

"@s/y@npm:1":
  version: 1
  dependencies:
    core: "npm:1"
  bin:
    other: x

w@1:
  dependencies:
    other "1"
`,
		"packages/core/package.json": `{"name": "core"}`, "packages/other/package.json": `{"name": "other"}`,
	}, "packages/core", "packages/other"},
	"alone in it": {files{
		"package.json": `{"workspaces": ["apps/*"]}`, "package-lock.json": "{}",
		"apps/api/package.json": `{"name": "@acme/api", "dependencies": {"ms": "2.1.3"}}`,
		"apps/web/package.json": `{"name": "@acme/web"}`,
	}, "", "apps/web"},
}

// TestNodeWorkspace holds what is taken of a workspace, where the source is open and where it is staged.
func TestNodeWorkspace(t *testing.T) {
	t.Parallel()
	for name, tt := range workspaces {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := detect.Select(tt.files.tree(), "apps/api")
			if err != nil || s == nil {
				t.Fatalf("%+v, %v", s, err)
			}
			left := strings.Fields(tt.left)
			taken := map[string]bool{"apps/api": true}
			for _, dir := range strings.Fields(tt.uses) {
				taken[dir] = true
			}
			for _, dir := range s.Dirs {
				if !taken[dir] {
					t.Errorf("takes %s", dir)
				}
			}
			if diff := cmp.Diff(left, s.Except); diff != "" && len(left)+len(s.Except) > 0 {
				t.Errorf("(-want +left out)\n%s", diff)
			}
			if s.Root != "." || !s.Workspace || !s.Rest || s.Others != len(left) {
				t.Errorf("%+v", s)
			}
			staged := files{}
			for file, text := range tt.files {
				if s.Takes(file, false) {
					staged[file] = text
				}
			}
			found, err := detect.ForNode(detect.Input{FS: staged.tree(), Member: "apps/api"})
			app, ok := found.App.(*detect.NodeApp)
			if err != nil || !ok || app.Workspace == nil {
				t.Fatalf("%+v, %v", found, err)
			}
			w := app.Workspace
			if got := strings.Join(w.Uses, " "); got != tt.uses || w.Root != "" || w.Member != "apps/api" {
				t.Errorf("uses %q, want %q", got, tt.uses)
			}
			if got := strings.Join(w.Others, " "); got != tt.left {
				t.Errorf("the others are %q, want %q", got, tt.left)
			}
		})
	}
}

// TestNodeMemberApp holds which facts are the member's and which the workspace's.
func TestNodeMemberApp(t *testing.T) {
	t.Parallel()
	tree := files{
		"package.json": `{"workspaces": ["apps/*", "lib"], "engines": {"node": "20.x"}, "packageManager": "pnpm@9.15.9",
			"scripts": {"start": "root", "build": "turbo run build"}, "dependencies": {"r": "1"}}`,
		"pnpm-workspace.yaml": "packages: [apps/*, lib]", "pnpm-lock.yaml": "lockfileVersion: '9.0'",
		".npmrc": "", "patches/x.patch": "", "server.js": "", ".nvmrc": "18",
		"apps/api/package.json": `{"name": "api", "engines": {"node": "22.x"}, "scripts": {"start": "node x"},
			"main": "lib/x.js", "dependencies": {"lib": "workspace:*"}, "cacheDirectories": [".c"]}`,
		"apps/api/app.js":       "",
		"lib/package.json":      `{"name": "lib", "devDependencies": {"t": "1"}}`,
		"apps/web/package.json": `{"name": "web", "scripts": {"postinstall": "x"}}`,
	}
	result, err := detect.ForNode(detect.Input{FS: tree.tree(), Member: "apps/api"})
	if err != nil {
		t.Fatal(err)
	}
	want := &detect.NodeApp{
		Name: "api", Manager: "pnpm", ManagerFrom: "package.json packageManager", Lockfile: "pnpm-lock.yaml",
		Scripts: map[string]string{"start": "node x"}, Main: "lib/x.js", ServerFile: "app.js",
		CacheDirs:  []string{".c"},
		Workspaces: []string{"apps/*", "lib"}, HasDeps: true, HasDevDeps: true, NpmrcPresent: true,
		Manifests: []string{
			".npmrc", ".nvmrc", "apps/api/package.json", "lib/package.json", "package.json", "patches/x.patch",
			"pnpm-lock.yaml", "pnpm-workspace.yaml",
		},
		Workspace: &detect.NodeWorkspace{
			Member: "apps/api", Uses: []string{"lib"}, Others: []string{"apps/web"},
			Scripts: map[string]string{"start": "root", "build": "turbo run build"},
		},
	}
	if diff := cmp.Diff(want, result.App); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got := summary(result, err)
	requires := []string{
		"node 22.x from package.json engines.node", "pnpm =9.15.9 from ../../package.json packageManager",
	}
	if diff := cmp.Diff(requires, got.requires); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(got.warnings) != 2 || !strings.Contains(got.warnings[0], "../../package.json engines.node says 20.x") {
		t.Errorf("warnings %q", got.warnings)
	}
}

// TestNodeBeside takes packages beside an app that is in no workspace, and what they need.
func TestNodeBeside(t *testing.T) {
	t.Parallel()
	tree := files{
		"package.json":             `{"workspaces": ["apps/*"]}`, // the app has a lock file of its own
		"apps/api/package.json":    `{"dependencies": {"lib": "file:../../lib", "in": "file:./in", "web": "*"}}`,
		"apps/api/yarn.lock":       "",
		"apps/api/in/package.json": "{}", "apps/web/package.json": `{"name": "web"}`, "core/package.json": "{}",
		"lib/package.json": `{"dependencies": {"core": "file:../core", "gone": "file:../gone"}}`,
	}
	s, err := detect.Select(tree.tree(), "apps/api")
	if err != nil || strings.Join(s.Dirs, " ") != "apps/api core lib" || s.Workspace {
		t.Fatalf("%+v, %v", s, err)
	}
	found, err := detect.ForNode(detect.Input{FS: tree.tree(), Member: "apps/api"})
	app, ok := found.App.(*detect.NodeApp)
	if err != nil || !ok || app.Workspace != nil || app.Lockfile != "yarn.lock" {
		t.Errorf("%+v, %v", found, err)
	}
}
