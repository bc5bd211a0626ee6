package source_test

import (
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/compiler/source"
)

// attributed makes files that git converts in either direction, at the root and in the app's directory.
const attributed = `
	printf '*.bat text eol=crlf\n*.id ident\n*.u16 working-tree-encoding=UTF-16LE\n' > .gitattributes
	printf '[attr]dos text eol=crlf\n*.dos dos\n' >> .gitattributes
	mkdir -p app/deep; printf '*.txt text=auto eol=crlf\n*.bat -text\n' > app/.gitattributes
	echo '.git*' > app/.slugignore
	for d in . app app/deep; do
		printf 'a\nb\n' > $d/a.bat; printf 'x $Id$ y\n' > $d/b.id; printf 'h\0i\0' > $d/c.u16
		printf 'a\n' > $d/d.txt; printf 'a\0\n' > $d/bin.txt; printf 'a\n' > "$d/odd
name.dos"; ln -s a.bat $d/link.bat
	done; chmod +x app/a.bat`

// TestAttributes stages of a git tree what a clone of it holds.
func TestAttributes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(t, dir, attributed)
	repo := clone(t, dir)
	bare := filepath.Join(t.TempDir(), "bare.git")
	sh(t, "/", `git clone -q --bare "$0" "$1" && git clone -q "$1" "$2"`, repo, bare, filepath.Join(t.TempDir(), "c"))
	for _, sub := range []string{"", "app", "app/deep"} {
		work := filepath.Join(t.TempDir(), "clone")
		sh(t, "/", `git clone -q "$0" "$1"`, bare, work)
		want := stage(t, source.Spec{Dir: work, Subdir: sub}, source.Options{})
		o := source.Options{StatCache: filepath.Join(t.TempDir(), "stat")}
		for range 2 {
			temp := filepath.Join(t.TempDir(), "temp")
			got := stage(t, source.Spec{Kind: source.Git, Dir: bare, Subdir: sub, Temp: temp}, o)
			if got.Digest != want.Digest || got.Bytes != want.Bytes || len(got.Warnings) > 0 {
				t.Errorf("%q: a git tree has %d bytes and a clone %d; warnings %q\n%s", sub, got.Bytes, want.Bytes,
					got.Warnings, sh(t, "/", `diff -r "$0" "$1" | cat -A; true`, got.Root, want.Root))
			}
			wantNothing(t, temp)
		}
	}
}

// TestFilters names filters and runs none of them, nor anything else of the repository's configuration.
func TestFilters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(t, dir, `printf '*.key filter=crypt\n*.bin filter=lfs\n*.bat eol=crlf filter=other\n' > .gitattributes
		touch a.key b.key x.bin y.bat`)
	repo := clone(t, dir)
	sh(t, repo, `for f in crypt other lfs; do for k in smudge clean process; do
		git config filter.$f.$k "touch ran; cat"; done; git config filter.$f.required true; done
		git config core.autocrlf true; git config core.attributesFile "$0/more"; echo '* ident' > more`, repo)
	tree := stage(t, source.Spec{Kind: source.Git, Dir: repo, Temp: t.TempDir()}, source.Options{})
	want := `The filter "crypt" in .gitattributes is not run: "a.key", "b.key" are in the slug as the repository has ` +
		"the content.\n" + `The filter "other" in .gitattributes is not run: "y.bat" is in the slug as the ` +
		"repository has the content."
	if got := strings.Join(tree.Warnings, "\n"); !strings.HasSuffix(got, want) {
		t.Errorf("warnings\n%s\nwant\n%s", got, want)
	}
	if testkit.Exists(filepath.Join(repo, "ran")) {
		t.Error("a filter ran")
	}
}

// TestBadEncoding fails as a checkout does.
func TestBadEncoding(t *testing.T) {
	t.Parallel()
	repo := plant(
		t,
		`a=$(echo 'x working-tree-encoding' | blob); entry 100644 $a .gitattributes; entry 100644 $x x; tree`,
	)
	_, err := source.Open(t.Context(), source.Spec{Kind: source.Git, Dir: repo, Temp: t.TempDir()}, source.Options{})
	wantFault(t, err, "source/unreadable", "working-tree-encoding")
}
