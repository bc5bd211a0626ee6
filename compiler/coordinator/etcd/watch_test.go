package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/etcd/etcdtest"
)

// TestWatchSurvives watches while leaders are killed and members stopped: it delivers exactly what
// a watch of the same revisions delivers afterwards.
func TestWatchSurvives(t *testing.T) {
	cluster := etcdtest.Start(t, 3)
	c, writer := open(t, cluster, ""), open(t, cluster, "")
	cluster.Await()
	first := persist(t, writer, "/p/n", "0")
	live := c.Watch(t.Context(), "/p/", first)
	var want []string
	n := 0
	for round := range 4 {
		i := cluster.Leader()
		if round%2 == 0 {
			cluster.Kill(i)
		} else {
			cluster.Pause(i)
		}
		for range 20 {
			n++
			persist(t, writer, "/p/n", fmt.Sprint(n))
			persist(t, writer, "/beside", fmt.Sprint(n))
		}
		if round%2 == 0 {
			cluster.Restart(i)
		} else {
			cluster.Resume(i)
		}
		cluster.Await(i)
	}
	var got []string
	for last := ""; last != fmt.Sprint(n); {
		d := <-live
		if d.Err != nil || len(d.Events) != 1 {
			t.Fatalf("after %v: %+v", got, d)
		}
		last = string(d.Events[0].Value)
		got = append(got, fmt.Sprintf("%d: %s", d.Events[0].Rev, last))
	}
	again := open(t, cluster, "?timeout=30s").Watch(t.Context(), "/p/", first)
	for range got {
		d := <-again
		if d.Err != nil {
			t.Fatal(d.Err)
		}
		want = append(want, fmt.Sprintf("%d: %s", d.Events[0].Rev, d.Events[0].Value))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// persist writes until it is acknowledged; a value may be written twice.
func persist(t *testing.T, c coordinator.Coordinator, key, value string) int64 {
	t.Helper()
	for {
		rev, err := c.Commit(t.Context(), nil, []coordinator.Write{{Key: key, Value: []byte(value)}})
		if err == nil {
			return rev
		}
		if !errors.Is(err, coordinator.ErrUnavailable) {
			t.Fatal(err)
		}
	}
}

// TestLargeCommitsAreWhole: commits so large that the server sends them in parts are delivered as
// one.
func TestLargeCommitsAreWhole(t *testing.T) {
	cluster := etcdtest.Start(t, 1, etcdtest.Steady...)
	c := open(t, cluster, "?timeout=30s")
	first := int64(0)
	for i := range 5 {
		var writes []coordinator.Write
		for k := range 50 {
			writes = append(
				writes,
				coordinator.Write{Key: fmt.Sprintf("/large/%02d", k), Value: make([]byte, 20_000+i)},
			)
		}
		rev, err := c.Commit(t.Context(), nil, writes)
		if err != nil {
			t.Fatal(err)
		}
		if first == 0 {
			first = rev
		}
	}
	ch := c.Watch(t.Context(), "/large/", first)
	for i := range 5 {
		d := <-ch
		if d.Err != nil || len(d.Events) != 50 || len(d.Events[49].Value) != 20_000+i ||
			d.Events[0].Rev != first+int64(i) {
			t.Fatalf("commit %d is delivered with %d events, %v", i, len(d.Events), d.Err)
		}
	}
}

func TestLock(t *testing.T) {
	cluster := etcdtest.Start(t, 1, etcdtest.Steady...)
	one, two := open(t, cluster, "?timeout=30s"), open(t, cluster, "?timeout=30s")
	lock := func(c coordinator.Coordinator, owner string, told chan<- string) (<-chan struct{}, func()) {
		lost, unlock, err := c.(coordinator.Locker).Lock(
			t.Context(),
			"/apps/blog/lock",
			2e9,
			owner,
			func(holder string) { told <- holder },
		)
		if err != nil {
			t.Error(err)
		}
		return lost, unlock
	}
	told := make(chan string, 10)
	_, unlock := lock(one, "first", told)
	got := make(chan func())
	go func() {
		_, unlock := lock(two, "second", told)
		got <- unlock
	}()
	if holder := <-told; holder != "first" {
		t.Errorf("told of %q", holder)
	}
	unlock()
	unlock2 := <-got
	unlock2()

	// A holder that is gone without a word keeps others waiting for its time to live, and no
	// longer.
	lost, _ := lock(one, "third", told)
	one.Close()
	<-lost
	_, unlock = lock(two, "fourth", told)
	unlock()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := two.(coordinator.Locker).Lock(ctx, "/lock", 2e9, "fifth", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	cluster.Kill(0)
	if _, _, err := two.(coordinator.Locker).Lock(t.Context(), "/lock", 2e9, "sixth", nil); !errors.Is(
		err,
		coordinator.ErrUnavailable,
	) {
		t.Errorf("without a cluster: %v", err)
	}
}
