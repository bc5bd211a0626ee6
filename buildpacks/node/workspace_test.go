package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/language"
	"slugc/buildpacks/tree"
	"slugc/cache/testkit"
	"slugc/detect"
)

// TestOrchestrator holds when the workspace's own tool builds the app and what it uses, and what is built without
// one, in which order.
func TestOrchestrator(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		root, build, postbuild string
		want                   string
	}{
		"turbo":        {root: "turbo run build", build: "next build", want: "turbo run build --filter=api"},
		"turbo by npx": {root: "FORCE=1 npx turbo build", build: "tsc", want: "turbo run build --filter=api"},
		"nx":           {root: "nx run-many -t build", build: "x", want: "nx run-many --target=build --projects=api"},
		"lerna": {root: "tsc -b && lerna run build", build: "x",
			want: "lerna run build --scope=api --include-dependencies"},
		"another script":  {root: "node turbo.js", build: "x", want: "b a"},
		"nothing to run":  {root: "turbo run build", want: "b a"},
		"the app's does":  {root: "turbo run build", build: "turbo run build:only -F api...", want: ""},
		"postbuild":       {root: "turbo run build", build: "x", postbuild: "y", want: "b a"},
		"no root scripts": {build: "x", want: "b a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scripts := map[string]string{"build": tt.build}
			if tt.postbuild != "" {
				scripts["heroku-postbuild"] = tt.postbuild
			}
			b := &work{
				Build: frame(testkit.Tree(t, t.TempDir(), map[string]string{
					"a/package.json": `{"scripts": {"build": "x"}}`, "b/package.json": `{"scripts": {"build": "x"}}`,
					"c/package.json": `{"scripts": {"test": "x"}}`,
				})),
				app: &detect.NodeApp{
					Name: "api", Scripts: scripts,
					Manifests: []string{"a/package.json", "b/package.json", "c/package.json"},
					Workspace: &detect.NodeWorkspace{
						Uses: []string{"b", "c", "a"}, Scripts: map[string]string{"build": tt.root},
					},
				},
				manager: manager{exec: []string{"npm", "exec", "--"}},
			}
			got := b.orchestrator()
			if got != nil {
				got = got[3:]
			} else {
				for _, one := range b.usedBuilds() {
					got = append(got, one.dir)
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestLeaveOthers holds that nothing is left of members that the app does not use, and that what is of others
// stays.
func TestLeaveOthers(t *testing.T) {
	t.Parallel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	root := testkit.Tree(t, t.TempDir(), map[string]string{
		"mono/apps/api/package.json": "{}",
		"mono/apps/web/package.json": `{"name": "web", "scripts": {"postinstall": "x"}}`,
		"mono/old/deep/package.json": "{}", "mono/old/used/package.json": "{}", "mono/gone/x": "",
		"mono/node_modules/api/x": "",
	})
	for link, to := range map[string]string{
		"@acme/web": "../../apps/web", "deep": "../old/deep", "used": "../old/used", "out": "/nowhere",
	} {
		name := filepath.Join(root, "mono/node_modules", link)
		must(os.MkdirAll(filepath.Dir(name), 0o755))
		must(os.Symlink(to, name))
	}
	b := &work{
		Build: &language.Build{Root: root, Dir: filepath.Join(root, "mono/apps/api"), Member: "mono/apps/api"},
		app: &detect.NodeApp{Workspace: &detect.NodeWorkspace{
			Root: "mono", Member: "apps/api", Others: []string{"apps/web", "old/deep", "gone"},
		}},
		manager: manager{whole: true},
	}
	must(b.leaveOthersEarly())
	if text := testkit.Read(t, b.inProject("apps/web/package.json")); text != `{"name":"web"}` {
		t.Errorf("apps/web is %s", text)
	}
	b.deps.paths = []string{"mono/node_modules", "mono/apps/api/node_modules"}
	must(b.leaveOthers())
	for name, want := range map[string]bool{
		"apps/api/package.json": true, "apps/web": false, "old/deep": false, "old/used/package.json": true,
		"gone/x":             true,
		"node_modules/@acme": false, "node_modules/deep": false, "node_modules/used": true, "node_modules/out": true,
	} {
		if tree.Exists(b.inProject(name)) != want {
			t.Errorf("%s is there: %t", name, !want)
		}
	}
}
