package source_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slugc/compiler/fault"
	"slugc/compiler/source"
)

// app is a source with a little of everything that is allowed.
const app = `set -e
mkdir -p bin lib/deep/er node_modules/.bin node_modules/tool empty log tmp/cache
printf '#!/bin/sh\n' > bin/run; chmod 700 bin/run
printf 'module' > lib/deep/er/a.go
printf 'x' > node_modules/tool/cli.js; chmod 755 node_modules/tool/cli.js
ln -s ../tool/cli.js node_modules/.bin/tool
ln -s nowhere dangling
ln -s lib/deep here
printf 'l' > log/dev.log; printf 'k' > log/keep; printf 't' > tmp/cache/t
printf '*.log\ntmp/\n# comment\n' > .slugignore
printf 'web: bin/run\n' > Procfile
printf '' > nothing
printf 'ü' > 'größe mit space'
printf 'a.b' > a.b; mkdir a; printf 'a' > a/b
`

func TestEqualDigests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(t, dir, app)
	repo := clone(t, dir)
	tarball := filepath.Join(t.TempDir(), "t.tgz")
	sh(t, filepath.Dir(dir), `tar -czf "$0" --transform "s,^$1,app-1.0," "$1"`, tarball, filepath.Base(dir))
	f, err := os.Open(tarball)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var first *source.Tree
	for name, spec := range map[string]source.Spec{
		"dir":      {Kind: source.Dir, Dir: dir},
		"worktree": {Kind: source.Git, Dir: repo, Ref: "HEAD"},
		"bare":     {Kind: source.Git, Dir: filepath.Join(repo, ".git"), Ref: "main"},
		"tarball":  {Kind: source.Tarball, Reader: f, Temp: t.TempDir()},
	} {
		tree := stage(t, spec, source.Options{})
		if first == nil {
			first = tree
		}
		if tree.Digest != first.Digest || tree.Files != first.Files || tree.Bytes != first.Bytes ||
			tree.Ignored != first.Ignored {
			t.Errorf("%s: %+v, want as %+v", name, tree, first)
		}
		if diff := sh(t, "/",
			`diff -r --no-dereference "$0" "$1" && cd "$0" &&
				find . -printf '%p %m %y %l\n' | sort > /tmp/a.$$ && cd "$1" &&
				find . -printf '%p %m %y %l\n' | sort | diff /tmp/a.$$ -; rm -f /tmp/a.$$`, first.Root,
			tree.Root); diff != "" {
			t.Errorf("%s differs:\n%s", name, diff)
		}
		if want := name == "worktree" || name == "bare"; (tree.Commit != "") != want {
			t.Errorf("%s: commit = %q", name, tree.Commit)
		}
	}
	if _, err := os.Stat(filepath.Join(first.Root, "log/dev.log")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("log/dev.log is not ignored: %v", err)
	}
}

// stage opens and stages a source and checks that the staged tree has the digest that it says.
func stage(t *testing.T, spec source.Spec, o source.Options) *source.Tree {
	t.Helper()
	s := open(t, spec, o)
	dest := filepath.Join(t.TempDir(), "tree")
	tree, err := s.Stage(context.Background(), dest)
	if err != nil {
		t.Fatalf("Stage: %v", err)
	}
	if tree.Digest != s.Digest() {
		t.Errorf("digest of tree %s, of source %s", tree.Digest, s.Digest())
	}
	again := open(t, source.Spec{Kind: source.Dir, Dir: dest}, source.Options{})
	if again.Digest() != tree.Digest {
		t.Errorf("digest of what was staged is %s, not %s", again.Digest(), tree.Digest)
	}
	return tree
}

func open(t *testing.T, spec source.Spec, o source.Options) *source.Source {
	t.Helper()
	s, err := source.Open(context.Background(), spec, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// clone makes a repository with everything in dir in one commit.
func clone(t *testing.T, dir string) string {
	t.Helper()
	repo := filepath.Join(t.TempDir(), "repo")
	sh(
		t,
		"/",
		`cp -a "$0" "$1" && cd "$1" && git init -q -b main && git add -A -f && git commit -q -m one &&
			git tag -a -m v v1`,
		dir,
		repo,
	)
	return repo
}

// sh runs a script; its arguments are $0, $1 and so on.
func sh(t testing.TB, dir, script string, args ...string) string {
	t.Helper()
	cmd := exec.Command("bash", append([]string{"-c", script}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a",
		"GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}

// wantFault checks the id of an error and that it names what it is about.
func wantFault(t *testing.T, err error, id, names string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", id)
	}
	if f := fault.Of(err); f.ID != id || !strings.Contains(err.Error(), names) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %s %q, want %s that names %q", f.ID, err, id, names)
	}
}
