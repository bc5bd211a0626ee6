package slug_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"slugc/cache/digest"
	"slugc/compiler/slug"
)

// tree writes files below a new directory: a path ending in "/" is a directory, content "->x" a
// link to x, content "+x" an executable file of content x.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		put(t, dir, name, content)
	}
	return dir
}

// put writes one file of a tree.
func put(t *testing.T, dir, name, content string) {
	t.Helper()
	p := filepath.Join(dir, name)
	check(t, os.MkdirAll(filepath.Dir(p), 0o755))
	switch {
	case name[len(name)-1] == '/':
		check(t, os.MkdirAll(p, 0o755))
	case len(content) > 2 && content[:2] == "->":
		check(t, os.Symlink(content[2:], p))
	case len(content) > 0 && content[0] == '+':
		check(t, os.WriteFile(p, []byte(content[1:]), 0o755))
	default:
		check(t, os.WriteFile(p, []byte(content), 0o644))
	}
}

// check ends the test on an error.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pack packs and verifies.
func pack(t testing.TB, o slug.PackOptions) *slug.Packed {
	t.Helper()
	if o.Output == "" {
		o.Output = filepath.Join(t.TempDir(), "slug.tgz")
	}
	p, err := slug.Pack(context.Background(), o)
	check(t, err)
	m, err := slug.Verify(context.Background(), o.Output, p.Digest)
	check(t, err)
	if is, size, err := digest.File(o.Output); err != nil || is != p.Digest || size != p.Size {
		t.Fatalf("the file's digest is %s, %d bytes, %v; Pack returned %s, %d bytes", is, size, err, p.Digest, p.Size)
	}
	if diff := cmp.Diff(p.Manifest, *m, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("the manifest read differs from the one packed:\n%s", diff)
	}
	return p
}

// app returns the section of a slug that has only one.
func app(dir string) []slug.Section { return []slug.Section{{Name: "app", Dir: dir}} }

func TestPackAndUnpack(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{
		"a/b": "one", "a.b": "two", "a/c/": "", "bin/run": "+three", "link": "->a/b", "abs": "->/app/a", "empty": "",
	})
	p := pack(t, slug.PackOptions{Sections: app(dir), Manifest: slug.Manifest{Target: "linux/amd64"}})
	out := filepath.Join(t.TempDir(), "app")
	check(t, slug.Unpack(context.Background(), p.Path, out, slug.UnpackOptions{}))
	got, err := os.ReadFile(filepath.Join(out, "a", "b"))
	check(t, err)
	if string(got) != "one" {
		t.Errorf("a/b holds %q", got)
	}
	check(t, os.RemoveAll(filepath.Join(out, ".slugc")))
	again := pack(t, slug.PackOptions{Sections: app(out)})
	if again.Content != p.Content {
		t.Error("what was unpacked packs differently")
	}
}
