package etcd_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/coordinatortest"
	"slugc/compiler/coordinator/etcd/etcdtest"
	"slugc/compiler/fault"
)

// TestNoQuorum: without a quorum, requests that need one fail as unavailable and stale reads work;
// once it is back, all work.
func TestNoQuorum(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 3)
	c := cluster.Open(t, "?timeout=5s")
	persist(t, c, "/a/b", "1")
	cluster.Await() // every member has it
	cluster.Kill(1)
	cluster.Kill(2)
	// The last member tries until it notices that it is alone; from then on it refuses at once.
	for name, request := range map[string]func() error{
		"Get":  func() error { _, err := c.Get(t.Context(), "/a/b"); return err },
		"List": func() error { _, _, err := c.List(t.Context(), "/"); return err },
		"a commit that only compares": func() error {
			_, err := c.Commit(t.Context(), []coordinator.Compare{{Key: "/new"}}, nil)
			return err
		},
		"Commit": func() error {
			_, err := c.Commit(t.Context(), nil, []coordinator.Write{{Key: "/a/c"}})
			return err
		},
	} {
		if err := request(); !errors.Is(err, coordinator.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	stale := c.(coordinator.StaleReader).Stale()
	read, err := stale.Get(t.Context(), "/a/b", "/none")
	if err != nil || string(read[0].Value) != "1" || read[1].Rev != 0 {
		t.Errorf("stale Get: %v, %v", read, err)
	}
	if list, rev, err := stale.List(t.Context(), "/a/"); err != nil || len(list) == 0 || rev < list[0].Rev {
		t.Errorf("stale List: %v, %v", list, err)
	}
	cluster.Restart(1)
	cluster.Restart(2)
	cluster.Await()
	persist(t, c, "/a/b", "2")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 1, "--quota-backend-bytes=4194304", "--max-request-bytes=600000")
	c := cluster.Open(t, "/mine?timeout=20s")
	write := func(key string, size int) error {
		_, err := c.Commit(t.Context(), nil, []coordinator.Write{{Key: key, Value: bytes.Repeat([]byte("x"), size)}})
		return err
	}
	if err := write("/large", 700_000); !errors.Is(err, coordinator.ErrBadCommit) {
		t.Errorf("more than the cluster takes: %v", err)
	}
	var err error
	for i := 0; i < 100 && err == nil; i++ {
		err = write(fmt.Sprint("/fill/", i), 500_000)
	}
	wantFault(t, err, "coordinator/no-space", fault.ExitTransient, "mvcc: database space exceeded")
}

func TestUsers(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 1, etcdtest.Steady...)
	admin, ctx := cluster.Client(), t.Context()
	readWrite, end := clientv3.PermissionType(clientv3.PermReadWrite), clientv3.GetPrefixRangeEnd("/mine/")
	steps := []func() error{
		func() error { _, err := admin.UserAdd(ctx, "root", "r00t"); return err },
		func() error { _, err := admin.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := admin.RoleAdd(ctx, "slugc"); return err },
		func() error { _, err := admin.RoleGrantPermission(ctx, "slugc", "/mine/", end, readWrite); return err },
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
		return etcdtest.OpenURL(t, "etcd://"+user+cluster.Hosts()+prefix+"?timeout=20s&dial-timeout=20s")
	}
	ana := as("ana:s3cret@", "/mine")
	rev := coordinatortest.Put(t, ana, "/a", "1")
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

// testLostAnswers: a writer whose answer was lost must not be told of a conflict, which would mean
// that nothing was done; and no commit may be done twice.
func testLostAnswers(t *testing.T, cluster *etcdtest.Cluster) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy(t, l, cluster.Hosts(), func() int { return 1500 + rand.N(1500) })
	reliable := cluster.Open(t, "/lost?timeout=20s")
	first := coordinatortest.Put(t, reliable, "/n", "start")
	c := etcdtest.OpenURL(t, "etcd://"+l.Addr().String()+"/lost?timeout=20s")
	const done, conflicted, unknown = "done", "conflicted", "unknown"
	outcomes := map[string]string{} // value → what its writer was told
	count := map[string]int{}
	for n := 0; count[done] < 300 || count[unknown] < 5; n++ {
		read, err := c.Get(t.Context(), "/n")
		if errors.Is(err, coordinator.ErrUnavailable) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		value := fmt.Sprint(n)
		_, err = c.Commit(t.Context(), []coordinator.Compare{{Key: "/n", Rev: read[0].Rev}},
			[]coordinator.Write{{Key: "/n", Value: []byte(value)}})
		switch {
		case err == nil:
			outcomes[value] = done
		case errors.Is(err, coordinator.ErrUnavailable):
			outcomes[value] = unknown
		case errors.Is(err, coordinator.ErrConflict): // an earlier commit without an answer came late
			outcomes[value] = conflicted
		default:
			t.Fatal(err)
		}
		count[outcomes[value]]++
	}
	last := coordinatortest.Put(t, reliable, "/n", "end")
	written := map[string]int{}
	for d := range reliable.Watch(t.Context(), "/", first) {
		if d.Err != nil {
			t.Fatal(d.Err)
		}
		if d.Events[0].Rev == last {
			break
		}
		written[string(d.Events[0].Value)]++
	}
	for value, told := range outcomes {
		if n := written[value]; n > 1 || (told == done && n != 1) || (told == conflicted && n != 0) {
			t.Errorf("the commit of %s, %s, was done %d times", value, told, n)
		}
	}
	t.Logf("%v", count)
}

// TestCloseLeavesNoGoroutine counts the goroutines of the process, so it runs alone.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	cluster := etcdtest.Start(t, 3, etcdtest.Steady...)
	before := runtime.NumGoroutine()
	for i := range 3 {
		c := cluster.Open(t, "?timeout=20s")
		rev := coordinatortest.Put(t, c, "/a", "1")
		watched := c.Watch(t.Context(), "/", rev)
		<-watched
		lock := coordinator.Lock{Key: fmt.Sprint("/lock", i), TTL: time.Minute, Owner: "me"}
		lost, _, err := c.(coordinator.Locker).Lock(t.Context(), lock)
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
			stacks = stacks[:runtime.Stack(stacks, true)]
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, stacks)
		}
	}
}
