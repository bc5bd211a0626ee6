package slug_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"slugc/cache/disk"
	"slugc/compiler/slug"
)

// ownSize is what a store takes besides the slugs that it shares segments with, in bytes.
func ownSize(t *testing.T, dir string) int64 {
	t.Helper()
	size, err := disk.OwnSize(dir)
	check(t, err)
	return size
}

// linked returns the store's pack files that are slugs.
func linked(t *testing.T, dir string) (list []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.segments"))
	check(t, err)
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && disk.HasNames(info) {
			list = append(list, f)
		}
	}
	return list
}

// TestLinked packs into a store that shares the slugs' files: it takes no room for segments until a slug is removed,
// and finds them all the same then.
func TestLinked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const index = 64 << 10
	if size := ownSize(t, b.storeDir); size > index {
		t.Errorf("the store takes %d bytes besides the slug", size)
	}
	var last *slug.Packed
	for _, text := range []string{"one", "two", "three"} {
		put(t, b.dir, "lib/p1/f1.js", text)
		last = b.pack(t)
		b.why(t, last, "part", "1 of ")
		if cold := pack(t, slug.PackOptions{Sections: app(b.dir)}); last.Digest != cold.Digest {
			t.Error("a repacked slug differs from one packed from nothing")
		}
	}
	if list := linked(t, b.storeDir); len(list) != 2 {
		t.Errorf("the store has the slugs %v, want the last and the one before", list)
	}
	check(t, b.store.DropFormer())
	if list := linked(t, b.storeDir); len(list) != 1 {
		t.Errorf("the store has the slugs %v, want the last", list)
	}
	check(t, os.Remove(last.Path))
	if size := ownSize(t, b.storeDir); size < last.Size || size > last.Size+index {
		t.Errorf("the store takes %d bytes, the removed slug %d", size, last.Size)
	}
	again := b.pack(t)
	b.why(t, again, "all", "unchanged")
	if again.Digest != last.Digest {
		t.Error("the slug is another one")
	}
	if size := ownSize(t, b.storeDir); size > last.Size+index {
		t.Errorf("the store takes %d bytes, one slug %d", size, last.Size)
	}
}

// TestLinkedOverwritten writes into the slug's file, which is the store's, too.
func TestLinkedOverwritten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	put(t, b.dir, "lib/p1/f1.js", "other")
	last := b.pack(t)
	for _, content := range [][]byte{bytes.Repeat([]byte("x"), int(last.Size)), []byte("short"), nil} {
		f, err := os.OpenFile(last.Path, os.O_WRONLY|os.O_TRUNC, 0)
		check(t, err)
		_, err = f.Write(content)
		check(t, err)
		check(t, f.Close())
		again := b.pack(t)
		b.why(t, again, "none", "damaged")
		if again.Digest != last.Digest {
			t.Error("the slug is another one")
		}
		last = again
	}
}

// TestLinkedFormer puts back the index of before the last pack, as after a push that is refused.
func TestLinkedFormer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	index := filepath.Join(b.storeDir, "index")
	before, err := os.ReadFile(index)
	check(t, err)
	old, err := os.ReadFile(filepath.Join(b.dir, "lib/p1/f1.js"))
	check(t, err)
	put(t, b.dir, "lib/p1/f1.js", "refused")
	b.pack(t)
	check(t, os.WriteFile(index, before, 0o644))
	put(t, b.dir, "lib/p1/f1.js", string(old))
	again := b.pack(t)
	b.why(t, again, "all", "unchanged")
	if again.Digest != b.first.Digest {
		t.Error("the slug is another one")
	}
}

// TestLinkedNowhere writes the slug to another file system than the store's.
func TestLinkedNowhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var dirs [2]string
	for i, parent := range []string{"/dev/shm", "/var/tmp"} {
		dir, err := os.MkdirTemp(parent, "slugc-test-")
		check(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		dirs[i] = dir
	}
	store, err := slug.OpenStore(dirs[0])
	check(t, err)
	for _, reused := range []string{"none", "all"} {
		p := pack(t, slug.PackOptions{
			Store: store, Sections: []slug.Section{b.section()}, Output: filepath.Join(dirs[1], "slug.tgz"),
		})
		check(t, p.StoreErr)
		if p.Sections[0].Reused != reused || p.Digest != b.first.Digest {
			t.Errorf("it reuses %q, want %q", p.Sections[0].Reused, reused)
		}
		if list := linked(t, dirs[0]); len(list) > 0 {
			t.Errorf("the store shares %v", list)
		}
	}
}
