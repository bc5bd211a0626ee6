package etcd_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/coordinatortest"
	"slugc/compiler/coordinator/etcd"
	"slugc/compiler/coordinator/etcd/etcdtest"
)

// open opens a handle; rest is the URL's path and parameters.
func open(t testing.TB, c *etcdtest.Cluster, rest string) coordinator.Coordinator {
	t.Helper()
	config, err := etcd.ParseURL(c.URL()+rest, nil)
	if err != nil {
		t.Fatal(err)
	}
	handle, err := etcd.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { handle.Close() })
	return handle
}

// TestConformance runs the suite on one member and on three. Its subtests share a cluster, each
// with a prefix of its own, one after another, as the revision is the cluster's.
func TestConformance(t *testing.T) {
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprint(n, " members"), func(t *testing.T) {
			cluster := etcdtest.Start(t, n, etcdtest.Steady...)
			var tests atomic.Int32
			coordinatortest.Run(t, func(t *testing.T) coordinatortest.Store {
				config, err := etcd.ParseURL(fmt.Sprintf("%s/test/%d?timeout=30s", cluster.URL(), tests.Add(1)), nil)
				if err != nil {
					t.Fatal(err)
				}
				return coordinatortest.Store{
					Open: func() (coordinator.Coordinator, error) { return etcd.Open(config) },
					Compact: func(rev int64) error {
						_, err := cluster.Client().Compact(context.Background(), rev)
						return err
					},
				}
			})
		})
	}
}
