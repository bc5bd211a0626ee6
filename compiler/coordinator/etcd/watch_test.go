package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/etcd/etcdtest"
)

// TestWatchSurvives watches while leaders are killed and paused: it delivers exactly what a watch
// of the same revisions delivers afterwards.
func TestWatchSurvives(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 3)
	c, writer := cluster.Open(t, ""), cluster.Open(t, "")
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
	again := cluster.Open(t, "?timeout=30s").Watch(t.Context(), "/p/", first)
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

func TestLock(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 1, etcdtest.Steady...)
	one, two := cluster.Open(t, "?timeout=30s"), cluster.Open(t, "?timeout=30s")
	holders := make(chan string, 10)
	lock := func(ctx context.Context, c coordinator.Coordinator, owner string) (<-chan struct{}, func(), error) {
		return c.(coordinator.Locker).Lock(ctx, coordinator.Lock{
			Key: "/apps/blog/lock", TTL: 2 * time.Second, Owner: owner,
			Wait: func(holder string) { holders <- holder },
		})
	}
	mustLock := func(c coordinator.Coordinator, owner string) (<-chan struct{}, func()) {
		lost, unlock, err := lock(t.Context(), c, owner)
		if err != nil {
			t.Error(err)
		}
		return lost, unlock
	}
	_, unlock := mustLock(one, "first")
	second := make(chan func())
	go func() {
		_, unlock := mustLock(two, "second")
		second <- unlock
	}()
	if holder := <-holders; holder != "first" {
		t.Errorf("it waits for %q", holder)
	}
	unlock()
	(<-second)()

	// A holder that goes away silently makes others wait for its time to live, and no longer.
	lost, _ := mustLock(one, "third")
	one.Close()
	<-lost
	_, unlock = mustLock(two, "fourth")
	unlock()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := lock(ctx, two, "fifth"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	cluster.Kill(0)
	if _, _, err := lock(t.Context(), two, "sixth"); !errors.Is(err, coordinator.ErrUnavailable) {
		t.Errorf("without a cluster: %v", err)
	}
}
