// Package blobstoretest packs slugs for the tests of stores, and compares what they return.
//
//	p := blobstoretest.Small(t, "one")
//	url, _, err := store.Put(t.Context(), p.File, p.Digest)
//	…
//	blobstoretest.Same(t, fetched, p)
package blobstoretest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"slugc/cache/digest"
	"slugc/cache/testkit"
	"slugc/compiler/procfile"
	"slugc/compiler/slug"
)

// Slug is a slug's file.
type Slug struct {
	File   string
	Digest digest.Digest
	Size   int64 // bytes
}

// Small packs a slug of a few kilobytes, with two sections.
func Small(t testing.TB, text string) Slug {
	t.Helper()
	dir := t.TempDir()
	runtime, app := filepath.Join(dir, "runtime"), filepath.Join(dir, "app")
	writeNoise(t, runtime, "bin/node", 1000)
	testkit.Write(t, filepath.Join(app, "hello.txt"), text)
	return pack(t, runtime, app, filepath.Join(dir, "slug.tgz"))
}

// Mounted packs a slug like [Small]'s whose processes see the app at these paths.
func Mounted(t testing.TB, mounts ...string) Slug {
	t.Helper()
	dir := t.TempDir()
	runtime, app := filepath.Join(dir, "runtime"), filepath.Join(dir, "app")
	writeNoise(t, runtime, "bin/node", 1000)
	testkit.Write(t, filepath.Join(app, "hello.txt"), "mounted")
	return pack(t, runtime, app, filepath.Join(dir, "slug.tgz"), mounts...)
}

// Large packs two slugs of about 25 MB: a runtime with a program of 12 MB, an app of 9 MB, and the
// same with one file of the app changed.
func Large(t testing.TB) (before, after Slug) {
	t.Helper()
	dir := t.TempDir()
	runtime, app := filepath.Join(dir, "runtime"), filepath.Join(dir, "app")
	writeNoise(t, runtime, "bin/node", 12<<20)
	for i := range 400 {
		writeNoise(t, runtime, fmt.Sprintf("lib/node_modules/npm/%d/index.js", i), 10<<10)
		writeNoise(t, app, fmt.Sprintf("src/%d/module.js", i), 23<<10)
	}
	before = pack(t, runtime, app, filepath.Join(dir, "before.tgz"))
	testkit.Write(t, filepath.Join(app, "src/200/module.js"), "one line\n")
	return before, pack(t, runtime, app, filepath.Join(dir, "after.tgz"))
}

// writeNoise writes a file of n bytes that no compressor makes smaller. A name always has the same
// content.
func writeNoise(t testing.TB, dir, name string, n int) {
	t.Helper()
	var seed [32]byte
	copy(seed[:], name)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b)
	testkit.Write(t, filepath.Join(dir, name), string(b))
}

// pack packs the trees of an app and its Node.js runtime.
func pack(t testing.TB, runtime, app, to string, mounts ...string) Slug {
	t.Helper()
	types := procfile.ProcessMap{{Type: "web", Command: "cat hello.txt"}, {Type: "worker", Command: "sleep 60"}}
	p, err := slug.Pack(t.Context(), slug.PackOptions{
		Output:   to,
		Manifest: slug.Manifest{Target: "linux/amd64", ProcessTypes: types, Mounts: mounts},
		Sections: []slug.Section{
			{Name: "layer:slugc/node:node", Dir: runtime, Prefix: ".layers/slugc_node/node"},
			{Name: "app", Dir: app, Exclude: []string{".layers"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return Slug{to, p.Digest, p.Size}
}

// Damage copies a slug with flipped bits in its middle, where the runtime is, and 5 MB before its
// end, in the app.
func Damage(t testing.TB, from, to string) {
	t.Helper()
	b := []byte(testkit.Read(t, from))
	b[len(b)/2] ^= 1
	b[len(b)-5<<20] ^= 1
	testkit.Write(t, to, string(b))
}

// Same requires that a fetched file is the slug, byte for byte.
func Same(t testing.TB, file string, want Slug) {
	t.Helper()
	a, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(want.File)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Fatal("the fetched file is not byte for byte the one that was put")
	}
	if _, err := slug.Verify(t.Context(), file, want.Digest); err != nil {
		t.Fatal(err)
	}
}
