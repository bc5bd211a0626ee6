package etcd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/etcd"
	"slugc/compiler/coordinator/etcd/etcdtest"
	"slugc/compiler/fault"
)

func put(t testing.TB, c coordinator.Coordinator, key, value string) int64 {
	t.Helper()
	rev, err := c.Commit(context.Background(), nil, []coordinator.Write{{Key: key, Value: []byte(value)}})
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func wantFault(t *testing.T, err error, id string, code int, text string) {
	t.Helper()
	mark, ok := errors.AsType[*fault.Error](err)
	if !ok || mark.ID != id || mark.Code != code || !strings.HasSuffix(err.Error(), text) {
		t.Errorf("got %v (%+v), want %s, exit %d, %q", err, mark, id, code, text)
	}
}

// TestNoQuorum: what needs a quorum is refused as unavailable, what was there can be read all the
// same, and with the quorum all is well again.
func TestNoQuorum(t *testing.T) {
	cluster := etcdtest.Start(t, 3)
	c := open(t, cluster, "?timeout=5s")
	put(t, c, "/a/b", "1")
	for i := range 3 { // every member has it
		if _, err := cluster.Client().Status(t.Context(), cluster.Client().Endpoints()[i]); err != nil {
			t.Fatal(err)
		}
	}
	cluster.Await()
	cluster.Kill(1)
	cluster.Kill(2)
	// Until the last member notices that it is alone, it may try; afterwards it refuses at once.
	_, err := c.Get(t.Context(), "/a/b")
	if !errors.Is(err, coordinator.ErrUnavailable) {
		t.Errorf("Get: %v", err)
	}
	if _, _, err := c.List(t.Context(), "/"); !errors.Is(err, coordinator.ErrUnavailable) {
		t.Errorf("List: %v", err)
	}
	if _, err := c.Commit(t.Context(), []coordinator.Compare{{Key: "/new"}}, nil); !errors.Is(
		err,
		coordinator.ErrUnavailable,
	) {
		t.Errorf("a commit that only compares: %v", err)
	}
	if _, err := c.Commit(t.Context(), nil, []coordinator.Write{{Key: "/a/c"}}); !errors.Is(
		err,
		coordinator.ErrUnavailable,
	) {
		t.Errorf("Commit: %v", err)
	}
	stale := c.(coordinator.Staler).Stale()
	if read, err := stale.Get(t.Context(), "/a/b", "/none"); err != nil || string(read[0].Value) != "1" ||
		read[1].Rev != 0 {
		t.Errorf("stale Get: %v, %v", read, err)
	}
	if list, rev, err := stale.List(t.Context(), "/a/"); err != nil || len(list) == 0 || rev < list[0].Rev {
		t.Errorf("stale List: %v, %v", list, err)
	}
	cluster.Restart(1)
	cluster.Restart(2)
	cluster.Await()
	put(t, c, "/a/b", "2")
}

// TestLongList reads more than a page.
func TestLongList(t *testing.T) {
	c := open(t, etcdtest.Start(t, 1, etcdtest.Steady...), "/p?timeout=30s")
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
	rev := put(t, c, "/beside", "")
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

func TestRefusals(t *testing.T) {
	cluster := etcdtest.Start(t, 1, "--quota-backend-bytes=4194304", "--max-request-bytes=600000")
	c := open(t, cluster, "/mine?timeout=20s")
	if _, err := c.Commit(t.Context(), nil, []coordinator.Write{{Key: "/large", Value: make([]byte, 700_000)}}); !errors.Is(
		err,
		coordinator.ErrBadCommit,
	) {
		t.Errorf("more than the cluster takes: %v", err)
	}
	var err error
	for i := 0; i < 100 && err == nil; i++ {
		_, err = c.Commit(
			t.Context(),
			nil,
			[]coordinator.Write{{Key: fmt.Sprint("/fill/", i), Value: bytes.Repeat([]byte("x"), 500_000)}},
		)
	}
	wantFault(t, err, "coordinator/no-space", fault.ExitTransient, "mvcc: database space exceeded")
}

func TestUsers(t *testing.T) {
	cluster := etcdtest.Start(t, 1, etcdtest.Steady...)
	admin, ctx := cluster.Client(), t.Context()
	steps := []func() error{
		func() error { _, err := admin.UserAdd(ctx, "root", "r00t"); return err },
		func() error { _, err := admin.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := admin.RoleAdd(ctx, "slugc"); return err },
		func() error {
			_, err := admin.RoleGrantPermission(
				ctx,
				"slugc",
				"/mine/",
				clientv3.GetPrefixRangeEnd("/mine/"),
				clientv3.PermissionType(clientv3.PermReadWrite),
			)
			return err
		},
		func() error { _, err := admin.UserAdd(ctx, "ana", "s3cret"); return err },
		func() error { _, err := admin.UserGrantRole(ctx, "ana", "slugc"); return err },
		func() error { _, err := admin.AuthEnable(ctx); return err },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	as := func(user, prefix string) coordinator.Coordinator {
		config, err := etcd.ParseURL(
			strings.Replace(cluster.URL(), "//", "//"+user, 1)+prefix+"?timeout=20s&dial-timeout=20s",
			nil,
		)
		if err != nil {
			t.Fatal(err)
		}
		c, err := etcd.Open(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	ana := as("ana:s3cret@", "/mine")
	rev := put(t, ana, "/a", "1")
	if d := <-ana.Watch(ctx, "/", rev); d.Err != nil || len(d.Events) != 1 {
		t.Errorf("watching: %+v", d)
	}
	_, err := as("ana:s3cret@", "/other").Get(ctx, "/a")
	wantFault(t, err, "coordinator/denied", fault.ExitRelease, "permission denied")
	if d := <-as("ana:s3cret@", "/other").Watch(ctx, "/", 1); fault.Of(d.Err).ID != "coordinator/denied" {
		t.Errorf("watching: %+v", d)
	}
	_, err = as("ana:wrong@", "/mine").Get(ctx, "/a")
	wantFault(t, err, "coordinator/denied", fault.ExitRelease, "authentication failed, invalid user ID or password")
	_, err = as("", "/mine").Get(ctx, "/a")
	wantFault(t, err, "coordinator/denied", fault.ExitRelease, "user name is empty")
}

// flaky passes bytes on to a member, and breaks each connection after a random number of them.
func flaky(t *testing.T, to string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			wg.Go(func() { pass(in, out, 1<<30) })
			wg.Go(func() { pass(out, in, 1500+rand.N(1500)) })
		}
	})
	return l.Addr().String()
}

// pass copies at most limit bytes, and then breaks both connections.
func pass(from, to net.Conn, limit int) {
	defer from.Close()
	defer to.Close()
	b := make([]byte, 64)
	for limit > 0 {
		n, err := from.Read(b)
		if _, werr := to.Write(b[:n]); err != nil || werr != nil {
			return
		}
		limit -= n
	}
}

// TestLostAnswers: of commits whose answers are lost, the writer never hears of a conflict, which
// would say that nothing was done, and none is done twice.
func TestLostAnswers(t *testing.T) {
	cluster := etcdtest.Start(t, 1, etcdtest.Steady...)
	config, err := etcd.ParseURL("etcd://"+flaky(t, strings.TrimPrefix(cluster.URL(), "etcd://"))+"?timeout=20s", nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := etcd.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const done, conflicted, unknown = "done", "conflicted", "unknown"
	heard := map[string]string{} // value → what was heard of its commit
	count := map[string]int{}
	for n := 0; count[done] < 300 || count[unknown] < 5; n++ {
		read, err := c.Get(t.Context(), "/n")
		if err != nil {
			if !errors.Is(err, coordinator.ErrUnavailable) {
				t.Fatal(err)
			}
			continue
		}
		value := fmt.Sprint(n)
		_, err = c.Commit(
			t.Context(),
			[]coordinator.Compare{{Key: "/n", Rev: read[0].Rev}},
			[]coordinator.Write{{Key: "/n", Value: []byte(value)}},
		)
		switch {
		case err == nil:
			heard[value] = done
		case errors.Is(err, coordinator.ErrUnavailable):
			heard[value] = unknown
		case errors.Is(err, coordinator.ErrConflict): // one whose answer was lost came late
			heard[value] = conflicted
		default:
			t.Fatal(err)
		}
		count[heard[value]]++
	}
	last := put(t, open(t, cluster, "?timeout=20s"), "/n", "end")
	written := map[string]int{}
	for d := range open(t, cluster, "?timeout=20s").Watch(t.Context(), "/", 1) {
		if d.Err != nil {
			t.Fatal(d.Err)
		}
		if d.Events[0].Rev == last {
			break
		}
		written[string(d.Events[0].Value)]++
	}
	for value, what := range heard {
		if n := written[value]; n > 1 || (what == done && n != 1) || (what == conflicted && n != 0) {
			t.Errorf("the commit of %s, %s, was done %d times", value, what, n)
		}
	}
	t.Logf("%v", count)
}

// TestNothingIsLeft: after Close no goroutine of the handle runs.
func TestNothingIsLeft(t *testing.T) {
	cluster := etcdtest.Start(t, 3, etcdtest.Steady...)
	before := runtime.NumGoroutine()
	for i := range 3 {
		c := open(t, cluster, "?timeout=20s")
		rev := put(t, c, "/a", "1")
		watched := c.Watch(t.Context(), "/", rev)
		<-watched
		lost, _, err := c.(coordinator.Locker).Lock(t.Context(), fmt.Sprint("/lock", i), time.Minute, "me", nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		for range watched {
		}
		<-lost
	}
	for began := time.Now(); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			stacks := make([]byte, 1<<20)
			t.Fatalf(
				"%d goroutines, %d before\n%s",
				runtime.NumGoroutine(),
				before,
				stacks[:runtime.Stack(stacks, true)],
			)
		}
	}
}
