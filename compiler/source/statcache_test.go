package source_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"slugc/cache/digest"
	"slugc/compiler/source"
)

// settle waits until what was written is old enough to be remembered.
func settle() { time.Sleep(2100 * time.Millisecond) }

// statChanges are scripts; after each of them a tree has a digest that it never had before.
var statChanges = []string{
	// same size, mtime set back
	"touch -r Procfile /tmp/ref.$$; printf 'web: bin/bun\\n' > Procfile; touch -r /tmp/ref.$$ Procfile; " +
		"rm /tmp/ref.$$",
	"chmod +x Procfile",
	// another inode
	"cp -p Procfile new; printf 'w' | dd of=new conv=notrunc bs=1 seek=5 status=none; touch -r Procfile new; " +
		"mv new Procfile",
	"printf 'web: bin/rum\\n' > Procfile",
	"rm nothing",
	"touch something",
	"ln -sf elsewhere dangling",
	"echo 'Procfile' >> .slugignore",
}

// TestStatCache changes a source in ways that are hard to see and checks that each is seen.
func TestStatCache(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(t, dir, app)
	cache := filepath.Join(t.TempDir(), "stat")
	o := source.Options{StatCache: cache}
	spec := source.Spec{Kind: source.Dir, Dir: dir}
	// It was written just now, so nothing is remembered.
	first := open(t, spec, o).Digest()
	if st, err := os.Stat(cache); err == nil && st.Size() > 100 {
		t.Errorf("racy entries are remembered: the cache has %d bytes", st.Size())
	}
	settle()
	if got := open(t, spec, o).Digest(); got != first {
		t.Fatalf("digest %s, want %s", got, first)
	}
	warm, err := os.ReadFile(cache)
	if err != nil {
		t.Fatal(err)
	}
	// Unchanged, it is used and not written again.
	stamp, _ := os.Stat(cache)
	if got := open(t, spec, o).Digest(); got != first {
		t.Errorf("digest %s, want %s", got, first)
	}
	if st, _ := os.Stat(cache); !os.SameFile(st, stamp) {
		t.Error("an unchanged cache was written again")
	}
	seen := map[digest.Digest]string{first: "nothing"}
	for _, script := range statChanges {
		sh(t, dir, script)
		got := open(t, spec, o).Digest()
		if before, ok := seen[got]; ok {
			t.Errorf("%q is not noticed: the digest is that after %q", script, before)
		}
		if want := open(t, spec, source.Options{}).Digest(); got != want {
			t.Errorf("%q: digest with cache %s, without %s", script, got, want)
		}
		seen[got] = script
	}
	want := open(t, spec, source.Options{}).Digest()
	for name, data := range map[string][]byte{"empty": nil, "text": []byte("hello"), "cut": warm[:len(warm)/2],
		"flipped": flipped(warm), "longer": append(warm[:len(warm):len(warm)], 0)} {
		if err := os.WriteFile(cache, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := open(t, spec, o).Digest(); got != want {
			t.Errorf("%s cache: digest %s, want %s", name, got, want)
		}
	}
	// A cache that can't be written costs a warning.
	tree := stage(t, spec, source.Options{StatCache: filepath.Join(t.TempDir(), "none", "stat")})
	if len(tree.Warnings) != 1 {
		t.Errorf("warnings = %q", tree.Warnings)
	}
}

func flipped(data []byte) []byte {
	data = append([]byte{}, data...)
	data[len(data)/2] ^= 1
	return data
}

// TestStatCacheForGit checks that blobs are remembered by their ids.
func TestStatCacheForGit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh(t, dir, app)
	repo := clone(t, dir)
	o := source.Options{StatCache: filepath.Join(t.TempDir(), "stat")}
	spec := source.Spec{Kind: source.Git, Dir: repo}
	first := open(t, spec, o).Digest()
	if got := open(t, spec, o).Digest(); got != first {
		t.Errorf("digest %s, want %s", got, first)
	}
	stage(t, spec, o)
	sh(t, repo, "echo more >> Procfile; git commit -qam two")
	if got, want := open(t, spec, o).Digest(), open(t, spec, source.Options{}).Digest(); got == first || got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}
