package slug_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slugc/compiler/fault"
	"slugc/compiler/slug"
)

// bench is a store with a tree that was packed once, twice.
type bench struct {
	store    *slug.Store
	storeDir string
	dir      string
	first    *slug.Packed
}

// newBench makes one.
func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{storeDir: t.TempDir(), dir: tree(t, sample())}
	var err error
	b.store, err = slug.OpenStore(b.storeDir)
	check(t, err)
	b.first = b.pack(t)
	b.pack(t)
	return b
}

func (b *bench) section() slug.Section { return slug.Section{Name: "app", Dir: b.dir, Key: "k1"} }

func (b *bench) pack(t *testing.T) *slug.Packed {
	t.Helper()
	p := pack(t, slug.PackOptions{Store: b.store, Sections: []slug.Section{b.section()}})
	check(t, p.StoreErr)
	return p
}

func (b *bench) why(t *testing.T, p *slug.Packed, reused, why string) {
	t.Helper()
	if s := p.Sections[0]; s.Reused != reused || !strings.Contains(s.Why, why) {
		t.Errorf("got %q, %q; want %q, %q", s.Reused, s.Why, reused, why)
	}
}

func TestReuse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.why(t, b.first, "none", "new")

	again := b.pack(t)
	b.why(t, again, "all", "unchanged")
	if again.Digest != b.first.Digest {
		t.Error("what is reused differs from what was compressed")
	}

	now := time.Now()
	check(t, os.Chtimes(filepath.Join(b.dir, "run"), now, now))
	b.why(t, b.pack(t), "all", "content unchanged")

	put(t, b.dir, "lib/p1/f1.js", "changed")
	changed := b.pack(t)
	b.why(t, changed, "part", "1 of ")
	cold := pack(t, slug.PackOptions{Sections: app(b.dir)})
	if changed.Digest != cold.Digest {
		t.Error("a repacked slug differs from one packed from nothing")
	}

	// The times are put back after a change of content of the same length: the change time still
	// shows it.
	p := filepath.Join(b.dir, "lib/p1/f1.js")
	info, err := os.Stat(p)
	check(t, err)
	put(t, b.dir, "lib/p1/f1.js", "Changed")
	check(t, os.Chtimes(p, info.ModTime(), info.ModTime()))
	b.why(t, b.pack(t), "part", "1 of ")
}

// has reports whether the store has the section under the key.
func (b *bench) has(t *testing.T, section, key string) bool {
	t.Helper()
	has, err := b.store.Has(section, key)
	check(t, err)
	return has
}

func TestKey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if !b.has(t, "app", "k1") || b.has(t, "app", "k2") || b.has(t, "other", "k1") || b.has(t, "app", "") {
		t.Error("Has is wrong")
	}
	kept := []slug.Section{{Name: "app", Key: "k1"}}
	others, err := b.store.Kept("ap")
	if err != nil || len(others) != 1 || others["p"] != "k1" {
		t.Errorf("kept are %v, %v", others, err)
	}
	check(t, os.Rename(b.dir, b.dir+".gone"))
	p := pack(t, slug.PackOptions{Store: b.store, Sections: kept})
	b.why(t, p, "all", "key unchanged")
	if p.Digest != b.first.Digest {
		t.Error("a kept section differs from a packed one")
	}
	if !b.has(t, "app", "k1") {
		t.Error("a kept section is gone once it was used")
	}
	_, err = slug.Pack(
		context.Background(),
		slug.PackOptions{
			Store:    b.store,
			Sections: []slug.Section{{Name: "app", Key: "k2"}},
			Output:   filepath.Join(t.TempDir(), "x"),
		},
	)
	if f := fault.Of(err); !errors.Is(err, slug.ErrNotKept) || f.ID != "slug/section-not-kept" ||
		f.Code != fault.ExitCache {
		t.Errorf("a section that is not kept: %v", err)
	}
	// With a directory the key is not trusted.
	b.dir = tree(t, map[string]string{"other": "content"})
	b.why(t, b.pack(t), "none", "1 of 1 segments changed")
}

func TestOneFilesChangeIsOneSegment(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	put(t, b.dir, "lib/p7/added.js", "added")
	b.why(t, b.pack(t), "part", "1 of ")
}

func TestDamagedIndexIsEmpty(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	check(t, os.WriteFile(filepath.Join(b.storeDir, "index"), []byte("nonsense\n{}"), 0o644))
	if b.has(t, "app", "k1") {
		t.Error("a damaged index is believed")
	}
	p := b.pack(t)
	b.why(t, p, "none", "new")
	if p.Digest != b.first.Digest {
		t.Error("it packs differently")
	}
	if files, _ := filepath.Glob(filepath.Join(b.storeDir, "*.segments")); len(files) > 8 {
		t.Errorf("%d pack files are left", len(files))
	}
}

// flip changes one bit in the middle of every pack file of the store.
func (b *bench) flip(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(b.storeDir, "*.segments"))
	check(t, err)
	if len(files) == 0 {
		t.Fatal("the store is empty")
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		check(t, err)
		content[len(content)/2] ^= 4
		check(t, os.WriteFile(name, content, 0o644))
	}
}

func TestDamagedSegmentsAreRepaired(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.flip(t)
	p := b.pack(t)
	b.why(t, p, "part", "damaged in the store and compressed again")
	if p.Digest != b.first.Digest {
		t.Error("the repaired slug differs")
	}
	b.why(t, b.pack(t), "all", "unchanged")
}

func TestDamagedKeptSectionIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.flip(t)
	out := filepath.Join(t.TempDir(), "slug.tgz")
	_, err := slug.Pack(
		context.Background(),
		slug.PackOptions{Store: b.store, Sections: []slug.Section{{Name: "app", Key: "k1"}}, Output: out},
	)
	if !errors.Is(err, slug.ErrNotKept) || fault.Of(err).Code != fault.ExitCache {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Error("a slug was written")
	}
	if b.has(t, "app", "k1") {
		t.Error("the damage was not noted")
	}
}

func TestStoreVerify(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	problems, err := b.store.Verify(context.Background())
	if err != nil || len(problems) > 0 {
		t.Fatalf("a sound store has problems: %v, %v", problems, err)
	}
	b.flip(t)
	problems, err = b.store.Verify(context.Background())
	if err != nil || len(problems) == 0 || problems[0].Sections[0] != "app" {
		t.Fatalf("got %v, %v", problems, err)
	}
	if again, err := b.store.Verify(context.Background()); err != nil || len(again) > 0 {
		t.Errorf("what was damaged is still there: %v, %v", again, err)
	}
	b.why(t, b.pack(t), "part", "segments changed")
}

func TestPrune(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := tree(t, map[string]string{"x": strings.Repeat("y", 100)})
	layer := slug.Section{Name: "layer", Dir: other, Prefix: "l", Key: "old"}
	former := pack(t, slug.PackOptions{Store: b.store, Sections: []slug.Section{layer, b.section()}})
	put(t, other, "x", "z")
	layer.Key = "new"
	last := pack(t, slug.PackOptions{Store: b.store, Sections: []slug.Section{layer, b.section()}})
	if !b.has(t, "layer", "old") || !b.has(t, "layer", "new") {
		t.Error("a former pack of a section was forgotten at once")
	}
	_, err := b.store.Prune(context.Background(), nil)
	check(t, err)
	if b.has(t, "layer", "old") || !b.has(t, "layer", "new") || !b.has(t, "app", "k1") {
		t.Error("Prune keeps or forgets the wrong ones")
	}
	// What the store shares with slugs is freed only when they are gone.
	check(t, errors.Join(os.Remove(former.Path), os.Remove(last.Path)))
	freed, err := b.store.Prune(context.Background(), func(section, _ string) bool { return section == "layer" })
	if err != nil || freed < 1<<20 {
		t.Errorf("%d bytes were freed, %v", freed, err)
	}
	problems, err := b.store.Verify(context.Background())
	if err != nil || len(problems) > 0 || !b.has(t, "layer", "new") {
		t.Errorf("what was kept is gone: %v, %v", problems, err)
	}
}

func TestUnusedSegmentsAreRemoved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 6 {
		put(t, b.dir, "lib/p1/f1.js", strings.Repeat("x", i))
		b.pack(t)
	}
	var total int64
	files, err := os.ReadDir(b.storeDir)
	check(t, err)
	for _, f := range files {
		info, err := f.Info()
		check(t, err)
		total += info.Size()
	}
	if total > b.first.Size+2<<20 {
		t.Errorf("the store takes %d bytes for a slug of %d", total, b.first.Size)
	}
}
