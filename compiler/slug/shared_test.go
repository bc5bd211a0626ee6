package slug_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"slugc/cache/disk"
	"slugc/compiler/slug"
)

// TestShared packs what two apps share: it is read and compressed once, for equal bytes, and none of it is
// in the apps' own stores. What a bad disk or a prune takes is made again.
func TestShared(t *testing.T) {
	t.Parallel()
	dir, shared, stores := tree(t, sample()), t.TempDir(), []string{t.TempDir(), t.TempDir()}
	own := tree(t, map[string]string{"main.js": "1"})
	store, err := slug.OpenShared(shared)
	check(t, err)
	sections := func(store *slug.Store) []slug.Section {
		return []slug.Section{
			{Name: "runtime", Dir: dir, Prefix: ".layers/node", Key: "k1", Shared: store}, {Name: "app", Dir: own},
		}
	}
	want := pack(t, slug.PackOptions{Sections: sections(nil)})
	packed := func(app int, reused, why string) {
		t.Helper()
		s, err := slug.OpenStore(stores[app])
		check(t, err)
		p := pack(t, slug.PackOptions{Store: s, Sections: sections(store)})
		check(t, p.StoreErr)
		if first := p.Sections[0]; p.Digest != want.Digest || first.Reused != reused || first.Why != why {
			t.Errorf(
				"app %d: %s, %q, %q; want %s, %q, %q",
				app,
				p.Digest,
				first.Reused,
				first.Why,
				want.Digest,
				reused,
				why,
			)
		}
		size, err := disk.OwnSize(stores[app])
		check(t, err)
		if size > 64<<10 {
			t.Errorf("app %d keeps %d bytes of its own", app, size)
		}
	}
	packed(0, "none", "new")
	put(t, dir, "run", "nobody reads this")
	packed(1, "all", "shared by all apps")
	packed(0, "all", "shared by all apps")

	check(t, os.RemoveAll(dir))
	dir = tree(t, sample())
	(&bench{storeDir: shared}).flip(t)
	packed(0, "none", "new")
	_, err = store.Prune(t.Context(), func(_, key string) bool { return key == "k1" })
	check(t, err)
	packed(1, "all", "shared by all apps")
	if freed, err := store.Prune(t.Context(), func(string, string) bool { return false }); err != nil || freed == 0 {
		t.Errorf("a prune frees %d bytes, %v", freed, err)
	}
	packed(1, "none", "new")
	left, err := filepath.Glob(filepath.Join(shared, "*.segments"))
	if err != nil || len(left) == 0 {
		t.Errorf("the store has %v, %v", left, err)
	}
}

// TestSharedLeftovers opens a store in which a process was killed while it wrote the index.
func TestSharedLeftovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	killed := filepath.Join(dir, ".index.slugc-KILLED")
	put(t, dir, filepath.Base(killed), "half")
	_, err := slug.OpenShared(dir)
	check(t, err)
	if _, err := os.Lstat(killed); !os.IsNotExist(err) {
		t.Errorf("what a killed process was writing is still there (%v)", err)
	}
}

// TestMake compresses a shared section ahead: the pack says that it is new where it was made for it, the bytes are
// those of any other pack, and the second time nothing is made. What is cancelled leaves nothing behind.
func TestMake(t *testing.T) {
	t.Parallel()
	dir, shared := tree(t, sample()), t.TempDir()
	store, err := slug.OpenShared(shared)
	check(t, err)
	section := slug.Section{Name: "runtime", Dir: dir, Prefix: ".layers/node", Key: "k1", Shared: store}
	want := pack(t, slug.PackOptions{Sections: []slug.Section{section}}).Digest
	check(t, os.RemoveAll(shared))
	store, err = slug.OpenShared(shared)
	check(t, err)
	section.Shared = store

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if made, err := store.Make(cancelled, section); !made || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, it made it: %t, %v", made, err)
	}
	if left, err := filepath.Glob(filepath.Join(shared, "*.segments")); err != nil || len(left) > 0 {
		t.Errorf("cancelled, it leaves %q, %v", left, err)
	}
	for _, first := range []bool{true, false} {
		made, err := store.Make(t.Context(), section)
		if made != first || err != nil {
			t.Errorf("made is %t, %v, want %t", made, err, first)
		}
		section.Made = made
		p := pack(t, slug.PackOptions{Sections: []slug.Section{section}})
		if (p.Sections[0].Reused == "none") != first || p.Digest != want {
			t.Errorf("made is %t: reused is %q, %s, want %s", made, p.Sections[0].Reused, p.Digest, want)
		}
	}
}
