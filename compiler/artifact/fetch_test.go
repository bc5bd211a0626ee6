package artifact_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache"
	"slugc/cache/digest"
	"slugc/cache/testkit"
	"slugc/compiler/artifact"
	"slugc/compiler/artifact/blobstore"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
	"slugc/compiler/report/reporttest"
	"slugc/compiler/slug"
)

// newApp is an app on a machine of its own.
func newApp(t *testing.T) *cache.App {
	t.Helper()
	home, err := cache.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	app, err := home.App("hello")
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// pack packs a slug with one file among the app's slugs, as a build leaves it.
func pack(t *testing.T, app *cache.App, text string) (path string, p *slug.Packed) {
	t.Helper()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{"hello.txt": text})
	if err := os.MkdirAll(app.Path("slugs"), 0o700); err != nil {
		t.Fatal(err)
	}
	segments, err := slug.OpenStore(app.Path("segments"))
	if err != nil {
		t.Fatal(err)
	}
	p, err = slug.Pack(t.Context(), slug.PackOptions{
		Store: segments, Output: app.Path("slugs", "new.tgz"), Name: artifact.FileName,
		Manifest: slug.Manifest{ProcessTypes: procfile.ProcessMap{{Type: "web", Command: "cat hello.txt"}}},
		Sections: []slug.Section{{Name: "app", Dir: dir}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p.Path, p
}

// opener opens the store with this URL as the machine's own.
func opener(own string) artifact.Opener {
	return func(string) (blobstore.Store, error) { return blobstore.Open(own, blobstore.Options{}) }
}

// openAny opens any store; the machine has none of its own.
func openAny(url string) (blobstore.Store, error) {
	if url == "" {
		return nil, nil
	}
	return blobstore.Open(url, blobstore.Options{})
}

// TestStore stores a slug with and without a store.
func TestStore(t *testing.T) {
	t.Parallel()
	file, p := pack(t, newApp(t), "one")
	recorded := &reporttest.Recorder{}
	for _, none := range []artifact.Opener{nil, openAny} {
		url, err := artifact.Store(t.Context(), none, recorded, file, p.Digest)
		if err != nil || url != "file://"+file || !artifact.IsFileURL(url) || len(recorded.Lines) > 0 {
			t.Errorf("without a store: %q, %v, %q", url, err, recorded.Lines)
		}
	}
	root := "file://" + filepath.Join(t.TempDir(), "slugs")
	url, err := artifact.Store(t.Context(), opener(root), recorded, file, p.Digest)
	if err != nil || !strings.HasPrefix(url, root+"/") || artifact.IsFileURL(url) ||
		!recorded.Has("step: Storing the slug") {
		t.Errorf("with a store: %q, %v, %q", url, err, recorded.Lines)
	}
	store, err := openAny(root)
	if err == nil {
		err = store.Stat(t.Context(), url, p.Digest)
	}
	if err != nil {
		t.Error(err)
	}
	down := errors.New("down")
	_, err = artifact.Store(
		t.Context(),
		func(string) (blobstore.Store, error) { return nil, down },
		recorded,
		file,
		p.Digest,
	)
	if !errors.Is(err, down) {
		t.Errorf("a store that is down: %v", err)
	}
}

// TestRepair takes a part of a slug out of a store, and damages others: what is missing or of another size is put
// back, and with the contents compared also what only reading shows. A store that holds all is left alone.
func TestRepair(t *testing.T) {
	t.Parallel()
	file, p := pack(t, newApp(t), "one")
	root := filepath.Join(t.TempDir(), "slugs")
	url, err := artifact.Store(t.Context(), opener("file://"+root), &reporttest.Recorder{}, file, p.Digest)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := filepath.Glob(filepath.Join(root, "parts", "*"))
	if err != nil || len(parts) == 0 {
		t.Fatal(parts, err)
	}
	whole := testkit.Read(t, parts[0])
	for name, test := range map[string]struct {
		damage           func() error
		contents, repair bool
	}{
		"nothing":   {func() error { return nil }, false, false},
		"missing":   {func() error { return os.Remove(parts[0]) }, false, true},
		"cut short": {func() error { return os.Truncate(parts[0], 3) }, false, true},
		"no index":  {func() error { return os.Remove(strings.TrimPrefix(url, "file://")) }, false, false},
		"flipped": {
			func() error { return os.WriteFile(parts[0], []byte(strings.Repeat("x", len(whole))), 0o644) }, true, true,
		},
	} {
		recorded := &reporttest.Recorder{}
		err := test.damage()
		if err == nil {
			err = artifact.Repair(t.Context(), openAny, recorded, url, file, p.Digest, test.contents)
		}
		if said := recorded.Has("step: Repairing the slug in the store"); err != nil || said != test.repair {
			t.Errorf("%s: %v, %q", name, err, recorded.Lines)
		}
		_, _, err = artifact.Fetch(t.Context(), openAny, release.SlugRef{Digest: p.Digest, URL: url}, newApp(t))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	err = artifact.Repair(t.Context(), openAny, &reporttest.Recorder{}, artifact.FileURL(file), file, p.Digest, true)
	if err != nil {
		t.Error(err)
	}
}

// TestFetch brings slugs from one machine to another.
func TestFetch(t *testing.T) {
	t.Parallel()
	root := "file://" + filepath.Join(t.TempDir(), "slugs")
	one, p := pack(t, newApp(t), "one")
	url, err := artifact.Store(t.Context(), opener(root), &reporttest.Recorder{}, one, p.Digest)
	if err != nil {
		t.Fatal(err)
	}
	stored := release.SlugRef{Digest: p.Digest, Content: p.Content, Size: p.Size, URL: url}
	filed := stored
	filed.URL = artifact.FileURL(one)
	runner := newApp(t)
	at := runner.Path("slugs", filepath.Base(one))

	path, moved, err := artifact.Fetch(t.Context(), openAny, filed, runner)
	if err != nil || path != one || moved != (blobstore.Transfer{}) {
		t.Errorf("a slug of this machine: %q, %+v, %v", path, moved, err)
	}
	fetches := func(ref release.SlugRef, open artifact.Opener, moves bool) {
		t.Helper()
		path, moved, err := artifact.Fetch(t.Context(), open, ref, runner)
		if err != nil || path != at || moved.Parts > 0 != moves {
			t.Fatalf("got %q, %+v, %v", path, moved, err)
		}
		if _, err := slug.Verify(t.Context(), path, ref.Digest); err != nil {
			t.Error(err)
		}
	}
	fetches(stored, openAny, true)
	fetches(stored, openAny, false) // it is there
	testkit.Write(t, at, "damaged")
	fetches(stored, openAny, true)

	if err := errors.Join(os.Remove(at), os.Rename(one, one+".away")); err != nil {
		t.Fatal(err)
	}
	_, _, err = artifact.Fetch(t.Context(), openAny, filed, runner)
	if f := fault.Of(err); f == nil || f.ID != "blobstore/no-store" || f.Code != fault.ExitPack || len(f.Hints) == 0 {
		t.Errorf("a file of another machine without a store: %v", err)
	}
	own := func(url string) (blobstore.Store, error) {
		if url != "" {
			t.Errorf("a file's store is asked for as %q", url)
		}
		return openAny(root)
	}
	fetches(filed, own, true)
	for _, bad := range []release.SlugRef{
		{URL: root, Digest: "sha256:../../x"},
		{URL: "::", Digest: stored.Digest},
		{URL: "gopher://x", Digest: digest.Of([]byte("none"))},
	} {
		if _, _, err := artifact.Fetch(t.Context(), openAny, bad, runner); err == nil {
			t.Errorf("%+v is fetched", bad)
		}
	}
}
