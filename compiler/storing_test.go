package compiler

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slugc/cache"
	"slugc/compiler/artifact/blobstore"
	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
	"slugc/compiler/report/reporttest"
	"slugc/compiler/slug"
)

// machine is an engine on a machine of its own, and an app there; all machines of a test share the
// coordinator.
func machine(t *testing.T, shared string, store func(context.Context) (blobstore.Store, error)) (*build, *reporttest.Recorder) {
	t.Helper()
	home, err := cache.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	says := &reporttest.Recorder{}
	open := func(context.Context) (coordinator.Coordinator, error) {
		return local.Open(filepath.Join(shared, "coordinator.db"), local.Options{})
	}
	return &build{
		Engine:  &Engine{Home: home, Report: says, Coordinator: open, Store: store},
		Request: Request{App: "hello", Register: true},
		clock:   newClock(),
	}, says
}

// built packs a slug as a build of the app leaves it.
func (b *build) built(t *testing.T, text string) *Result {
	t.Helper()
	dir := t.TempDir()
	types := procfile.ProcessMap{{Type: "web", Command: "cat hello.txt"}}
	err := errors.Join(
		os.MkdirAll(b.app().Path("slugs"), 0o700),
		os.WriteFile(filepath.Join(dir, "hello.txt"), []byte(text), 0o644),
	)
	if err != nil {
		t.Fatal(err)
	}
	p, err := slug.Pack(
		t.Context(),
		slug.PackOptions{
			Output:   b.app().Path("slugs", "new.tgz"),
			Manifest: slug.Manifest{ProcessTypes: types},
			Sections: []slug.Section{{Name: "app", Dir: dir}},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	path := b.app().Path("slugs", p.Digest.Hex()+".tgz")
	if err := os.Rename(p.Path, path); err != nil {
		t.Fatal(err)
	}
	return &Result{ProcessTypes: types, Slug: Slug{Path: path, Digest: p.Digest, Content: p.Content, Size: p.Size}}
}

func directory(url string) func(context.Context) (blobstore.Store, error) {
	return func(context.Context) (blobstore.Store, error) { return blobstore.Open(url, blobstore.Options{}) }
}

// TestStoredBeforeReleased registers with a store that cannot be reached, then with one that can.
func TestStoredBeforeReleased(t *testing.T) {
	shared := t.TempDir()
	down := fault.TransientError("blobstore/unreachable", errors.New("down"), "try again")
	b, says := machine(t, shared, func(context.Context) (blobstore.Store, error) { return nil, down })
	result := b.built(t, "one")
	_, err := b.release(t.Context(), result)
	f := fault.Of(err)
	if f == nil || f.Code != fault.ExitTransient ||
		!slices.ContainsFunc(
			f.Hints,
			func(h string) bool { return strings.Contains(h, "slugc register "+result.Slug.Path+" --app hello") },
		) {
		t.Fatalf("got %+v", f)
	}
	if _, err := os.Stat(result.Slug.Path); err != nil {
		t.Error(err)
	}
	c, err := b.Coordinator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := release.New(c, release.Options{}).Current(t.Context(), "hello"); err == nil {
		t.Error("a release names a slug that is not in the store")
	}
	c.Close()

	url := "file://" + filepath.Join(shared, "slugs")
	b.Store = directory(url)
	if _, err := b.register(t.Context(), result); err != nil {
		t.Fatal(err)
	}
	current := b.current(t)
	store, _ := b.Store(t.Context())
	if err := store.Stat(t.Context(), current.Slug.URL, result.Slug.Digest); err != nil ||
		!strings.HasPrefix(current.Slug.URL, url+"/") {
		t.Errorf("the release names %q: %v", current.Slug.URL, err)
	}
	if !says.Has("step: Storing the slug") {
		t.Errorf("it says %q", says.Lines)
	}
	// The same again asks nothing of the store: the release that is there says that the slug is.
	b.Store = func(context.Context) (blobstore.Store, error) { return nil, down }
	if r, err := b.register(t.Context(), result); err != nil || r.New {
		t.Errorf("got %+v, %v", r, err)
	}
}

func (b *build) current(t *testing.T) release.Release {
	t.Helper()
	c, err := b.Coordinator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r, err := release.New(c, release.Options{}).Current(t.Context(), "hello")
	if err != nil {
		t.Fatal(err)
	}
	return r
}
