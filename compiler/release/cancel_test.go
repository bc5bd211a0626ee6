package release_test

import (
	"testing"

	"slugc/compiler/fault"
	"slugc/compiler/release"
)

func TestCancel(t *testing.T) {
	ctx, r := t.Context(), newReleases(t)
	q := request(1, "web")
	q.Key, q.Pending = "begun", true
	must[release.Release](t)(r.Register(ctx, "blog", q))
	for range 2 {
		if got := must[release.Release](t)(r.Cancel(ctx, "blog", "begun")); got.Version != 1 || got.Status != release.Abandoned {
			t.Errorf("a pending one is %+v", got)
		}
	}
	if got := must[release.Release](t)(r.Register(ctx, "blog", q)); got.Status != release.Abandoned {
		t.Errorf("registered again it is %+v", got)
	}
	q.Key, q.Pending = "done", false
	must[release.Release](t)(r.Register(ctx, "blog", q))
	if got := must[release.Release](t)(r.Cancel(ctx, "blog", "done")); got.Status != release.Current {
		t.Errorf("a current one is %+v", got)
	}
	if got := must[release.Release](t)(r.Cancel(ctx, "blog", "never begun")); got.Version != 0 {
		t.Errorf("of nothing there is %+v", got)
	}
	q.Key = "never begun"
	_, registering := r.Register(ctx, "blog", q)
	_, rolling := r.Rollback(ctx, "blog", 0, "never begun", false)
	for _, err := range []error{registering, rolling} {
		if f := fault.Of(err); f == nil || f.ID != "release/cancelled" || f.Code != fault.ExitRelease || f.Error() != `this registration of a release of "blog" was cancelled` {
			t.Errorf("a cancelled key: %v", err)
		}
	}
	if _, err := r.Cancel(ctx, "blog", ""); err == nil {
		t.Error("there is a release without a key")
	}
}

// A follower hears of what is, and of each change that matters, in the end; of others it hears nothing.
func TestFollow(t *testing.T) {
	ctx, r := t.Context(), newReleases(t)
	updates := r.Follow(ctx, "blog")
	next := func() release.Snapshot {
		t.Helper()
		u := <-updates
		if u.Err != nil {
			t.Fatal(u.Err)
		}
		return u.Snapshot
	}
	if s := next(); s.Current.Version != 0 || s.Formation != nil {
		t.Errorf("of nothing it hears %+v", s)
	}
	must[release.Release](t)(r.Register(ctx, "blog", request(1, "web worker")))
	if s := next(); s.Current.Version != 1 || s.Formation["web"] != 1 {
		t.Errorf("of the first release it hears %+v", s)
	}
	q := request(2, "web")
	q.Pending = true
	must[release.Release](t)(r.Register(ctx, "blog", q))
	must[release.Formation](t)(r.Scale(ctx, "blog", release.Change{Type: "worker", Quantity: 2}))
	if s := next(); s.Current.Version != 1 || s.Formation["worker"] != 2 {
		t.Errorf("of the scaling it hears %+v", s)
	}
	must[release.Release](t)(r.Promote(ctx, "blog", 2))
	if s := next(); s.Current.Version != 2 || len(s.Formation) != 1 {
		t.Errorf("of the second release it hears %+v", s)
	}
	if u := <-r.Follow(ctx, "No App"); fault.Of(u.Err) == nil || fault.Of(u.Err).ID != "release/app-name" {
		t.Errorf("of a malformed name it hears %+v", u)
	}
}
