package release_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/release"
	"slugc/compiler/release/releasetest"
)

func TestFormation(t *testing.T) {
	r, ctx := newReleases(t), t.Context()
	step := 0
	released := func(types string, want release.Formation) {
		t.Helper()
		step++
		releasetest.Must(r.Register(ctx, "blog", releasetest.Request(step, types)))(t)
		if diff := cmp.Diff(want, releasetest.Must(r.Formation(ctx, "blog"))(t)); diff != "" {
			t.Errorf("step %d:\n%s", step, diff)
		}
	}
	scale := func(args ...string) {
		t.Helper()
		releasetest.Must(r.Scale(ctx, "blog", releasetest.Must(release.ParseScale(args...))(t)...))(t)
	}
	released("worker release", release.Formation{"worker": 0})
	released("worker web release", release.Formation{"worker": 0, "web": 1}) // web is new, if late
	scale("web=10", "worker=5")
	released("worker web release", release.Formation{"worker": 5, "web": 10})
	released("worker", release.Formation{"worker": 5})
	scale("worker-5")
	released("worker web clock", release.Formation{"worker": 0, "web": 10, "clock": 0}) // web kept its row
	scale("web=0")
	released("worker", release.Formation{"worker": 0})
	released("web", release.Formation{"web": 0}) // it is no longer new
	if got := releasetest.Must(r.Scale(ctx, "blog"))(t); !cmp.Equal(got, release.Formation{"web": 0}) {
		t.Errorf("no change returns %v", got)
	}
}

// TestFormationOfFirstRelease: the first release that becomes current brings its formation, and no later one does.
func TestFormationOfFirstRelease(t *testing.T) {
	r, ctx := newReleases(t), t.Context()
	register := func(step int, types string, pending bool, f release.Formation) release.Release {
		t.Helper()
		q := releasetest.Request(step, types)
		q.Pending, q.Formation = pending, f
		return releasetest.Must(r.Register(ctx, "blog", q))(t)
	}
	first := release.Formation{"worker": 3, "clock": 0, "release": 1, "elsewhere": 2}
	failed := register(1, "web worker", true, release.Formation{"worker": 9})
	releasetest.Must(r.Fail(ctx, "blog", failed.Version))(t)
	pending := register(2, "web worker clock release", true, first)
	releasetest.Must(r.Promote(ctx, "blog", pending.Version))(t)
	want := release.Formation{"web": 1, "worker": 3, "clock": 0}
	if diff := cmp.Diff(want, releasetest.Must(r.Formation(ctx, "blog"))(t)); diff != "" {
		t.Errorf("the first release's formation:\n%s", diff)
	}
	register(3, "web worker mail", false, release.Formation{"web": 5, "worker": 5, "mail": 5})
	want = release.Formation{"web": 1, "worker": 3, "mail": 0}
	if diff := cmp.Diff(want, releasetest.Must(r.Formation(ctx, "blog"))(t)); diff != "" {
		t.Errorf("the formation after the second:\n%s", diff)
	}
	q := releasetest.Request(4, "web")
	q.Formation = release.Formation{"web": release.MaxQuantity + 1}
	if _, err := r.Register(ctx, "shop", q); !errors.Is(err, release.ErrBadQuantity) {
		t.Errorf("too many are registered: %v", err)
	}
}

func TestScaleRefuses(t *testing.T) {
	r, ctx := newReleases(t), t.Context()
	_, err := r.Scale(ctx, "blog", release.Change{Type: "web", Quantity: 1})
	releasetest.WantRefusal(t, err, release.ErrNoReleases)
	releasetest.Must(r.Register(ctx, "blog", releasetest.Request(1, "web worker release")))(t)
	web := release.Change{Type: "web", Quantity: 2}
	for _, tc := range []struct {
		want   release.Refusal
		change release.Change
	}{
		{release.ErrUnknownType, release.Change{Type: "clock", Quantity: 1}},
		{release.ErrNotScalable, release.Change{Type: "release", Quantity: 1}},
		{release.ErrBadQuantity, release.Change{Type: "worker", Quantity: -1}},
		{release.ErrBadQuantity, release.Change{Type: "worker", Quantity: -1, Relative: true}},
		{release.ErrBadQuantity, release.Change{Type: "worker", Quantity: release.MaxQuantity + 1}},
	} {
		_, err := r.Scale(ctx, "blog", web, tc.change)
		releasetest.WantRefusal(t, err, tc.want)
	}
	if f := releasetest.Must(r.Formation(ctx, "blog"))(t); f["web"] != 1 {
		t.Errorf("a refused change changed something: %v", f)
	}
}

func TestParseScale(t *testing.T) {
	for arg, want := range map[string]release.Change{
		"web=2":         {Type: "web", Quantity: 2},
		"web=0":         {Type: "web"},
		"web+1":         {Type: "web", Quantity: 1, Relative: true},
		"web-3":         {Type: "web", Quantity: -3, Relative: true},
		"my-worker-1":   {Type: "my-worker", Quantity: -1, Relative: true},
		"my-worker-1=4": {Type: "my-worker-1", Quantity: 4},
		"w--1":          {Type: "w-", Quantity: -1, Relative: true},
		"W_1=007":       {Type: "W_1", Quantity: 7},
	} {
		if got := releasetest.Must(release.ParseScale(arg))(t); !cmp.Equal(got, []release.Change{want}) {
			t.Errorf("%s: %+v", arg, got)
		}
	}
	for _, arg := range []string{
		"", "web", "web=", "=1", "web=-1", "web=1.5", "web=one", "web = 1", "web=9999999", "web=1\n", "w.x=1", "web:2",
	} {
		_, err := release.ParseScale("web=1", arg)
		releasetest.WantFault(t, err, "release/bad-scale", 2)
	}
}

func TestConcurrentScale(t *testing.T) {
	t.Parallel()
	r, ctx := newReleases(t), t.Context()
	releasetest.Must(r.Register(ctx, "blog", releasetest.Request(0, "web worker")))(t)
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			_, err := r.Scale(ctx, "blog", release.Change{Type: "web", Quantity: 1, Relative: true},
				release.Change{Type: "worker", Quantity: 2, Relative: true})
			if err != nil {
				t.Error(err)
			}
			if _, err := r.Register(ctx, "blog", releasetest.Request(i, fmt.Sprint("web worker t", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if f := releasetest.Must(r.Formation(ctx, "blog"))(t); f["web"] != 11 || f["worker"] != 20 {
		t.Errorf("got %v", f)
	}
	releasetest.CheckNumbers(t, r, "blog", 11)
}
