package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/coordinatortest"
	"slugc/compiler/coordinator/etcd"
	"slugc/compiler/coordinator/etcd/etcdtest"
	"slugc/compiler/fault"
)

func wantFault(t *testing.T, err error, id string, code int, suffix string) {
	t.Helper()
	mark, ok := errors.AsType[*fault.Error](err)
	if !ok || mark.ID != id || mark.Code != code || !strings.HasSuffix(err.Error(), suffix) {
		t.Errorf("got %v (%+v), want %s, exit %d, %q", err, mark, id, code, suffix)
	}
}

// TestOneMember runs what leaves a cluster unharmed on one of one member, each test below its own
// prefix, one after another: the revision is the cluster's.
func TestOneMember(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 1, etcdtest.Steady...)
	t.Run("conformance", func(t *testing.T) { testConformance(t, cluster) })
	t.Run("long list", func(t *testing.T) { testLongList(t, cluster) })
	t.Run("large commits", func(t *testing.T) { testLargeCommits(t, cluster) })
	t.Run("lost answers", func(t *testing.T) { testLostAnswers(t, cluster) })
	t.Run("TLS", func(t *testing.T) { testTLS(t, cluster) })
}

func TestThreeMembers(t *testing.T) {
	t.Parallel()
	testConformance(t, etcdtest.Start(t, 3, etcdtest.Steady...))
}

func testConformance(t *testing.T, cluster *etcdtest.Cluster) {
	var tests atomic.Int32
	coordinatortest.Run(t, func(t *testing.T) coordinatortest.Backend {
		config, err := etcd.ParseURL(fmt.Sprintf("%s/test/%d?timeout=30s", cluster.URL(), tests.Add(1)), nil)
		if err != nil {
			t.Fatal(err)
		}
		return coordinatortest.Backend{
			Open: func() (coordinator.Coordinator, error) { return etcd.Open(config) },
			Compact: func(rev int64) error {
				_, err := cluster.Client().Compact(context.Background(), rev)
				return err
			},
		}
	})
}

// testLongList reads more than two pages.
func testLongList(t *testing.T, cluster *etcdtest.Cluster) {
	c := cluster.Open(t, "/long?timeout=30s")
	const total = 4050
	for n := 0; n < total; n += 50 {
		var writes []coordinator.Write
		for i := range 50 {
			writes = append(writes, coordinator.Write{Key: fmt.Sprintf("/list/%05d", n+i)})
		}
		if _, err := c.Commit(t.Context(), nil, writes); err != nil {
			t.Fatal(err)
		}
	}
	rev := coordinatortest.Put(t, c, "/beside", "")
	list, at, err := c.List(t.Context(), "/list/")
	if err != nil || len(list) != total || at != rev {
		t.Fatalf("%d entries at %d, want %d at %d: %v", len(list), at, total, rev, err)
	}
	for i, e := range list {
		if e.Key != fmt.Sprintf("/list/%05d", i) {
			t.Fatalf("entry %d is %s", i, e.Key)
		}
	}
}

// testLargeCommits: the server sends large commits in fragments; each is delivered whole.
func testLargeCommits(t *testing.T, cluster *etcdtest.Cluster) {
	c := cluster.Open(t, "/large?timeout=30s")
	first := int64(0)
	for i := range 5 {
		var writes []coordinator.Write
		for k := range 50 {
			write := coordinator.Write{Key: fmt.Sprintf("/large/%02d", k), Value: make([]byte, 20_000+i)}
			writes = append(writes, write)
		}
		rev, err := c.Commit(t.Context(), nil, writes)
		if err != nil {
			t.Fatal(err)
		}
		if first == 0 {
			first = rev
		}
	}
	deliveries := c.Watch(t.Context(), "/large/", first)
	for i := range 5 {
		d := <-deliveries
		if d.Err != nil || len(d.Events) != 50 || len(d.Events[49].Value) != 20_000+i ||
			d.Events[0].Rev != first+int64(i) {
			t.Fatalf("commit %d is delivered with %d events, %v", i, len(d.Events), d.Err)
		}
	}
}
