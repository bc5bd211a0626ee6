package source_test

import (
	"path/filepath"
	"testing"

	"slugc/cache/unpack"
	"slugc/compiler/source"
)

// monorepo has an app in apps/web with links out of it.
const monorepo = `mkdir -p apps/web/d static/conf/deep libs tools
	echo c > static/config.json; echo k > static/conf/k; echo l > libs/l; ln -s ../../libs static/conf/libs
	ln -s k static/conf/inside; ln -s ../../../tools/run static/conf/deep/run; printf '#!\n' > tools/run
	chmod +x tools/run; echo '*.bat eol=crlf' > .gitattributes; echo b > static/conf/b.bat
	echo x > apps/web/x; ln -s ../../static/config.json apps/web/config.json
	ln -s ../../../static/conf apps/web/d/conf; ln -s ../x apps/web/d/x;
	ln -s /app/x apps/web/abs; echo run > apps/web/.slugignore
	ln -s apps/web in`

// TestLinksOut stages what links lead to out of the app's directory, the same from every kind of source.
func TestLinksOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(t, dir, monorepo+"\nprintf 'b\\r\\n' > static/conf/b.bat")
	repo := clone(t, dir)
	want := ".slugignore\nabs -> /app/x\nconfig.json\nd/conf/b.bat\nd/conf/inside -> k\nd/conf/k\nd/conf/libs/l\n" +
		"d/x -> ../x\nx"
	digests := map[string]bool{}
	for name, spec := range map[string]source.Spec{
		"dir":     {Dir: dir, Subdir: "apps/web"},
		"by link": {Dir: dir, Subdir: "in"},
		"clone":   {Dir: repo, Subdir: "apps/web"},
		"git":     {Kind: source.Git, Dir: repo, Subdir: "apps/web", Temp: t.TempDir()},
		"tarball": {Kind: source.Tarball, Reader: pack(t, monorepo+"\nprintf 'b\\r\\n' > static/conf/b.bat", "tar c ."),
			Temp: t.TempDir(), Subdir: "apps/web"},
	} {
		tree := stage(t, spec, source.Options{StatCache: filepath.Join(t.TempDir(), "stat")})
		got := sh(t, tree.Root, `find . -type l -printf '%P -> %l\n' -o -type f -printf '%P\n' | LC_ALL=C sort`)
		if got != want {
			t.Errorf("%s: staged\n%s\nwant\n%s", name, got, want)
		}
		digests[string(tree.Digest)] = true
	}
	if len(digests) != 1 {
		t.Errorf("digests %v", digests)
	}
}

// TestLinksOutRefused names a link that leads nowhere in the source, and ends for links in a circle.
func TestLinksOutRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ script, id, says string }{
		"out":      {"ln -s ../../../etc apps/web/l", "source/entry-refused", "leads out of the source"},
		"absolute": {"ln -s /etc m; ln -s ../../m apps/web/l", "source/entry-refused", `leads to "/etc"`},
		"missing":  {"ln -s ../../none apps/web/l", "source/entry-refused", "not in the source"},
		"itself":   {"ln -s ../.. apps/web/l", "source/entry-refused", "has the link itself in it"},
		"circle":   {"ln -s ../../m apps/web/l; ln -s n m; ln -s m n", "source/entry-refused", "too many links"},
		"for ever": {"mkdir a b; ln -s ../b a/x; ln -s ../a b/x; ln -s ../../a apps/web/l", "source/too-large",
			"/x"},
		"absolute in a directory": {"mkdir a; ln -s /var/lib/x a/x; ln -s ../../a apps/web/l", "source/entry-refused",
			`"/var/lib/x", an absolute path`},
		"plain": {"ln -s /app/../etc apps/web/l", "source/entry-refused", "an absolute path"},
	} {
		dir := t.TempDir()
		sh(t, dir, "mkdir -p apps/web; touch apps/web/x;"+tt.script)
		o := source.Options{Limits: unpack.Limits{Depth: 30}}
		for _, spec := range []source.Spec{
			{Dir: dir, Subdir: "apps/web"},
			{Kind: source.Git, Dir: clone(t, dir), Subdir: "apps/web", Temp: t.TempDir()},
		} {
			_, err := source.Open(t.Context(), spec, o)
			if err == nil {
				t.Errorf("%s: no error", name)
				continue
			}
			wantFault(t, err, tt.id, tt.says)
		}
	}
}

// TestLinksOutAndGit leaves out what git ignores of a directory that a link leads to.
func TestLinksOutAndGit(t *testing.T) {
	t.Parallel()
	dir, env := workTree(t, `mkdir -p apps/web static/tmp gen; touch apps/web/x static/a static/b.log static/tmp/c gen/g
		printf '*.log\ngen/\n' > .gitignore; echo tmp > static/.gitignore
		ln -s ../../static apps/web/static; ln -s ../../gen apps/web/gen`)
	tree := stage(t, source.Spec{Dir: dir, Subdir: "apps/web", Env: env}, source.Options{})
	if got := files(t, tree); got != "gen/g\nstatic/.gitignore\nstatic/a\nx" {
		t.Errorf("staged %q", got)
	}
}
