package node

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/tree"
	"slugc/cache/testkit"
)

// take takes the manifest of a tree.
func take(t *testing.T, dir string) manifest {
	t.Helper()
	m, err := takeManifest(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestManifest(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	modules := filepath.Join(root, "node_modules")
	for _, name := range []string{"a/index.js", "a/lib/x.js", "b/index.js", "c/index.js"} {
		testkit.Write(t, filepath.Join(modules, name), "1")
	}
	if err := os.Symlink("../a/index.js", filepath.Join(modules, "b/link")); err != nil {
		t.Fatal(err)
	}
	before := take(t, modules)
	moved := filepath.Join(root, "elsewhere")
	if err := os.Rename(modules, moved); err != nil {
		t.Fatal(err)
	}
	after := take(t, moved)
	if changes := before.changes(after, false); len(changes) > 0 || before.digest() != after.digest() {
		t.Errorf("renaming the tree changes %q", changes)
	}
	info, err := os.Stat(filepath.Join(moved, "a/index.js"))
	if err != nil {
		t.Fatal(err)
	}
	testkit.Write(t, filepath.Join(moved, "a/index.js"), "2") // same size, and below the same time: only ctime tells
	if err := os.Chtimes(filepath.Join(moved, "a/index.js"), time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	testkit.Write(t, filepath.Join(moved, "b/new.js"), "3")
	if err := os.Remove(filepath.Join(moved, "c/index.js")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(moved, "a/lib"), 0o700); err != nil {
		t.Fatal(err)
	}
	want := []string{"a/index.js", "a/lib", "b/new.js", "c/index.js"}
	if diff := cmp.Diff(want, before.changes(take(t, moved), false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPackageOf(t *testing.T) {
	t.Parallel()
	for rel, want := range map[string]string{
		"ms/index.js": "ms", "@a/b/lib/x.js": "@a/b", ".bin/tsc": ".bin", "a/node_modules/b/x.js": "b",
		".pnpm/ms@2.1.3/node_modules/ms/index.js": "ms", "a/node_modules/@c/d": "@c/d",
	} {
		if got := packageOf(rel); got != want {
			t.Errorf("%q is of %q, want %q", rel, got, want)
		}
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	modules := t.TempDir()
	keep := []string{
		"addon/build/Release/addon.node", "addon/build/Release/lib.so", "addon/index.js",
		"tool/build/Makefile", "tool/build/obj/data.json", // a package's own build directory is not node-gyp's
	}
	drop := []string{
		".modules.yaml", ".package-lock.json", ".pnpm-workspace-state-v1.json",
		"addon/build/config.gypi", "addon/build/Makefile", "addon/build/addon.target.mk",
		"addon/build/binding.Makefile", "addon/build/Release/obj.target/addon.o", "addon/build/Release/.deps/addon.d",
		"addon/gyp/__pycache__/x.pyc",
	}
	for _, name := range slices.Concat(keep, drop) {
		testkit.Write(t, filepath.Join(modules, name), "x")
	}
	if err := scrub(modules); err != nil {
		t.Fatal(err)
	}
	for _, name := range keep {
		if !tree.Exists(filepath.Join(modules, name)) {
			t.Errorf("%s is gone", name)
		}
	}
	for _, name := range drop {
		if tree.Exists(filepath.Join(modules, name)) {
			t.Errorf("%s is still there", name)
		}
	}
}
