package node_test

import (
	"os"
	"strings"
	"testing"

	"slugc/buildpacks/extension"
)

// small is a workspace with one development dependency: the quickest app that has something to
// prune.
const small = "node-npm-workspaces"

// script gives the app a script.
func (b *bench) script(name, text string) {
	b.edit("package.json", `"scripts": {`, `"scripts": { "`+name+`": "`+text+`",`)
}

func says(t *testing.T, o outcome, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(o.log, w) {
			t.Errorf("the build does not say %q:\n%s", w, o.log)
		}
	}
}

func (o outcome) labelled(tree string) bool {
	for _, label := range o.launch.Labels {
		if label.Key == extension.SliceLabel(tree) {
			return true
		}
	}
	return false
}

// TestScriptTouchesTree: what a script writes into a package is in the slug, in the first build and
// in later ones, and is kept for none.
func TestScriptTouchesTree(t *testing.T) {
	t.Parallel()
	b := newBench(t, small)
	clean := b.build()
	b.script("build", "node touch.js")
	b.write("touch.js", "require('fs').appendFileSync('node_modules/ms/index.js', '// '+require('./stamp.json'))")
	b.write("stamp.json", `"one"`)
	first := b.build()
	says(t, first, "build wrote to ms in node_modules")
	if first.labelled("node_modules") {
		t.Error("a tree that a script wrote to is labelled")
	}
	if first.files["node_modules/ms/index.js"] == clean.files["node_modules/ms/index.js"] {
		t.Error("the script's change is lost")
	}
	second := b.build()
	says(t, second, "Using node_modules from the cache", "build wrote to ms in node_modules")
	equal(t, "again", second.files, first.files)
	b.write("stamp.json", `"two"`)
	third := b.build()
	from := newBench(t, small)
	must(t, os.RemoveAll(from.path("source")))
	must(t, os.CopyFS(from.path("source"), os.DirFS(b.path("source"))))
	equal(t, "with another change", third.files, from.build().files)
}

// TestScriptBeginsToTouch: a tree that was lent to a script which then writes to it is packed anew
// and not kept.
func TestScriptBeginsToTouch(t *testing.T) {
	t.Parallel()
	b := newBench(t, small)
	b.script("build", "node touch.js")
	b.write("touch.js", "")
	first := b.build()
	if !first.labelled("node_modules") {
		t.Fatalf("the tree is not labelled:\n%s", first.log)
	}
	b.write("touch.js", "require('fs').writeFileSync('node_modules/ms/new.js', '1')")
	second := b.build()
	says(t, second, "Using node_modules from the cache", "build wrote to ms")
	if _, ok := second.files["node_modules/ms/new.js"]; !ok || second.labelled("node_modules") {
		t.Error("the new file is lost, or the tree is labelled")
	}
	b.write("touch.js", "")
	third := b.build()
	says(t, third, "Installing anew: the last build kept no full tree")
	equal(t, "after it", third.files, first.files)
	equal(t, "and once more", b.build().files, first.files)
}

// TestFailedScript: a build that fails gives the tree that it was lent back to the cache.
func TestFailedScript(t *testing.T) {
	t.Parallel()
	b := newBench(t, small)
	b.script("build", "node step.js")
	b.write("step.js", "")
	first := b.build()
	b.write("step.js", "process.exit(4)")
	if o := b.try(); o.ok || o.wrong == nil || o.wrong.ID != "node/build-script-failed" {
		t.Errorf("gives %+v", o.wrong)
	}
	b.write("step.js", "")
	again := b.build()
	says(t, again, "Using node_modules from the cache")
	equal(t, "after the failure", again.files, first.files)
}

// TestFrameworkCache: node_modules/.cache and .next/cache outlive the build and are in no slug;
// writing there touches no tree.
func TestFrameworkCache(t *testing.T) {
	t.Parallel()
	b := newBench(t, small)
	b.script("build", "node cache.js")
	b.write("cache.js", `const fs = require('fs')
for (const dir of ['node_modules/.cache/x', '.next/cache']) {
  fs.mkdirSync(dir, { recursive: true })
  const seen = fs.existsSync(dir + '/n') ? Number(fs.readFileSync(dir + '/n')) : 0
  console.log(dir, 'seen', seen)
  fs.writeFileSync(dir + '/n', String(seen + 1))
}`)
	first := b.build()
	says(t, first, "node_modules/.cache/x seen 0", ".next/cache seen 0")
	if !first.labelled("node_modules") {
		t.Errorf("the tree is not labelled:\n%s", first.log)
	}
	second := b.build()
	says(t, second, "node_modules/.cache/x seen 1", ".next/cache seen 1", "Restored .next/cache")
	equal(t, "second", second.files, first.files)
	for name := range second.files {
		if strings.Contains(name, ".cache") || strings.HasPrefix(name, ".next") {
			t.Errorf("%s is in the slug", name)
		}
	}
}

// TestCleanup: heroku-cleanup sees the pruned tree in every build.
func TestCleanup(t *testing.T) {
	t.Parallel()
	b := newBench(t, small)
	b.script("heroku-cleanup", "ls node_modules > left.txt; rm -f node_modules/ms/readme.md")
	first := b.build()
	if first.labelled("node_modules") {
		t.Error("a tree that the cleanup wrote to is labelled")
	}
	equal(t, "second", b.build().files, first.files)
}

// TestWhy: a build that installs again says what changed; one whose kept tree was tampered with
// notices.
func TestWhy(t *testing.T) {
	t.Parallel()
	b := newBench(t, small)
	b.script("build", "true")
	first := b.build()
	b.env["DATABASE_URL"], b.env["NPM_TOKEN"] = "postgres://a", "s3cret"
	says(t, b.build(), "Using node_modules from the cache")
	b.env["SHARP_FORCE_GLOBAL"] = "1"
	says(t, b.build(), "Installing anew: build configuration changed")
	b.edit("package.json", `"version": "1.0.0"`, `"version": "1.0.1"`)
	says(t, b.build(), "Installing anew: package.json changed")
	b.edit("package.json", `"version": "1.0.1"`, `"version": "1.0.0"`)
	delete(b.env, "SHARP_FORCE_GLOBAL")
	b.build()
	must(t, os.WriteFile(b.path("kept/modules/trees/0/ms/index.js"), []byte("evil()"), 0o644))
	again := b.build()
	says(t, again, "Installing anew: the cached tree is not what was kept")
	equal(t, "again", again.files, first.files)
}

// TestAssisting: for another language's app the tree stays whole and on disk, nothing is started
// and nothing is labelled.
func TestAssisting(t *testing.T) {
	t.Parallel()
	b := newBench(t, small)
	b.plan += "[[entries]]\nname = \"node\"\n[entries.metadata]\nassisting = true\n"
	first := b.build()
	says(t, first, "Skipped: the build of another language may need them")
	if len(first.launch.Processes) != 0 || first.labelled("node_modules") {
		t.Errorf("it declares %+v", first.launch)
	}
	if _, ok := first.files["node_modules/is-odd/package.json"]; !ok {
		t.Error("the development dependency is gone")
	}
	second := b.build()
	says(t, second, "Using node_modules from the cache")
	equal(t, "second", second.files, first.files)
}

// TestLive: an install that runs the app's own scripts is never skipped.
func TestLive(t *testing.T) {
	t.Parallel()
	b := newBench(t, small)
	b.script("postinstall", "cp packages/server/index.js copy.js")
	first := b.build()
	b.write("packages/server/index.js", "require('http')")
	second := b.build()
	says(t, second, "Installing anew: package.json has the script postinstall", "Running npm ci")
	if first.files["copy.js"] == second.files["copy.js"] {
		t.Error("postinstall did not run again")
	}
}

// TestScripts: heroku-prebuild comes first, heroku-postbuild replaces build even when it is empty,
// and build gets NODE_BUILD_FLAGS.
func TestScripts(t *testing.T) {
	t.Parallel()
	b := newBench(t, small)
	b.script("build", "echo $NODE_ENV $NODE_OPTIONS")
	b.script("heroku-prebuild", "test ! -e node_modules && echo nothing is installed yet")
	b.env["NODE_BUILD_FLAGS"] = "--mode fast"
	b.env["PATH"] = "/nonexistent"
	says(t, b.build(), "nothing is installed yet", "production --max_old_space_size=2560 --mode fast")
	b.script("heroku-postbuild", "")
	if o := b.build(); strings.Contains(o.log, "production --max") {
		t.Errorf("build ran:\n%s", o.log)
	}
	b.env["NODE_ENV"] = "staging"
	o := b.build()
	says(t, o, "Skipped: NODE_ENV is staging")
	if _, ok := o.files["node_modules/is-odd/package.json"]; !ok {
		t.Error("the development dependency is gone")
	}
}
