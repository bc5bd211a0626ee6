package releasetest

import (
	"context"
	"testing"

	"slugc/compiler/coordinator"
	"slugc/compiler/release"
)

// AwaitVersion receives until a release is current, and returns that update. It ignores trouble in
// between; a version that goes back is an error.
func AwaitVersion(t testing.TB, updates <-chan release.Update, version int) release.Update {
	t.Helper()
	last := 0
	for u := range updates {
		if u.Err != nil {
			continue
		}
		if u.Current.Version < last {
			t.Errorf("v%d after v%d", u.Current.Version, last)
		}
		if last = u.Current.Version; last == version {
			return u
		}
	}
	t.Fatalf("the channel was closed before v%d", version)
	return release.Update{}
}

// Follow tests [release.Releases.Follow] over an empty store, which open opens.
func Follow(t *testing.T, open func() coordinator.Coordinator) {
	r, other, ctx := New(open()), New(open()), t.Context()
	following, stop := context.WithCancel(ctx)
	updates := r.Follow(following, "blog")
	if u := <-updates; u.Err != nil || u.Current.Version != 0 || u.Formation != nil {
		t.Errorf("before the first release: %+v", u)
	}
	scale := func(n int) {
		Must(other.Scale(ctx, "blog", release.Change{Type: "worker", Quantity: n}))(t)
	}
	Must(other.Register(ctx, "blog", PendingRequest(1, "web worker", "")))(t) // no update
	Must(other.Promote(ctx, "blog", 1))(t)
	u := <-updates
	if u.Current.Version != 1 || u.Current.Status != release.Current || u.Stale ||
		u.Formation["web"] != 1 || u.Formation["worker"] != 0 {
		t.Errorf("after the first release: %+v", u)
	}
	scale(3)
	if u := <-updates; u.Formation["worker"] != 3 {
		t.Errorf("after scaling: %+v", u)
	}
	Must(other.Register(ctx, "another", Request(1, "web")))(t) // no update
	scale(3)                                                   // no update: nothing changes
	// A slow receiver may miss some, not the last.
	for n := range 20 {
		Must(other.Register(ctx, "blog", Request(n, "web worker")))(t)
	}
	AwaitVersion(t, updates, 21)
	stop()
	for range updates {
	}
}
