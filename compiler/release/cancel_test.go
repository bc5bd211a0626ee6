package release_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/etcd/etcdtest"
	"slugc/compiler/release"
)

// overBoth runs a test over a file and over a cluster.
func overBoth(t *testing.T, test func(t *testing.T, open func() coordinator.Coordinator)) {
	t.Run("local", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "c.db")
		test(t, func() coordinator.Coordinator { return open(t, path) })
	})
	t.Run("etcd", func(t *testing.T) {
		cluster := etcdtest.Start(t, 3, etcdtest.Steady...)
		test(t, func() coordinator.Coordinator { return openCluster(t, cluster, "?timeout=30s") })
	})
}

func TestCancel(t *testing.T) {
	r, ctx := newReleases(t), t.Context()
	pending := func(key string) release.Request {
		q := request(1, "web")
		q.Key, q.Pending = key, true
		return q
	}
	// A pending release is abandoned; again is the same.
	must[release.Release](t)(r.Register(ctx, "blog", pending("a")))
	for range 2 {
		if rel := must[release.Release](t)(r.Cancel(ctx, "blog", "a")); rel.Version != 1 ||
			rel.Status != release.Abandoned {
			t.Errorf("got v%d %s", rel.Version, rel.Status)
		}
	}
	// What is registered under the key afterwards is what was.
	if rel := must[release.Release](t)(r.Register(ctx, "blog", pending("a"))); rel.Version != 1 ||
		rel.Status != release.Abandoned {
		t.Errorf("got v%d %s", rel.Version, rel.Status)
	}
	// Nothing was registered: nothing will be, for this app.
	for range 2 {
		if rel := must[release.Release](t)(r.Cancel(ctx, "blog", "b")); rel.Version != 0 {
			t.Errorf("got v%d", rel.Version)
		}
	}
	_, err := r.Register(ctx, "blog", pending("b"))
	wantFault(t, err, "cancelled", 72)
	_, err = r.Rollback(ctx, "blog", 0, "b", false)
	wantFault(t, err, "cancelled", 72)
	must[release.Release](t)(r.Register(ctx, "other", pending("b")))
	// What is settled stays.
	must[release.Release](t)(r.Register(ctx, "blog", pending("c")))
	must[release.Release](t)(r.Promote(ctx, "blog", 2))
	if rel := must[release.Release](t)(r.Cancel(ctx, "blog", "c")); rel.Version != 2 || rel.Status != release.Current {
		t.Errorf("got v%d %s", rel.Version, rel.Status)
	}
	must[release.Release](t)(r.Register(ctx, "blog", pending("d")))
	must[release.Release](t)(r.Fail(ctx, "blog", 3))
	if rel := must[release.Release](t)(r.Cancel(ctx, "blog", "d")); rel.Status != release.Failed {
		t.Errorf("got %s", rel.Status)
	}
	if got := versions(t, r, "blog"); got != "v3 failed, v2 current, v1 abandoned" {
		t.Error(got)
	}
	if _, err := r.Cancel(ctx, "blog", ""); err == nil {
		t.Error("no key is a key")
	}
	_, err = r.Cancel(ctx, "Blog", "a")
	wantFault(t, err, "app-name", 2)
}

// TestCancelRaces: of a cancellation and a registration at the same time, either comes first, and
// they agree on which.
func TestCancelRaces(t *testing.T) {
	overBoth(t, func(t *testing.T, open func() coordinator.Coordinator) {
		one, two := over(open()), over(open())
		registered, first := 0, 0
		for i := range 60 {
			q := request(i, "web")
			q.Key, q.Pending = fmt.Sprint("key", i), true
			var made, cancelled release.Release
			var refused, err error
			var wg sync.WaitGroup
			wg.Go(func() {
				time.Sleep(rand.N(2 * time.Millisecond))
				made, refused = one.Register(t.Context(), "blog", q)
			})
			wg.Go(func() {
				time.Sleep(rand.N(2 * time.Millisecond))
				cancelled, err = two.Cancel(t.Context(), "blog", q.Key)
			})
			wg.Wait()
			switch {
			case err != nil:
				t.Fatal(err)
			case refused == nil:
				registered++
				if cancelled.Version != made.Version || cancelled.Status != release.Abandoned ||
					made.Version != registered {
					t.Errorf(
						"round %d: made v%d, want v%d, cancelled v%d %s",
						i,
						made.Version,
						registered,
						cancelled.Version,
						cancelled.Status,
					)
				}
			case id(refused) == "release/cancelled":
				first++
				if cancelled.Version != 0 {
					t.Errorf("round %d: v%d was cancelled, and never made", i, cancelled.Version)
				}
			default:
				t.Fatal(refused)
			}
		}
		list := must[[]release.Release](t)(one.List(t.Context(), "blog"))
		if len(list) != registered {
			t.Errorf("%d releases, want %d", len(list), registered)
		}
		for _, rel := range list {
			if rel.Status != release.Abandoned {
				t.Errorf("v%d is %s", rel.Version, rel.Status)
			}
		}
		t.Logf("%d registrations came first, %d cancellations", registered, first)
	})
}
