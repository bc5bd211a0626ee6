package blobstore

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"slugc/cache/digest"
	"slugc/compiler/procfile"
	"slugc/compiler/slug"
)

// check ends the test on an error.
func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// packed is a slug of a test.
type packed struct {
	file   string
	digest digest.Digest
	size   int64
}

// write writes a file of n bytes that no compressor makes smaller, always the same for a name.
func write(t testing.TB, dir, name string, n int) {
	t.Helper()
	var seed [32]byte
	copy(seed[:], name)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b)
	p := filepath.Join(dir, name)
	check(t, os.MkdirAll(filepath.Dir(p), 0o755))
	check(t, os.WriteFile(p, b, 0o755))
}

// pack packs the trees of one app, as a build with a Node.js runtime has them.
func pack(t testing.TB, runtime, app, to string) packed {
	t.Helper()
	types := procfile.ProcessMap{{Type: "web", Command: "cat hello.txt"}, {Type: "worker", Command: "sleep 60"}}
	p, err := slug.Pack(
		context.Background(),
		slug.PackOptions{
			Output:   to,
			Manifest: slug.Manifest{Target: "linux/amd64", ProcessTypes: types},
			Sections: []slug.Section{
				{
					Name:   "layer:slugc/node:node",
					Dir:    runtime,
					Prefix: ".layers/slugc_node/node",
				}, {Name: "app", Dir: app, Exclude: []string{".layers"}}},
		},
	)
	check(t, err)
	return packed{to, p.Digest, p.Size}
}

// large are two slugs of about 52 MB: a runtime with a program of 32 MB, an app of 16 MB, and the
// same with one line of the app changed.
var large = sync.OnceValues(func() (before, after packed) {
	t := panics{}
	dir, err := os.MkdirTemp(testDir, "large-*")
	check(t, err)
	runtime, app := filepath.Join(dir, "runtime"), filepath.Join(dir, "app")
	write(t, runtime, "bin/node", 32<<20)
	for i := range 400 {
		write(t, runtime, fmt.Sprintf("lib/node_modules/npm/%d/index.js", i), 10<<10)
		write(t, app, fmt.Sprintf("src/%d/module.js", i), 40<<10)
	}
	before = pack(t, runtime, app, filepath.Join(dir, "before.tgz"))
	check(t, os.WriteFile(filepath.Join(app, "src/200/module.js"), []byte("one line\n"), 0o644))
	return before, pack(t, runtime, app, filepath.Join(dir, "after.tgz"))
})

// small packs a slug of a few kilobytes.
func small(t testing.TB, text string) packed {
	t.Helper()
	dir := t.TempDir()
	runtime, app := filepath.Join(dir, "runtime"), filepath.Join(dir, "app")
	write(t, runtime, "bin/node", 1000)
	check(t, os.MkdirAll(app, 0o755))
	check(t, os.WriteFile(filepath.Join(app, "hello.txt"), []byte(text), 0o644))
	return pack(t, runtime, app, filepath.Join(dir, "slug.tgz"))
}

// panics is a test where there is none yet: what many tests share is made by the first.
type panics struct{ testing.TB }

func (panics) Helper()           {}
func (panics) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// testDir holds what the tests share.
var testDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "blobstore-test-*")
	if err != nil {
		panic(err)
	}
	testDir = dir
	log.SetOutput(io.Discard) // what the HTTP client says of servers' manners
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// same holds a fetched file to the slug it is to be.
func same(t testing.TB, file string, want packed) {
	t.Helper()
	a, err := os.ReadFile(file)
	check(t, err)
	b, err := os.ReadFile(want.file)
	check(t, err)
	if string(a) != string(b) {
		t.Fatal("what was fetched is not byte for byte what was put")
	}
	_, err = slug.Verify(t.Context(), file, want.digest)
	check(t, err)
}
