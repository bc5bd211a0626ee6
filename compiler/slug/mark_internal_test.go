package slug

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// packTwo packs a directory of one file, as changed, into the store.
func packTwo(t *testing.T, store *Store, dir, content string) *index {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	sections := []Section{{Name: "app", Dir: dir, Key: content}}
	o := PackOptions{Store: store, Sections: sections, Output: filepath.Join(t.TempDir(), "slug.tgz")}
	if p, err := Pack(context.Background(), o); err != nil || p.StoreErr != nil {
		t.Fatal(err, p)
	}
	x, err := readIndex(store.dir)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// looks returns how the store's pack files look now.
func looks(t *testing.T, store *Store) map[string]mark {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(store.dir, "*"+packSuffix))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]mark{}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if all[filepath.Base(name)], err = markOf(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return all
}

// TestPackFilesAreReadOnce: while a pack file looks like its mark, its bytes are not read to check
// them, which shows in a wrong sum that nobody notices; once it looks otherwise, they are.
func TestPackFilesAreReadOnce(t *testing.T) {
	t.Parallel()
	store, dir := &Store{dir: t.TempDir()}, t.TempDir()
	x := packTwo(t, store, dir, "one")
	if diff := cmp.Diff(looks(t, store), x.Packs); diff != "" {
		t.Fatalf("the marks of new pack files:\n%s", diff)
	}
	l := slices.Collect(maps.Values(x.Segments))[0]
	l.Sum++
	intact := func() bool {
		files := packs{dir: store.dir, marks: x.Packs}
		defer files.close()
		return files.intact(l, make([]byte, readBuffer))
	}
	if !intact() {
		t.Error("a pack file that looks like its mark is read")
	}
	long := l
	if long.Size = x.Packs[l.Pack].Size + 1; intact() && (&packs{dir: store.dir, marks: x.Packs}).intact(long, nil) {
		t.Error("a segment may lie beyond the end of its pack file")
	}
	if err := os.Chmod(filepath.Join(store.dir, l.Pack), 0o600); err != nil {
		t.Fatal(err)
	}
	if intact() {
		t.Error("a pack file that looks otherwise is not read")
	}
}

// TestCopiedStoresAreReadOnce: the pack files of a store that was copied are read and marked by the
// first that uses it: a pack in the app's own store, a look in the one that apps share.
func TestCopiedStoresAreReadOnce(t *testing.T) {
	t.Parallel()
	store, dir := &Store{dir: t.TempDir()}, t.TempDir()
	packTwo(t, store, dir, "one")
	if len(packTwo(t, store, dir, strings.Repeat("two", 99)).Packs) != 2 {
		t.Fatal("two packs do not make two pack files")
	}
	own, shared := &Store{dir: filepath.Join(t.TempDir(), "a")}, &Store{dir: filepath.Join(t.TempDir(), "b")}
	for _, s := range []*Store{own, shared} {
		if err := os.CopyFS(s.dir, os.DirFS(store.dir)); err != nil {
			t.Fatal(err)
		}
	}
	x := packTwo(t, own, dir, "three")
	if diff := cmp.Diff(looks(t, own), x.Packs); diff != "" || len(x.Packs) != 3 {
		t.Errorf("the marks after a pack:\n%s", diff)
	}
	found, err := shared.find(context.Background(), Section{Name: "app", Key: "one"})
	if err != nil || found == nil {
		t.Fatal(found, err)
	}
	found.known.packs.close()
	if x, err = readIndex(shared.dir); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(looks(t, shared), x.Packs); diff != "" {
		t.Errorf("the marks after a look:\n%s", diff)
	}
}
