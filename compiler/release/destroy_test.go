package release_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/digest"
	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
)

// TestDestroy removes an app with more keys than a commit takes, and leaves other apps and what they release.
func TestDestroy(t *testing.T) {
	t.Parallel()
	c, err := local.Open(filepath.Join(t.TempDir(), "c.db"), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	r := release.New(c, release.Options{})
	register := func(app, slug string) int {
		t.Helper()
		made, err := r.Register(t.Context(), app, release.Request{
			Slug:      release.SlugRef{Digest: digest.Of([]byte(slug))},
			Processes: []procfile.Process{{Type: "web", Command: "true"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return made.Version
	}
	register("other", "shared")
	for n := range 40 {
		register("blog", []string{"shared", fmt.Sprint(n)}[n%2])
	}
	lock := release.LockKey("blog")
	if _, err := c.Commit(t.Context(), nil, []coordinator.Write{{Key: lock, Value: []byte("host-7")}}); err != nil {
		t.Fatal(err)
	}
	if f := fault.Of(r.Destroy(t.Context(), "blog")); f == nil || f.ID != "release/app-in-use" {
		t.Errorf("while it is built: %v", f)
	}
	if _, err := c.Commit(t.Context(), nil, []coordinator.Write{{Key: lock, Delete: true}}); err != nil {
		t.Fatal(err)
	}
	if err := r.Destroy(t.Context(), "blog"); err != nil {
		t.Fatal(err)
	}
	entries, _, err := c.List(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	slugs := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Key, "/slugs/") {
			slugs++
		}
		if strings.Contains(e.Key, "blog") {
			t.Errorf("%s is left", e.Key)
		}
	}
	if current, err := r.Current(t.Context(), "other"); err != nil || current.Version != 1 || slugs != 1 {
		t.Errorf("the other app: %+v, %v; %d slugs are known", current, err, slugs)
	}
	if err := r.Destroy(t.Context(), "blog"); !errors.Is(err, release.ErrUnknownApp) {
		t.Errorf("destroyed again: %v", err)
	}
	if v := register("blog", "new"); v != 1 {
		t.Errorf("released again as v%d", v)
	}
}
