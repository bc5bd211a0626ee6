package node_test

import (
	"os"
	"strings"
	"testing"

	"slugc/buildpacks/buildpacktest"
	"slugc/cache/testkit"
)

// TestPlugAndPlay holds that Yarn's archives are in the slug, that they come from the cache the
// second time, and that the app runs from them.
func TestPlugAndPlay(t *testing.T) {
	t.Parallel()
	b := newBench(t, "node-berry")
	must(t, os.Remove(b.Source(".yarnrc.yml")))
	first := b.build()
	b.answers(first, "yarn 4 on node v")
	var ms, odd bool
	for name := range first.files {
		ms = ms || strings.HasPrefix(name, ".yarn/cache/ms-npm-2.1.3-")
		odd = odd || strings.HasPrefix(name, ".yarn/cache/is-odd-")
	}
	if _, ok := first.files[".pnp.cjs"]; !ok || !ms || odd {
		t.Errorf(".pnp.cjs %t, ms %t, is-odd %t\n%s", ok, ms, odd, first.Log)
	}
	second := b.build()
	buildpacktest.Equal(t, "second", second.files, first.files)
	if strings.Contains(second.Log, "added to the project") {
		t.Errorf("the archives were fetched again:\n%s", second.Log)
	}
}

// TestPnpmWorkspace holds that members' trees are pruned by installing again, and are slices of
// their own.
func TestPnpmWorkspace(t *testing.T) {
	t.Parallel()
	b := newBench(t, "node-pnpm")
	b.Write("pnpm-workspace.yaml", "packages:\n  - packages/*\n")
	b.Write("packages/one/package.json", `{ "name": "one", "version": "1.0.0", "dependencies": { "ms": "2.1.3" } }`)
	b.Edit("pnpm-lock.yaml", "packages:\n", `  packages/one:
    dependencies:
      ms:
        specifier: 2.1.3
        version: 2.1.3

packages:
`)
	first := b.build()
	if !first.HasSliceKey("packages/one/node_modules") || !first.HasSliceKey("node_modules") {
		t.Errorf("labels are %+v\n%s", first.Launch.Labels, first.Log)
	}
	if first.files.Has("node_modules/is-odd") {
		t.Error("the development dependency is still there")
	}
	second := b.build()
	second.Says(t, "Using node_modules from the cache")
	buildpacktest.Equal(t, "second", second.files, first.files)
}

// TestNewPnpm holds that pnpm 11, which reads pnpm_config_ variables, and pnpm 12, a native
// program, build and start the app like pnpm 10.
func TestNewPnpm(t *testing.T) {
	for _, version := range []string{"11.28.11", "12.21.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "node-pnpm")
			b.Edit("package.json", "pnpm@10.34.7", "pnpm@"+version)
			b.Edit("package.json", "22.x", "24.x")
			first := b.build()
			b.answers(first, "pnpm on node v24.")
			buildpacktest.Want{
				Present: []string{"node_modules/ms", "dist/built.txt"},
				Absent:  []string{"node_modules/.pnpm/is-odd@3.0.1"},
			}.Check(t, first.Outcome, first.files)
			if entries, err := os.ReadDir(b.Layer("pnpm-cache")); err != nil || len(entries) == 0 {
				t.Errorf("the store is empty: %v", err)
			}
			second := b.build()
			second.Says(t, "Using node_modules from the cache")
			buildpacktest.Equal(t, "second", second.files, first.files)
		})
	}
}

// TestBun holds that bun, which has no prune, installs again without development dependencies.
func TestBun(t *testing.T) {
	t.Parallel()
	b := newBench(t, "node-pnpm")
	must(t, os.Remove(b.Source("pnpm-lock.yaml")))
	b.Edit("package.json", `"packageManager": "pnpm@10.34.7",`, `"packageManager": "bun@1.2.20",`)
	b.Write("bun.lock", testkit.Read(t, "testdata/bun.lock"))
	first := b.build()
	b.answers(first, "pnpm on node v22.")
	if first.files.Has("node_modules/is-odd") {
		t.Error("the development dependency is still there")
	}
	buildpacktest.Equal(t, "second", b.build().files, first.files)
}

// TestCheckedInModules holds that npm rebuilds what is checked in, and that the build warns.
func TestCheckedInModules(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, small)
	b.Write("node_modules/ms/package.json", `{ "name": "ms", "version": "2.1.3" }`)
	b.Write("node_modules/ms/index.js", "module.exports = () => 60000")
	o := b.build()
	o.Says(t, " !     node_modules is checked in", "Running npm rebuild", "Running npm install --include=dev")
	if o.HasSliceKey("node_modules") {
		t.Error("a checked-in tree has a key")
	}
}

// TestForeignPlatform holds that the buildpack fetches toolchains where the platform does not, and
// keeps them.
func TestForeignPlatform(t *testing.T) {
	t.Parallel()
	b := newBench(t, "node-pnpm")
	b.foreign = true
	first := b.build()
	second := b.build()
	buildpacktest.Equal(t, "second", second.files, first.files)
}
