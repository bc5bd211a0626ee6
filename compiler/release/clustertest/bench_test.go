package clustertest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"slugc/compiler/coordinator/etcd/etcdtest"
	"slugc/compiler/release/releasetest"
)

// BenchmarkRegistrations compares registrations with the minimum that could do the same in etcd: a
// transaction that reads an app's head and an idempotency key, and one that compares both and
// writes them and a release. Three members run on loopback, on this machine's disk. Run it with
// -benchtime 2000x.
func BenchmarkRegistrations(b *testing.B) {
	cluster := etcdtest.Start(b, 3)
	for _, load := range []struct{ apps, writers int }{{1, 1}, {1, 16}, {64, 64}} {
		name := fmt.Sprintf("%d apps/%d writers/", load.apps, load.writers)
		run := atomic.Int64{}
		b.Run(name+"bare", func(b *testing.B) {
			prefix := fmt.Sprintf("/bare/%d/%s", run.Add(1), name)
			spread(b, load.writers, func(n int64) error {
				return bare(b.Context(), cluster.Client(), fmt.Sprint(prefix, n%int64(load.apps)), n)
			})
		})
		b.Run(name+"slugc", func(b *testing.B) {
			url := fmt.Sprintf("/bench/%d.%d.%d?timeout=20s", run.Add(1), load.apps, load.writers)
			r := releasetest.New(cluster.Open(b, url))
			spread(b, load.writers, func(n int64) error {
				q := releasetest.Request(int(n), "web worker")
				q.Key = strconv.FormatInt(n, 10)
				_, err := r.Register(b.Context(), fmt.Sprint("app", n%int64(load.apps)), q)
				return err
			})
		})
	}
}

// spread makes b.N numbered registrations and reports how many there were in a second.
func spread(b *testing.B, writers int, do func(n int64) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range writers {
		wg.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := do(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "registrations/s")
}

// bare is one registration with nothing but the two transactions.
func bare(ctx context.Context, c *clientv3.Client, app string, n int64) error {
	head, key := app+"/head", fmt.Sprint(app, "/keys/", n)
	for {
		read, err := c.Txn(ctx).Then(clientv3.OpGet(head), clientv3.OpGet(key)).Commit()
		if err != nil {
			return err
		}
		if len(read.Responses[1].GetResponseRange().Kvs) > 0 {
			return errors.New("the key has a release already")
		}
		rev, version := int64(0), 1
		for _, kv := range read.Responses[0].GetResponseRange().Kvs {
			last, err := strconv.Atoi(string(kv.Value))
			if err != nil {
				return err
			}
			rev, version = kv.ModRevision, last+1
		}
		row := fmt.Sprint(releasetest.Request(int(n), "web worker"))
		done, err := c.Txn(ctx).If(
			clientv3.Compare(clientv3.ModRevision(head), "=", rev),
			clientv3.Compare(clientv3.ModRevision(key), "=", 0),
		).Then(
			clientv3.OpPut(head, strconv.Itoa(version)),
			clientv3.OpPut(key, strconv.Itoa(version)),
			clientv3.OpPut(fmt.Sprintf("%s/releases/%010d", app, version), row),
		).Commit()
		if err != nil || done.Succeeded {
			return err
		}
	}
}
