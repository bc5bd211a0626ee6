package node_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/buildpacks/buildpacktest"
	"slugc/cache/testkit"
)

// small is a workspace with one development dependency: the quickest app that has something to
// prune.
const small = "node-npm-workspaces"

// script gives the app a script.
func (b *bench) script(name, text string) {
	b.Edit("package.json", `"scripts": {`, `"scripts": { "`+name+`": "`+text+`",`)
}

// TestScriptTouchesTree holds that what a script writes into a package is in the slug of each
// build, and is kept for none.
func TestScriptTouchesTree(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, small)
	b.script("build", "node touch.js")
	b.Write("touch.js", "require('fs').appendFileSync('node_modules/ms/index.js', '// '+require('./stamp.json'))")
	b.Write("stamp.json", `"one"`)
	first := b.build()
	first.Says(t, "build wrote to ms in node_modules")
	if first.HasSliceKey("node_modules") {
		t.Error("a tree that a script wrote to has a key")
	}
	if text := testkit.Read(t, filepath.Join(b.App, "node_modules/ms/index.js")); !strings.HasSuffix(text, "// one") {
		t.Errorf("the script's change is lost: %q", text[max(0, len(text)-100):])
	}
	second := b.build()
	second.Says(t, "Using node_modules from the cache", "build wrote to ms in node_modules")
	buildpacktest.Equal(t, "again", second.files, first.files)
	b.Write("stamp.json", `"two"`)
	third := b.build()
	fresh := newWarmBench(t, small)
	fresh.CopySource(b.Source(""))
	buildpacktest.Equal(t, "with another change", third.files, fresh.build().files)
}

// TestScriptStartsToTouch holds that a borrowed tree that a script writes to is packed from disk
// and not kept.
func TestScriptStartsToTouch(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, small)
	b.script("build", "node touch.js")
	b.Write("touch.js", "")
	first := b.build()
	if !first.HasSliceKey("node_modules") {
		t.Fatalf("the tree has no key:\n%s", first.Log)
	}
	b.Write("touch.js", "require('fs').writeFileSync('node_modules/ms/new.js', '1')")
	second := b.build()
	second.Says(t, "Using node_modules from the cache", "build wrote to ms")
	if _, ok := second.files["node_modules/ms/new.js"]; !ok || second.HasSliceKey("node_modules") {
		t.Error("the new file is lost, or the tree has a key")
	}
	b.Write("touch.js", "")
	third := b.build()
	third.Says(t, "Installing from scratch: the last build kept no full tree")
	buildpacktest.Equal(t, "after it", third.files, first.files)
	buildpacktest.Equal(t, "and once more", b.build().files, first.files)
}

// TestFailedScript holds that a build that fails keeps the tree that it has installed, and returns one that
// it has borrowed to the cache.
func TestFailedScript(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, small)
	b.script("build", "node step.js")
	b.Write("step.js", "process.exit(4)")
	b.fail("node/build-script-failed").Says(t, "Installing from scratch: nothing is cached")
	b.Write("step.js", "")
	first := b.build()
	first.Says(t, "Using node_modules from the cache")
	b.Write("step.js", "process.exit(4)")
	b.fail("node/build-script-failed")
	b.Write("step.js", "")
	again := b.build()
	again.Says(t, "Using node_modules from the cache")
	buildpacktest.Equal(t, "after the failure", again.files, first.files)
}

// TestFrameworkCache holds that node_modules/.cache and .next/cache outlive the build and are in no
// slug, and that writing there touches no tree.
func TestFrameworkCache(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, small)
	b.script("build", "node cache.js")
	b.Write("cache.js", `const fs = require('fs')
for (const dir of ['node_modules/.cache/x', '.next/cache']) {
  fs.mkdirSync(dir, { recursive: true })
  const seen = fs.existsSync(dir + '/n') ? Number(fs.readFileSync(dir + '/n')) : 0
  console.log(dir, 'seen', seen)
  fs.writeFileSync(dir + '/n', String(seen + 1))
}`)
	first := b.build()
	first.Says(t, "node_modules/.cache/x seen 0", ".next/cache seen 0")
	if !first.HasSliceKey("node_modules") {
		t.Errorf("the tree has no key:\n%s", first.Log)
	}
	second := b.build()
	second.Says(t, "node_modules/.cache/x seen 1", ".next/cache seen 1", "Restored .next/cache")
	buildpacktest.Equal(t, "second", second.files, first.files)
	for name := range second.files {
		if strings.Contains(name, ".cache") || strings.HasPrefix(name, ".next") {
			t.Errorf("%s is in the slug", name)
		}
	}
}

// TestInstallCache holds that what the install itself puts into node_modules/.cache is in the slug, and that
// only what the build script adds is taken out and comes back.
func TestInstallCache(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, small)
	b.script("postinstall", "mkdir -p node_modules/.cache/browser && echo chrome > node_modules/.cache/browser/bin")
	b.script("build", "node cache.js")
	b.Write("cache.js", `const fs = require('fs'), dir = 'node_modules/.cache/'
console.log('seen', fs.existsSync(dir + 'bundler/n'), fs.existsSync(dir + 'browser/profile'))
fs.mkdirSync(dir + 'bundler', { recursive: true })
for (const name of ['bundler/n', 'browser/profile']) fs.writeFileSync(dir + name, '1')`)
	first := b.build()
	first.Says(t, "seen false false")
	buildpacktest.Want{
		Present: []string{"node_modules/.cache/browser/bin"},
		Absent:  []string{"node_modules/.cache/bundler", "node_modules/.cache/browser/profile"},
	}.Check(t, first.Outcome, first.files)
	second := b.build()
	second.Says(t, "seen true true")
	buildpacktest.Equal(t, "second", second.files, first.files)
}

// TestCacheDirectories holds that the directories of cacheDirectories come back before the build script and
// are in the slug, and that one that cannot be kept is named.
func TestCacheDirectories(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, small)
	b.Edit("package.json", `"scripts": {`, `"cacheDirectories": ["node_modules", ".build-cache", "client/node_modules",
		"../outside", "link/deep", "/etc"], "scripts": {`)
	b.script(
		"build",
		"mkdir -p .build-cache client/node_modules && echo x | tee -a .build-cache/log >> client/node_modules/log",
	)
	must(t, os.Symlink("/tmp", b.Source("link")))
	first := b.build()
	for _, bad := range []string{"../outside", "link/deep", "/etc"} {
		if n := strings.Count(first.Log, fmt.Sprintf("cacheDirectories names %q", bad)); n != 1 {
			t.Errorf("%s is named %d times:\n%s", bad, n, first.Log)
		}
	}
	second := b.build()
	second.Says(t, "Restored .build-cache", "Restored client/node_modules")
	for _, name := range []string{".build-cache/log", "client/node_modules/log"} {
		if text := testkit.Read(t, filepath.Join(b.App, name)); text != "x\nx\n" {
			t.Errorf("%s has %q", name, text)
		}
	}
}

// TestOwnCacheDirectory holds that a directory of cacheDirectories that the app itself brings is not kept: its files
// would come back when the app has them no longer.
func TestOwnCacheDirectory(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, small)
	b.Edit("package.json", `"scripts": {`, `"cacheDirectories": ["own"], "scripts": {`)
	b.script("build", "true")
	testkit.Write(t, b.Source("own/file"), "the app's")
	b.build()
	must(t, os.RemoveAll(b.Source("own")))
	b.build()
	if testkit.Exists(b.App, "own") {
		t.Error("a directory that the app no longer has comes back")
	}
}

// TestCleanup holds that heroku-cleanup sees the pruned tree in each build.
func TestCleanup(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, small)
	b.script("heroku-cleanup", "ls node_modules > left.txt; rm -f node_modules/ms/readme.md")
	first := b.build()
	if first.HasSliceKey("node_modules") {
		t.Error("a tree that the cleanup wrote to has a key")
	}
	buildpacktest.Equal(t, "second", b.build().files, first.files)
}

// TestReasons holds that a build that installs again says what changed, and that a kept tree that
// was tampered with is noticed. To notice it, and what a script writes, each directory of the tree is read once
// before the script and once after it.
func TestReasons(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, small)
	b.script("build", "true")
	b.build()
	b.Config["DATABASE_URL"], b.Config["NPM_TOKEN"] = "postgres://a", "s3cret"
	opened := opens(t, b.Layer("modules/trees/0/ms"))
	b.build().Says(t, "Using node_modules from the cache")
	if n := opened(); n != 2 {
		t.Errorf("a directory of the kept tree is read %d times", n)
	}
	b.Config["SHARP_FORCE_GLOBAL"] = "1"
	b.build().Says(t, "Installing from scratch: build configuration changed")
	b.Edit("package.json", `"version": "1.0.0"`, `"version": "1.0.1"`)
	first := b.build()
	first.Says(t, "Installing from scratch: package.json changed")
	must(t, os.WriteFile(b.Layer("modules/trees/0/ms/index.js"), []byte("evil()"), 0o644))
	again := b.build()
	again.Says(t, "Installing from scratch: the cached tree is not what was kept")
	buildpacktest.Equal(t, "again", again.files, first.files)
}

// TestAssisting holds that for another language's app the tree stays whole and on disk, and that no
// process and no key is declared.
func TestAssisting(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, small)
	b.Plan += "[[entries]]\nname = \"node\"\n[entries.metadata]\nassisting = true\n"
	first := b.build()
	first.Says(t, "Skipped: the build of another language may need them")
	if len(first.Launch.Processes) != 0 || first.HasSliceKey("node_modules") {
		t.Errorf("it declares %+v", first.Launch)
	}
	if !first.files.Has("node_modules/is-odd/package.json") {
		t.Error("the development dependency is gone")
	}
	second := b.build()
	second.Says(t, "Using node_modules from the cache")
	buildpacktest.Equal(t, "second", second.files, first.files)
}

// TestInstallScript holds that an install that runs the app's own scripts is never skipped.
func TestInstallScript(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, small)
	b.script("postinstall", "cp packages/server/index.js copy.js")
	first := b.build()
	b.Write("packages/server/index.js", "require('http')")
	second := b.build()
	second.Says(t, "Installing from scratch: package.json has the script postinstall", "Running npm ci")
	if first.files["copy.js"] == second.files["copy.js"] {
		t.Error("postinstall did not run again")
	}
}

// TestScripts holds that heroku-prebuild comes first, that heroku-postbuild replaces build even
// when it is empty, and that build gets NODE_BUILD_FLAGS.
func TestScripts(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t, small)
	b.script("build", "echo $NODE_ENV $NODE_OPTIONS")
	b.script("heroku-prebuild", "test ! -e node_modules && echo nothing is installed yet")
	b.Config["NODE_BUILD_FLAGS"] = "--mode fast"
	b.Config["PATH"] = "/nonexistent"
	b.build().Says(t, "nothing is installed yet", "production --max_old_space_size=2560 --mode fast")
	b.script("heroku-postbuild", "")
	if o := b.build(); strings.Contains(o.Log, "production --max") {
		t.Errorf("build ran:\n%s", o.Log)
	}
	b.Config["NODE_ENV"] = "staging"
	o := b.build()
	o.Says(t, "Skipped: NODE_ENV is staging")
	if !o.files.Has("node_modules/is-odd/package.json") {
		t.Error("the development dependency is gone")
	}
}
