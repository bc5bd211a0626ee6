package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// TestSubmodules fetches a submodule for a revision, of which it then says that no buildpack
// matches. What was fetched is kept until all is pruned.
func TestSubmodules(t *testing.T) {
	t.Parallel()
	home, dir := slugctest.Home(t), t.TempDir()
	testkit.Tree(t, dir, map[string]string{"lib/lib.txt": "x", "app/Procfile": "web: true\n"})
	env := append(
		[]string{
			"GIT_AUTHOR_NAME=x",
			"GIT_AUTHOR_EMAIL=x@example.com",
			"GIT_COMMITTER_NAME=x",
			"GIT_COMMITTER_EMAIL=x@example.com",
			"HOME=" + home,
		},
		slugctest.Settings(t)...)
	const commits = `set -e
for r in lib app; do (cd $r; git init -q -b main; git add -A; git commit -qm one); done
cd app
git -c protocol.file.allow=always submodule --quiet add ../lib vendor/lib
git commit -qm submodule`
	if o := slugctest.Shell(t, dir, env, commits); o.Exit != 0 {
		t.Fatal(o.Stderr)
	}
	build := func() (fetched bool) {
		o := slugctest.Run(
			t,
			home,
			"build",
			filepath.Join(dir, "app"),
			"--ref",
			"main",
			"--allow-submodules",
			"file://"+dir+"/*",
		)
		if o.Exit != 20 {
			t.Errorf("exit %d\n%s", o.Exit, o.Stderr)
		}
		return strings.Contains(o.Stderr, "-----> Fetching the submodule vendor/lib from file://"+dir+"/lib\n")
	}
	if !build() {
		t.Error("the first build does not fetch")
	}
	if o := slugctest.Run(t, home, "cache", "ls"); !strings.Contains(o.Stdout, "submodules") {
		t.Errorf("what is kept:\n%s", o.Stdout)
	}
	lib := filepath.Join(dir, "lib")
	if err := os.Rename(lib, lib+".away"); err != nil {
		t.Fatal(err)
	}
	if build() {
		t.Error("the second build fetches")
	}
	if o := slugctest.Run(t, home, "cache", "prune", "--app", "app", "--all"); o.Exit != 0 {
		t.Fatal(o.Stderr)
	}
	if err := os.Rename(lib+".away", lib); err != nil {
		t.Fatal(err)
	}
	if !build() {
		t.Error("the build after pruning does not fetch")
	}
}
