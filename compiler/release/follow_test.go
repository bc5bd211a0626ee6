package release_test

import (
	"context"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/etcd/etcdtest"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/release"
)

// awaitVersion receives until a release is current, and returns that update. Trouble in between is
// let pass; going back is not.
func awaitVersion(t *testing.T, updates <-chan release.Update, version int) release.Update {
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

func TestFollow(t *testing.T) {
	overBoth(t, func(t *testing.T, open func() coordinator.Coordinator) {
		r, other, ctx := over(open()), over(open()), t.Context()
		following, stop := context.WithCancel(ctx)
		updates := r.Follow(following, "blog")
		if u := <-updates; u.Err != nil || u.Current.Version != 0 || u.Formation != nil {
			t.Errorf("before the first release: %+v", u)
		}
		q := request(1, "web worker")
		q.Pending = true
		must[release.Release](t)(other.Register(ctx, "blog", q)) // no news
		must[release.Release](t)(other.Promote(ctx, "blog", 1))
		if u := <-updates; u.Current.Version != 1 || u.Current.Status != release.Current || u.Formation["web"] != 1 ||
			u.Formation["worker"] != 0 ||
			u.Stale {
			t.Errorf("after the first release: %+v", u)
		}
		must[release.Formation](t)(other.Scale(ctx, "blog", release.Change{Type: "worker", Quantity: 3}))
		if u := <-updates; u.Formation["worker"] != 3 {
			t.Errorf("after scaling: %+v", u)
		}
		must[release.Release](t)(other.Register(ctx, "another", request(1, "web")))                       // no news
		must[release.Formation](t)(other.Scale(ctx, "blog", release.Change{Type: "worker", Quantity: 3})) // no change
		// a slow receiver may miss some, not the last
		for n := range 20 {
			must[release.Release](t)(other.Register(ctx, "blog", request(n, "web worker")))
		}
		awaitVersion(t, updates, 21)
		stop()
		for range updates {
		}
	})
}

func TestFollowNobody(t *testing.T) {
	updates := newReleases(t).Follow(t.Context(), "No App")
	wantFault(t, (<-updates).Err, "app-name", 2)
	if _, more := <-updates; more {
		t.Error("the channel is open")
	}
}

// TestFollowAfterCompaction: the history that a follower would need is gone; it reads anew.
func TestFollowAfterCompaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	short, err := local.Open(path, local.Options{History: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer short.Close()
	slow := &gatedWatch{Coordinator: open(t, path), pass: make(chan struct{})}
	updates := over(slow).Follow(t.Context(), "blog")
	<-updates
	for n := range 5 {
		must[release.Release](t)(over(short).Register(t.Context(), "blog", request(n, "web")))
	}
	close(slow.pass) // only now the watch begins, five revisions late
	awaitVersion(t, updates, 5)
}

// gatedWatch is a coordinator whose watches wait.
type gatedWatch struct {
	coordinator.Coordinator
	pass chan struct{}
}

func (g *gatedWatch) Watch(ctx context.Context, prefix string, from int64) <-chan coordinator.Delivery {
	<-g.pass
	return g.Coordinator.Watch(ctx, prefix, from)
}

// TestFollowThroughRestart: the whole cluster goes away and comes back, with a compaction in
// between; the last state arrives.
func TestFollowThroughRestart(t *testing.T) {
	cluster := etcdtest.Start(t, 3)
	r := release.New(openCluster(t, cluster, ""), release.Options{Patience: 100 * time.Millisecond})
	patient := release.New(openCluster(t, cluster, ""), release.Options{Patience: time.Minute})
	must[release.Release](t)(patient.Register(t.Context(), "blog", request(1, "web")))
	ctx, stop := context.WithCancel(t.Context())
	updates := r.Follow(ctx, "blog")
	awaitVersion(t, updates, 1)
	for i := range 3 {
		cluster.Kill(i)
	}
	for u := range updates { // trouble is told, once
		if u.Err != nil {
			wantFault(t, u.Err, "coordinator-unavailable", 75)
			break
		}
	}
	for i := range 3 {
		cluster.Restart(i)
	}
	cluster.Await()
	must[release.Release](t)(patient.Register(t.Context(), "blog", request(2, "web")))
	must[release.Release](t)(patient.Register(t.Context(), "blog", request(3, "web")))
	_, rev, err := openCluster(t, cluster, "?timeout=30s").List(t.Context(), "/")
	if err == nil {
		_, err = cluster.Client().Compact(t.Context(), rev)
	}
	if err != nil {
		t.Fatal(err)
	}
	awaitVersion(t, updates, 3)
	stop()
	for range updates {
	}
	stacks := make([]byte, 1<<20)
	for began := time.Now(); strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "release.(*follower)"); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("a goroutine is left\n%s", stacks)
		}
	}
}

// TestStale: without a quorum, readers that want it get what there was, and are told; writers are
// refused.
func TestStale(t *testing.T) {
	cluster := etcdtest.Start(t, 3)
	c := openCluster(t, cluster, "")
	patient := release.New(c, release.Options{Patience: time.Minute})
	must[release.Release](t)(patient.Register(t.Context(), "blog", request(1, "web worker")))
	cluster.Await()
	cluster.Kill(0)
	cluster.Kill(2)
	told := 0
	stale := release.New(c, release.Options{Patience: 300 * time.Millisecond, Stale: func() { told++ }})
	strict := release.New(c, release.Options{Patience: 300 * time.Millisecond})
	ctx := t.Context()
	if got := versions(t, stale, "blog"); got != "v1 current" {
		t.Error(got)
	}
	if rel := must[release.Release](t)(stale.Current(ctx, "blog")); rel.Version != 1 {
		t.Errorf("v%d", rel.Version)
	}
	if f := must[release.Formation](t)(stale.Formation(ctx, "blog")); f["web"] != 1 || len(f) != 2 {
		t.Errorf("%v", f)
	}
	if apps := must[[]string](t)(stale.Apps(ctx)); strings.Join(apps, " ") != "blog" {
		t.Errorf("%v", apps)
	}
	_, err := stale.Current(ctx, "nothing")
	wantFault(t, err, "no-releases", 72)
	if told != 5 {
		t.Errorf("told %d times of five stale answers", told)
	}
	if s := must[release.Snapshot](t)(strict.Snapshot(ctx, "blog")); !s.Stale || s.Current.Version != 1 {
		t.Errorf("%+v", s)
	}
	updates := strict.Follow(ctx, "blog")
	if u := <-updates; !u.Stale || u.Current.Version != 1 {
		t.Errorf("%+v", u)
	}
	wantFault(t, (<-updates).Err, "coordinator-unavailable", 75)
	_, err = strict.List(ctx, "blog")
	wantFault(t, err, "coordinator-unavailable", 75)
	_, err = stale.Register(ctx, "blog", request(2, "web"))
	wantFault(t, err, "coordinator-unavailable", 75)
	cluster.Restart(0)
	cluster.Await(0, 1)
	for u := range updates {
		if u.Err == nil && !u.Stale {
			break
		}
	}
}
