package releasetest

import (
	"fmt"
	"sync"
	"testing"

	"slugc/compiler/coordinator"
	"slugc/compiler/release"
)

// ConfigRaces changes config vars, releases and rolls back at the same time over an empty store, which open opens. No
// change is lost, none is made twice, and each release has the config vars of the moment when it became current.
func ConfigRaces(t *testing.T, open func() coordinator.Coordinator) {
	const writers, each = 4, 12
	ctx := t.Context()
	Must(New(open()).Register(ctx, "blog", Request(1, "web")))(t)
	var wg sync.WaitGroup
	for w := range writers {
		r := New(open())
		wg.Go(func() {
			for i := range each {
				name := fmt.Sprintf("V%d_%d", w, i)
				done, err := r.Configure(ctx, "blog", release.ConfigChange{Set: release.Config{name: "x"}})
				if err != nil || len(done.Changed) != 1 || done.Vars[name] != "x" {
					t.Errorf("setting %s: %+v, %v", name, done, err)
				}
				if w == 0 {
					q := PendingRequest(i, "web", name)
					made, err := r.Register(ctx, "blog", q)
					if err == nil {
						made, err = r.Promote(ctx, "blog", made.Version)
					}
					if err != nil {
						t.Errorf("releasing %d: %+v, %v", i, made, err)
					}
				}
			}
		})
	}
	wg.Wait()
	r := New(open())
	if vars := Must(r.Config(ctx, "blog"))(t); len(vars) != writers*each {
		t.Errorf("%d config vars, want %d", len(vars), writers*each)
	}
	list := Must(r.List(ctx, "blog"))(t)
	if want := 1 + writers*each + each; len(list) != want {
		t.Errorf("%d releases, want %d", len(list), want)
	}
	current := Must(r.Current(ctx, "blog"))(t)
	if vars := Must(r.ConfigOf(ctx, "blog", current.Version))(t); len(vars) != writers*each {
		t.Errorf("the current release has %d config vars", len(vars))
	}
	revisions := map[int]bool{}
	for _, rel := range list {
		revisions[rel.ConfigRev] = true
	}
	if len(revisions) != writers*each+1 {
		t.Errorf("%d revisions", len(revisions))
	}
	back := Must(r.Rollback(ctx, "blog", 1, "", false))(t)
	if vars := Must(r.ConfigOf(ctx, "blog", back.Version))(t); len(vars) > 0 || back.ConfigRev != 0 {
		t.Errorf("rolled back to v1: %v of %+v", vars, back)
	}
}
