package source_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/digest"
	"slugc/cache/testkit"
	"slugc/compiler/source"
	"slugc/detect"
)

// workTree makes a git work tree with a script, which commits what it likes. It returns the work tree
// and the environment of slugc: a home with a configuration of git.
func workTree(t *testing.T, script string) (dir string, env []string) {
	t.Helper()
	at := t.TempDir()
	dir, home := filepath.Join(at, "repo"), filepath.Join(at, "home")
	const start = `mkdir -p "$0" "$1/.config/git" && cd "$0" && git init -q -b main && export HOME="$1" &&`
	sh(t, "/", start+script, dir, home)
	return dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
}

// files are the files of a staged tree, sorted.
func files(t *testing.T, tree *source.Tree) string {
	t.Helper()
	return sh(t, tree.Root, "find . -type f -o -type l | sed 's,^./,,' | LC_ALL=C sort")
}

const rules = `
	printf 'node_modules/\n/build/*\n!/build/keep\n*.log\ntmp\n' > .gitignore
	mkdir -p node_modules/a build app/log app/deep/tmp vendor/cache lib/x tmp "odd"
	touch node_modules/a/index.js build/drop build/keep app/log/dev.log app/log/keep.log app/deep/tmp/x app/main.js
	touch vendor/cache/a.gem vendor/cache/b.gem lib/x/y lib/x/z local.txt new.txt "odd/a
b.log"
	printf '!keep.log\n' > app/log/.gitignore
	printf 'cache/*\n' > vendor/.gitignore
	printf 'x/\n' > lib/.gitignore
	ln -s nowhere tmp/link; mkfifo tmp/fifo
	printf 'local.txt\n' >> .git/info/exclude
	git add -A && git add -f vendor/cache/a.gem lib/x/y && git commit -qm one
	mkdir .idea; touch .idea/w .env.sample; rm new.txt; echo changed > app/main.js; touch untracked.js`

// TestGitIgnores stages of a work tree what git itself lists as tracked or untracked.
func TestGitIgnores(t *testing.T) {
	t.Parallel()
	dir, env := workTree(t, rules)
	for name, config := range map[string]string{
		"no user's rules": "",
		"usual file":      `printf '.env*\n.idea\n' > "$0/.config/git/ignore"`,
		"named file": `printf '.env*\n.idea\n' > "$0/mine"; rm "$0/.config/git/ignore"
			git config -f "$0/.gitconfig" core.excludesFile '~/mine'`,
	} {
		home := strings.TrimPrefix(env[1], "HOME=")
		sh(t, dir, config+"\n true", home)
		for _, sub := range []string{"", "app", "app/log", "vendor", "lib"} {
			at := filepath.Join(dir, sub)
			want := sh(t, at, `unset GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM XDG_CONFIG_HOME; export HOME="$0"
				git ls-files -d > "$0/gone"
				{ git ls-files -z -c; git ls-files -z -o --exclude-standard; } | tr '\0' '\n' | LC_ALL=C sort -u |
					grep -vxFf "$0/gone"`, home)
			tree := stage(t, source.Spec{Dir: at, Env: append(env, "XDG_CONFIG_HOME=")}, source.Options{})
			if got := files(t, tree); got != want {
				t.Errorf("%s, %q: staged\n%s\ngit has\n%s", name, sub, got, want)
			}
			if len(tree.Warnings) > 0 || sub == "" && !strings.HasPrefix(tree.LeftOut, "Left out ") {
				t.Errorf("%s, %q: %q %q", name, sub, tree.LeftOut, tree.Warnings)
			}
		}
	}
}

// TestIncludeIgnored takes everything, and applies .slugignore all the same.
func TestIncludeIgnored(t *testing.T) {
	t.Parallel()
	dir, env := workTree(t, `printf 'dist/\n.env\n' > .gitignore; mkdir dist; touch dist/a dist/b .env c
		echo dist/b > .slugignore`)
	tree := stage(t, source.Spec{Dir: dir, Env: env}, source.Options{})
	if got := files(t, tree); got != ".gitignore\n.slugignore\nc" || tree.Ignored != 0 {
		t.Errorf("staged %q, ignored %d", got, tree.Ignored)
	}
	if want := "Left out 2 paths that git ignores: dist/, .env (--include-ignored)"; tree.LeftOut != want {
		t.Errorf("%q, want %q", tree.LeftOut, want)
	}
	tree = stage(t, source.Spec{Dir: dir, Env: env, IncludeIgnored: true}, source.Options{})
	if got := files(t, tree); got != ".env\n.gitignore\n.slugignore\nc\ndist/a" || tree.LeftOut != "" ||
		tree.Ignored != 1 {
		t.Errorf("staged %q, ignored %d, %q", got, tree.Ignored, tree.LeftOut)
	}
}

// TestIgnoredDirectory takes a directory whole that git ignores itself, and only what is tracked of
// one that git ignores otherwise.
func TestIgnoredDirectory(t *testing.T) {
	t.Parallel()
	dir, env := workTree(t, `printf 'out/\nmixed/\n' > .gitignore; mkdir -p out/app mixed/app
		touch out/app/a mixed/app/a mixed/app/b; git add -f mixed/app/a`)
	tree := stage(t, source.Spec{Dir: dir, Subdir: "out/app", Env: env}, source.Options{})
	if got := files(t, tree); got != "a" || !strings.Contains(tree.LeftOut, "ignores this directory itself") {
		t.Errorf("out: staged %q, %q", got, tree.LeftOut)
	}
	tree = stage(t, source.Spec{Dir: filepath.Join(dir, "mixed/app"), Env: env}, source.Options{})
	if got := files(t, tree); got != "a" {
		t.Errorf("mixed: staged %q", got)
	}
}

// TestWorkTreesInOthers reads submodules and linked work trees by their own index and rules.
func TestWorkTreesInOthers(t *testing.T) {
	t.Parallel()
	dir, env := workTree(t, `git commit -q --allow-empty -m zero
		git init -q ../lib
		(cd ../lib && echo '*.o' > .gitignore && touch a.o a.log && git add -f . && git commit -qm x)
		git -c protocol.file.allow=always submodule --quiet add ../lib lib 2>&1
		printf '*.log\nlib/gone\nlinked\n' > .gitignore; git add -A; git commit -qm one
		touch lib/b.o lib/b.log lib/gone b.log
		git worktree add -q linked && touch linked/b.log linked/c`)
	if got, want := files(t, stage(t, source.Spec{Dir: dir, Env: env}, source.Options{})),
		".gitignore\n.gitmodules\nlib/.gitignore\nlib/a.log\nlib/a.o\nlib/b.log\nlib/gone"; got != want {
		t.Errorf("with a submodule: staged\n%s\nwant\n%s", got, want)
	}
	for sub, want := range map[string]string{
		"lib": ".gitignore\na.log\na.o\nb.log\ngone", "linked": ".gitignore\n.gitmodules\nc",
	} {
		tree := stage(t, source.Spec{Dir: filepath.Join(dir, sub), Env: env}, source.Options{})
		if got := files(t, tree); got != want {
			t.Errorf("%s: staged\n%s\nwant\n%s", sub, got, want)
		}
	}
}

// TestHostileRepository runs nothing that a repository names.
func TestHostileRepository(t *testing.T) {
	t.Parallel()
	dir, env := workTree(t, `printf '*.log\n' > .gitignore; echo '* filter=evil' > .gitattributes; touch a b.log
		printf '#!/bin/sh\ntouch "%s/../ran"\n' "$0" > ../evil; chmod +x ../evil
		git add a .gitignore .gitattributes; git commit -qm x
		for key in core.fsmonitor core.sshCommand core.pager pager.ls-files alias.ls-files alias.config \
			filter.evil.clean filter.evil.smudge filter.evil.process diff.external credential.helper
		do git config $key "$0/../evil"; done
		git config core.hooksPath "$0/.git/hooks"; git config core.excludesFile "$0/../pipe"; mkfifo ../pipe
		for hook in post-index-change pre-commit fsmonitor-watchman; do cp ../evil .git/hooks/$hook; done
		rm -f ../ran`)
	tree := stage(t, source.Spec{Dir: dir, Env: env}, source.Options{})
	if got := files(t, tree); got != ".gitattributes\n.gitignore\na" {
		t.Errorf("staged %q", got)
	}
	if testkit.Exists(filepath.Join(dir, "../ran")) {
		t.Error("a program of the repository ran")
	}
}

// TestGitInTrouble takes everything, with a warning, where git cannot say what is tracked.
func TestGitInTrouble(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"no git":         "",
		"index":          "echo damaged > .git/index",
		"rules too long": "seq 100000 > .gitignore",
		"rules too dear": `mkdir -p d
			head -c 60000 /dev/zero | tr '\0' x | fold -w 250 | sed 's/x/*x/g;s/^/a/' > .gitignore
			(cd d; touch $(seq -f "%0200g" 300 | tr 0 x))`,
	} {
		dir, env := workTree(t, `printf '*.log\n' > .gitignore; touch a.log a`)
		if sh(t, dir, script+"\ntrue"); name == "no git" {
			env[0] = "PATH=" + t.TempDir()
		}
		tree := stage(t, source.Spec{Dir: dir, Env: env}, source.Options{})
		if !strings.Contains(files(t, tree), "a.log") || tree.LeftOut != "" ||
			!strings.Contains(strings.Join(tree.Warnings, "\n"), "What git ignores is not left out") {
			t.Errorf("%s: staged %q, %q %q", name, files(t, tree), tree.LeftOut, tree.Warnings)
		}
	}
}

// TestChangedRules notices other rules with a stat cache, and asks git for nothing that no rule matches.
func TestChangedRules(t *testing.T) {
	t.Parallel()
	dir, env := workTree(t, `touch a b.log; git add a`)
	o := source.Options{StatCache: filepath.Join(t.TempDir(), "stat")}
	env[0] = "PATH=" + t.TempDir()
	first := stage(t, source.Spec{Dir: dir, Env: env}, o)
	if len(first.Warnings) > 0 {
		t.Errorf("warnings %q", first.Warnings)
	}
	env[0] = "PATH=" + os.Getenv("PATH")
	sh(t, dir, "echo '*.log' > .git/info/exclude")
	if second := stage(t, source.Spec{Dir: dir, Env: env}, o); second.Digest == first.Digest || second.Files != 1 {
		t.Errorf("with other rules: %+v", second)
	}
}

// TestSelect stages an app with what is selected of what it is part of: the source, or its work tree if that is
// more. The tree is the same whatever the source is.
func TestSelect(t *testing.T) {
	t.Parallel()
	dir, env := workTree(t, `mkdir -p apps/api/log apps/web lib/src other; echo r > root; touch apps/api/x apps/a
		touch apps/web/w apps/web/package.json lib/src/l other/o; echo 'lib/src/*.tmp' > .slugignore
		touch lib/src/b.tmp apps/api/y; echo y > apps/api/.slugignore; echo '*.log' > .gitignore
		touch apps/api/log/z.log; ln -s ../../lib/src/l apps/api/in; ln -s ../../other apps/api/out
		ln -s ../../none apps/api/none; git add -A; git commit -qm x`)
	archive := filepath.Join(t.TempDir(), "app.tar")
	sh(t, dir, "git archive -o "+archive+" HEAD")
	tarball, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tarball.Close() })
	taken := &detect.Selection{
		Member: "apps/api", Root: ".", Dirs: []string{"apps/api", "lib"}, Files: []string{"apps/web/package.json"},
	}
	choose := func(around fs.FS, member string) (*detect.Selection, error) {
		for file, want := range map[string]string{
			"root": "r\n", "none": "", "apps": "", "../x": "", ".gitignore": "*.log\n",
		} {
			if got, err := fs.ReadFile(around, file); string(got) != want || (err == nil) != (want != "") {
				t.Errorf("%s is %q (%v)", file, got, err)
			}
		}
		entries, err := fs.ReadDir(around, "apps")
		if err != nil || len(entries) != 3 || entries[0].IsDir() || !entries[1].IsDir() || member != taken.Member {
			t.Errorf("%s: the directory has %v (%v)", member, entries, err)
		}
		return taken, nil
	}
	want := []string{
		".gitignore", ".slugignore", "apps/a", "apps/api/.slugignore", "apps/api/in", "apps/api/none",
		"apps/api/out/o", "apps/api/x", "apps/web/package.json", "lib/src/l", "root",
	}
	var digest digest.Digest
	for name, spec := range map[string]source.Spec{
		"subdir":    {Dir: dir, Subdir: "apps/api", Env: env},
		"work tree": {Dir: filepath.Join(dir, "apps/api"), Env: env},
		"both":      {Dir: filepath.Join(dir, "apps"), Subdir: "api", Env: env},
		"git":       {Kind: source.Git, Dir: dir, Subdir: "apps/api"},
		"tarball":   {Kind: source.Tarball, Reader: tarball, Temp: t.TempDir(), Subdir: "apps/api"},
	} {
		spec.Select = choose
		s := open(t, spec, source.Options{})
		tree, err := s.Stage(t.Context(), filepath.Join(t.TempDir(), "app"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, treeFiles(t, tree.Root)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if digest == "" {
			digest = tree.Digest
		}
		if s.Member() != "apps/api" || tree.Digest != digest {
			t.Errorf("%s: the app is in %q, and the digest %s, not %s", name, s.Member(), tree.Digest, digest)
		}
	}
	for name, spec := range map[string]source.Spec{
		"all": {Dir: dir, Env: env}, "all of a tree": {Kind: source.Git, Dir: dir},
		"alone": {Dir: dir, Subdir: "apps/web", Env: env},
	} {
		spec.Select = func(fs.FS, string) (*detect.Selection, error) {
			if name != "alone" {
				t.Errorf("%s: there is nothing around the app", name)
			}
			return nil, nil
		}
		if s := open(t, spec, source.Options{}); s.Member() != "" {
			t.Errorf("%s: the app is in %q", name, s.Member())
		}
	}
}

// TestSelectSubmodule shows a submodule of a git tree as a directory, and does not fetch one that is not selected.
func TestSelectSubmodule(t *testing.T) {
	t.Parallel()
	dir, _ := workTree(t, `mkdir app; touch app/x; git add -A; git commit -qm x
		git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),libs/sub; git commit -qm y`)
	s := open(t, source.Spec{Kind: source.Git, Dir: dir, Subdir: "app",
		Select: func(around fs.FS, member string) (*detect.Selection, error) {
			if info, err := fs.Stat(around, "libs/sub"); err != nil || !info.IsDir() {
				t.Errorf("the submodule is %v (%v)", info, err)
			}
			return &detect.Selection{Member: member, Root: ".", Dirs: []string{member}}, nil
		}}, source.Options{})
	if top := s.Top(); !cmp.Equal(top, []string{"app"}) {
		t.Errorf("the tree has %q", top)
	}
}

// treeFiles returns the files and links below dir.
func treeFiles(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
