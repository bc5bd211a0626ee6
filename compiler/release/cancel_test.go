package release_test

import (
	"path/filepath"
	"testing"

	"slugc/compiler/coordinator"
	"slugc/compiler/release"
	"slugc/compiler/release/releasetest"
)

func TestCancel(t *testing.T) {
	r, ctx := newReleases(t), t.Context()
	pending := func(key string) release.Request { return releasetest.PendingRequest(1, "web", key) }
	// A pending release is abandoned; again is the same.
	releasetest.Must(r.Register(ctx, "blog", pending("a")))(t)
	for range 2 {
		if rel := releasetest.Must(r.Cancel(ctx, "blog", "a"))(t); rel.Version != 1 ||
			rel.Status != release.Abandoned {
			t.Errorf("got v%d %s", rel.Version, rel.Status)
		}
	}
	// What is registered under the key afterwards is what was.
	if rel := releasetest.Must(r.Register(ctx, "blog", pending("a")))(t); rel.Version != 1 ||
		rel.Status != release.Abandoned {
		t.Errorf("got v%d %s", rel.Version, rel.Status)
	}
	// Nothing was registered: nothing will be, for this app.
	for range 2 {
		if rel := releasetest.Must(r.Cancel(ctx, "blog", "b"))(t); rel.Version != 0 {
			t.Errorf("got v%d", rel.Version)
		}
	}
	_, err := r.Register(ctx, "blog", pending("b"))
	releasetest.WantRefusal(t, err, release.ErrCancelled)
	_, err = r.Rollback(ctx, "blog", 0, "b", false)
	releasetest.WantRefusal(t, err, release.ErrCancelled)
	releasetest.Must(r.Register(ctx, "other", pending("b")))(t)
	// What is settled stays.
	releasetest.Must(r.Register(ctx, "blog", pending("c")))(t)
	releasetest.Must(r.Promote(ctx, "blog", 2))(t)
	if rel := releasetest.Must(r.Cancel(ctx, "blog", "c"))(t); rel.Version != 2 || rel.Status != release.Current {
		t.Errorf("got v%d %s", rel.Version, rel.Status)
	}
	releasetest.Must(r.Register(ctx, "blog", pending("d")))(t)
	releasetest.Must(r.Fail(ctx, "blog", 3))(t)
	if rel := releasetest.Must(r.Cancel(ctx, "blog", "d"))(t); rel.Status != release.Failed {
		t.Errorf("got %s", rel.Status)
	}
	if got := releasetest.Versions(t, r, "blog"); got != "v3 failed, v2 current, v1 abandoned" {
		t.Error(got)
	}
	if _, err := r.Cancel(ctx, "blog", ""); err == nil {
		t.Error("no key is a key")
	}
	_, err = r.Cancel(ctx, "Blog", "a")
	releasetest.WantFault(t, err, "release/app-name", 2)
}

func TestCancelRaces(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.db")
	releasetest.CancelRaces(t, func() coordinator.Coordinator { return open(t, path) })
}
