package node_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/buildpacktest"
	"slugc/cache/testkit"
)

// generate is what scripts do to dependency trees: postinstall changes a package as patch-package does, and
// each script generates clients as Prisma does, inside a package and beside all of them.
const generate = `const fs = require('fs')
const [stage] = process.argv.slice(2)
const put = (name, text) => {
  fs.mkdirSync(require('path').dirname(name), { recursive: true })
  fs.writeFileSync(name, text)
}
const ms = fs.realpathSync('node_modules/ms')
put('node_modules/.' + stage + '/client/index.js', stage)
put('node_modules/made-by-' + stage + '/index.js', stage)
put('node_modules/@made/by-' + stage + '/index.js', stage)
put(ms + '/../.beside-' + stage + '/index.js', stage)
put(ms + '/generated-' + stage + '.js', stage)
put(ms + '/node_modules/inside-' + stage + '/index.js', stage)
if (stage === 'install') fs.appendFileSync(ms + '/index.js', '// patched\n')
`

// TestPruningKeepsWhatScriptsMade holds that pruning undoes nothing that a script of the install or the build
// did, with each package manager, that the development dependencies are gone, and, with one that removes them in
// place and one that installs again beside them, that a build with the cache leaves the same.
func TestPruningKeepsWhatScriptsMade(t *testing.T) {
	for name, tt := range map[string]struct {
		fixture string
		change  func(b *bench)
	}{
		"npm":   {small, func(*bench) {}},
		"yarn":  {"node-yarn1", func(*bench) {}},
		"berry": {"node-berry", func(*bench) {}},
		"pnpm":  {"node-pnpm", func(*bench) {}},
		"pnpm workspaces": {"node-pnpm", func(b *bench) {
			b.Write("pnpm-workspace.yaml", "packages:\n  - packages/*\n")
			b.Write("packages/one/package.json",
				`{ "name": "one", "version": "1.0.0", "dependencies": { "ms": "2.1.3" } }`)
			b.Edit("pnpm-lock.yaml", "packages:\n",
				"  packages/one:\n    dependencies:\n      ms:\n        specifier: 2.1.3\n        version: 2.1.3\n\n"+
					"packages:\n")
		}},
		"bun": {"node-pnpm", func(b *bench) {
			must(t, os.Remove(b.Source("pnpm-lock.yaml")))
			b.Edit("package.json", `"packageManager": "pnpm@10.34.7",`, `"packageManager": "bun@1.2.20",`)
			b.Write("bun.lock", testkit.Read(t, "testdata/bun.lock"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newWarmBench(t, tt.fixture)
			tt.change(b)
			b.Write("generate.js", generate)
			b.Write("package.json", strings.Replace(testkit.Read(t, b.Source("package.json")), `"build":`, `"old":`, 1))
			b.script("build", "node generate.js build")
			b.script("postinstall", "node generate.js install")
			first := b.build()
			if !strings.Contains(first.Log, "Pruning development dependencies") ||
				strings.Contains(first.Log, "Not pruned") {
				t.Errorf("not pruned:\n%s", first.Log)
			}
			all := buildpacktest.Want{Absent: []string{"node_modules/is-odd", "node_modules/is-number",
				"node_modules/.pnpm/is-odd@3.0.1"}}
			for _, stage := range []string{"install", "build"} {
				all.Present = append(all.Present, "node_modules/."+stage+"/client/index.js",
					"node_modules/made-by-"+stage+"/index.js", "node_modules/@made/by-"+stage+"/index.js")
			}
			all.Check(t, first.Outcome, first.files)
			for part, want := range map[string]int{
				"/.beside-install/index.js": 1, "/.beside-build/index.js": 1, "ms/generated-install.js": 1,
				"ms/generated-build.js": 1, "ms/node_modules/inside-install/index.js": 1,
				"ms/node_modules/inside-build/index.js": 1,
			} {
				found := 0
				for file := range first.files {
					if strings.HasSuffix(file, part) {
						found++
					}
				}
				if found != want {
					t.Errorf("%s is there %d times", part, found)
				}
			}
			if text := testkit.Read(t, filepath.Join(b.App, "node_modules/ms/index.js")); !strings.HasSuffix(
				text,
				"// patched\n",
			) ||
				strings.Count(text, "// patched") > 1 {
				t.Error("the patch is lost, or applied twice")
			}
			if name == "npm" || name == "bun" {
				buildpacktest.Equal(t, "with the cache", b.build().files, first.files)
			}
			if t.Failed() {
				t.Log(first.Log)
			}
		})
	}
}
