package node_test

import (
	"os"
	"strings"
	"testing"
)

// TestPlugAndPlay: Yarn's archives are in the slug, come from the cache the second time, and the
// app runs from them.
func TestPlugAndPlay(t *testing.T) {
	t.Parallel()
	b := newBench(t, "node-berry")
	must(t, os.Remove(b.path("source/.yarnrc.yml")))
	b.serve = func(o outcome) { b.request(o, "yarn 4 on node v") }
	first := b.build()
	b.serve = nil
	var ms, odd bool
	for name := range first.files {
		ms = ms || strings.HasPrefix(name, ".yarn/cache/ms-npm-2.1.3-")
		odd = odd || strings.HasPrefix(name, ".yarn/cache/is-odd-")
	}
	if _, ok := first.files[".pnp.cjs"]; !ok || !ms || odd {
		t.Errorf(".pnp.cjs %t, ms %t, is-odd %t\n%s", ok, ms, odd, first.log)
	}
	second := b.build()
	equal(t, "second", second.files, first.files)
	if strings.Contains(second.log, "added to the project") {
		t.Errorf("the archives were fetched again:\n%s", second.log)
	}
}

// TestPnpmWorkspace: members' trees are pruned by installing again, and are slices of their own.
func TestPnpmWorkspace(t *testing.T) {
	t.Parallel()
	b := newBench(t, "node-pnpm")
	b.write("pnpm-workspace.yaml", "packages:\n  - packages/*\n")
	b.write("packages/one/package.json", `{ "name": "one", "version": "1.0.0", "dependencies": { "ms": "2.1.3" } }`)
	b.edit(
		"pnpm-lock.yaml",
		"packages:\n",
		"  packages/one:\n    dependencies:\n      ms:\n        specifier: 2.1.3\n        version: 2.1.3\n\npackages:\n",
	)
	first := b.build()
	if !first.labelled("packages/one/node_modules") || !first.labelled("node_modules") {
		t.Errorf("labels are %+v\n%s", first.launch.Labels, first.log)
	}
	if _, ok := first.files["node_modules/is-odd"]; ok {
		t.Error("the development dependency is still there")
	}
	second := b.build()
	says(t, second, "Using node_modules from the cache")
	equal(t, "second", second.files, first.files)
}

// TestNewPnpm: pnpm 11 reads pnpm_config_ variables, pnpm 12 is a native program; both build and
// start the app like pnpm 10.
func TestNewPnpm(t *testing.T) {
	for _, version := range []string{"11.28.11", "12.21.0"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "node-pnpm")
			b.edit("package.json", "pnpm@10.34.7", "pnpm@"+version)
			b.edit("package.json", "22.x", "24.x")
			b.serve = func(o outcome) { b.request(o, "pnpm on node v24.") }
			first := b.build()
			b.serve = nil
			meets(
				t,
				first,
				wish{
					Present: []string{"node_modules/ms", "dist/built.txt"},
					Absent:  []string{"node_modules/.pnpm/is-odd@3.0.1"},
				},
			)
			if entries, err := os.ReadDir(b.path("kept/pnpm-cache")); err != nil || len(entries) == 0 {
				t.Errorf("the store is empty: %v", err)
			}
			second := b.build()
			says(t, second, "Using node_modules from the cache")
			equal(t, "second", second.files, first.files)
		})
	}
}

// TestBun: bun has no prune and installs again without development dependencies.
func TestBun(t *testing.T) {
	t.Parallel()
	b := newBench(t, "node-pnpm")
	must(t, os.Remove(b.path("source/pnpm-lock.yaml")))
	b.edit("package.json", `"packageManager": "pnpm@10.34.7",`, `"packageManager": "bun@1.2.20",`)
	b.write("bun.lock", bunLock)
	b.serve = func(o outcome) { b.request(o, "pnpm on node v22.") }
	first := b.build()
	b.serve = nil
	if _, ok := first.files["node_modules/is-odd"]; ok {
		t.Error("the development dependency is still there")
	}
	equal(t, "second", b.build().files, first.files)
}

const bunLock = `{
  "lockfileVersion": 1,
  "workspaces": {
    "": {
      "name": "node-pnpm",
      "dependencies": { "ms": "^2.1.3" },
      "devDependencies": { "is-odd": "^3.0.1" },
    },
  },
  "packages": {
    "is-number": ["is-number@6.0.0", "", {}, "sha512-Wu1VHeILBK8KAWJUAiSZQX94GmOE45Rg6/538fKwiloUu21KncEkYGPqob2oSZ5mUT73vLGrHQjKw3KMPwfDzg=="],

    "is-odd": ["is-odd@3.0.1", "", { "dependencies": { "is-number": "^6.0.0" } }, "sha512-CQpnWPrDwmP1+SMHXZhtLtJv90yiyVfluGsX5iNCVkrhQtU3TQHsUWPG9wkdk9Lgd5yNpAg9jQEo90CBaXgWMA=="],

    "ms": ["ms@2.1.3", "", {}, "sha512-6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA=="],
  }
}
`

// TestCheckedInModules: npm rebuilds what is checked in, and says that it should not be.
func TestCheckedInModules(t *testing.T) {
	t.Parallel()
	b := newBench(t, small)
	b.write("node_modules/ms/package.json", `{ "name": "ms", "version": "2.1.3" }`)
	b.write("node_modules/ms/index.js", "module.exports = () => 60000")
	o := b.build()
	says(t, o, " !     node_modules is checked in", "Running npm rebuild", "Running npm install --include=dev")
	if o.labelled("node_modules") {
		t.Error("a checked-in tree is labelled")
	}
}

// TestForeignPlatform: where no platform has fetched toolchains, the buildpack does, and keeps
// them.
func TestForeignPlatform(t *testing.T) {
	t.Parallel()
	b := newBench(t, "node-pnpm")
	b.foreign = true
	first := b.build()
	second := b.build()
	equal(t, "second", second.files, first.files)
}
