// Package clustertest tests releases over etcd clusters: what no other package needs a cluster for.
// Tests that kill no member share one cluster.
package clustertest

import (
	"os"
	"testing"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/etcd/etcdtest"
	"slugc/compiler/release/releasetest"
)

func TestMain(m *testing.M) { os.Exit(etcdtest.Main(m)) }

func TestKilledRegistrars(t *testing.T) {
	t.Parallel()
	url := etcdtest.Shared(t).URL() + "/registrars?timeout=30s"
	releasetest.KillRegistrars(t, url, etcdtest.OpenURL(t, url), 4, 12)
}

func TestCancelRaces(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Shared(t)
	releasetest.CancelRaces(t, func() coordinator.Coordinator { return cluster.Open(t, "/cancel?timeout=30s") })
}

func TestConfigRaces(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Shared(t)
	releasetest.ConfigRaces(t, func() coordinator.Coordinator { return cluster.Open(t, "/config?timeout=30s") })
}
