package source_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"slugc/cache/digest"
	"slugc/compiler/fault"
	"slugc/compiler/source"
)

// pack makes an archive with a shell command that writes to stdout, in a directory that the script
// fills.
func pack(t *testing.T, script, command string) *bytes.Reader {
	t.Helper()
	dir := t.TempDir()
	sh(t, dir, "mkdir x && cd x && "+script)
	out := filepath.Join(dir, "archive")
	sh(t, filepath.Join(dir, "x"), command+` > "$0"`, out)
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(data)
}

func TestTarball(t *testing.T) {
	t.Parallel()
	var want digest.Digest
	for name, tt := range map[string]struct{ script, command string }{
		"flat":          {"mkdir d; echo a > a; echo b > d/b", "tar -c ."},
		"flat, no dots": {"mkdir d; echo a > a; echo b > d/b", "tar -cz a d"},
		"one directory": {"mkdir -p top/d; echo a > top/a; echo b > top/d/b", "tar -cJ top"},
		"a forge's": {"mkdir -p d; echo a > a; echo b > d/b; git init -q; git add .; git commit -qm c",
			"git archive --prefix=app-1.0/ HEAD"},
		"zip": {"mkdir -p top/d; echo a > top/a; echo b > top/d/b", "zip -qr - top"},
		"hard link": {"mkdir -p d; echo a > a; echo b > d/b; ln a d/c; echo c > .slugignore; " +
			"echo .slugignore >> .slugignore", "tar -c ."},
		"empty dirs": {"mkdir -p d e/f; echo a > a; echo b > d/b", "tar -c ."},
		"with .git":  {"mkdir -p d .git; touch .git/HEAD; echo a > a; echo b > d/b", "tar -c ."},
	} {
		t.Run(name, func(t *testing.T) {
			temp := t.TempDir()
			r := pack(t, tt.script, tt.command)
			tree := stage(t, source.Spec{Kind: source.Tarball, Reader: r, Temp: temp}, source.Options{})
			if want == "" {
				want = tree.Digest
			}
			if tree.Digest != want {
				t.Errorf("digest %s, want %s", tree.Digest, want)
			}
			if got := sh(t, tree.Root, "find . | sort | tr '\n' ' '"); got != ". ./a ./d ./d/b" {
				t.Errorf("staged %s", got)
			}
			wantMode(t, tree.Root)
		})
	}
}

func wantMode(t *testing.T, dir string) {
	t.Helper()
	st, err := os.Stat(dir)
	if err != nil || st.Mode().Perm() != 0o755 {
		t.Errorf("mode of the tree: %v, %v", st.Mode(), err)
	}
}

func TestTarballHardLinksAreCopied(t *testing.T) {
	t.Parallel()
	r := pack(t, "echo a > a; ln a b", "tar -c .")
	tree := stage(t, source.Spec{Kind: source.Tarball, Reader: r, Temp: t.TempDir()}, source.Options{})
	if got := sh(t, tree.Root, "stat -c %h a"); got != "1" {
		t.Errorf("a has %s names", got)
	}
}

func TestTarballSubdir(t *testing.T) {
	t.Parallel()
	r := pack(t, "mkdir -p top/services/web; echo a > top/services/web/a; echo b > top/b", "tar -c top")
	tree := stage(
		t,
		source.Spec{Kind: source.Tarball, Reader: r, Temp: t.TempDir(), Subdir: "services/web"},
		source.Options{},
	)
	if tree.Files != 1 {
		t.Errorf("tree = %+v", tree)
	}
}

// TestTarballIsCleanedUp checks that nothing is left of a tarball, staged, not staged or refused.
func TestTarballIsCleanedUp(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	good := func() *bytes.Reader { return pack(t, "echo a > a", "tar -c .") }
	s, err := source.Open(
		context.Background(),
		source.Spec{Kind: source.Tarball, Reader: good(), Temp: temp},
		source.Options{},
	)
	if err != nil {
		t.Fatal(err)
	}
	dest := filepath.Join(t.TempDir(), "tree")
	if _, err := s.Stage(context.Background(), dest); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stage(context.Background(), dest+"2"); err == nil {
		t.Error("a tarball that was moved is staged again")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantNothing(t, temp)
	s, err = source.Open(
		context.Background(),
		source.Spec{Kind: source.Tarball, Reader: good(), Temp: temp},
		source.Options{},
	)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	wantNothing(t, temp)
	for id, r := range map[string]*bytes.Reader{
		"source/entry-refused":  pack(t, "ln -s /etc/passwd l", "tar -c ."),
		"source/unreadable":     bytes.NewReader([]byte("hello, world")),
		"source/subdir-missing": good(),
	} {
		spec := source.Spec{Kind: source.Tarball, Reader: r, Temp: temp}
		if id == "source/subdir-missing" {
			spec.Subdir = "none"
		}
		_, err := source.Open(context.Background(), spec, source.Options{})
		wantFault(t, err, id, "")
		wantNothing(t, temp)
	}
}

func TestTarballIsStagedOnce(t *testing.T) {
	t.Parallel()
	spec := source.Spec{Kind: source.Tarball, Reader: pack(t, "echo a > a", "tar -c ."), Temp: t.TempDir()}
	src := open(t, spec, source.Options{})
	for i, want := range []string{"", "source/staged"} {
		_, err := src.Stage(t.Context(), filepath.Join(t.TempDir(), "app"))
		if f := fault.Of(err); (f == nil) != (want == "") || f != nil && f.ID != want {
			t.Errorf("staged %d times: %v", i+1, err)
		}
	}
}
