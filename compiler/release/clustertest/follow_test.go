package clustertest

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/etcd/etcdtest"
	"slugc/compiler/release"
	"slugc/compiler/release/releasetest"
)

func TestFollow(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Shared(t)
	releasetest.Follow(t, func() coordinator.Coordinator { return cluster.Open(t, "/follow?timeout=30s") })
}

// TestFollowThroughRestart stops the whole cluster and starts it again, with a compaction in
// between: the last state arrives.
func TestFollowThroughRestart(t *testing.T) {
	cluster := etcdtest.Start(t, 3)
	r := release.New(cluster.Open(t, ""), release.Options{RetryTime: 100 * time.Millisecond})
	patient := release.New(cluster.Open(t, ""), release.Options{RetryTime: time.Minute})
	releasetest.Must(patient.Register(t.Context(), "blog", releasetest.Request(1, "web")))(t)
	ctx, stop := context.WithCancel(t.Context())
	updates := r.Follow(ctx, "blog")
	releasetest.AwaitVersion(t, updates, 1)
	for i := range 3 {
		cluster.Kill(i)
	}
	for u := range updates { // trouble is sent, once
		if u.Err != nil {
			releasetest.WantFault(t, u.Err, "release/coordinator-unavailable", 75)
			break
		}
	}
	for i := range 3 {
		cluster.Restart(i)
	}
	cluster.Await()
	releasetest.Must(patient.Register(t.Context(), "blog", releasetest.Request(2, "web")))(t)
	releasetest.Must(patient.Register(t.Context(), "blog", releasetest.Request(3, "web")))(t)
	_, rev, err := cluster.Open(t, "?timeout=30s").List(t.Context(), "/")
	if err == nil {
		_, err = cluster.Client().Compact(t.Context(), rev)
	}
	if err != nil {
		t.Fatal(err)
	}
	releasetest.AwaitVersion(t, updates, 3)
	stop()
	for range updates {
	}
	awaitNoFollower(t)
}

// awaitNoFollower waits until no goroutine of the process follows an app. So its test does not run
// beside others.
func awaitNoFollower(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(10 * time.Millisecond) {
		if !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "release.(*follower)") {
			return
		}
	}
	t.Fatalf("a goroutine is left\n%s", stacks)
}

// TestStale: without a quorum, readers that allow it get an earlier state and are told so; writers
// fail.
func TestStale(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 3)
	c := cluster.Open(t, "")
	patient := release.New(c, release.Options{RetryTime: time.Minute})
	releasetest.Must(patient.Register(t.Context(), "blog", releasetest.Request(1, "web worker")))(t)
	cluster.Await()
	cluster.Kill(0)
	cluster.Kill(2)
	told := 0
	stale := release.New(c, release.Options{RetryTime: 300 * time.Millisecond, OnStale: func() { told++ }})
	strict := release.New(c, release.Options{RetryTime: 300 * time.Millisecond})
	ctx := t.Context()
	if got := releasetest.Versions(t, stale, "blog"); got != "v1 current" {
		t.Error(got)
	}
	if rel := releasetest.Must(stale.Current(ctx, "blog"))(t); rel.Version != 1 {
		t.Errorf("v%d", rel.Version)
	}
	if f := releasetest.Must(stale.Formation(ctx, "blog"))(t); f["web"] != 1 || len(f) != 2 {
		t.Errorf("%v", f)
	}
	if apps := releasetest.Must(stale.Apps(ctx))(t); strings.Join(apps, " ") != "blog" {
		t.Errorf("%v", apps)
	}
	_, err := stale.Current(ctx, "nothing")
	releasetest.WantRefusal(t, err, release.ErrNoReleases)
	if told != 5 {
		t.Errorf("told %d times of five stale answers", told)
	}
	if s := releasetest.Must(strict.Snapshot(ctx, "blog"))(t); !s.Stale || s.Current.Version != 1 {
		t.Errorf("%+v", s)
	}
	updates := strict.Follow(ctx, "blog")
	if u := <-updates; !u.Stale || u.Current.Version != 1 {
		t.Errorf("%+v", u)
	}
	releasetest.WantFault(t, (<-updates).Err, "release/coordinator-unavailable", 75)
	_, err = strict.List(ctx, "blog")
	releasetest.WantFault(t, err, "release/coordinator-unavailable", 75)
	_, err = stale.Register(ctx, "blog", releasetest.Request(2, "web"))
	releasetest.WantFault(t, err, "release/coordinator-unavailable", 75)
	cluster.Restart(0)
	cluster.Await(0, 1)
	for u := range updates {
		if u.Err == nil && !u.Stale {
			break
		}
	}
}
