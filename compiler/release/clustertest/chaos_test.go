package clustertest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/etcd/etcdtest"
	"slugc/compiler/fault"
	"slugc/compiler/release"
	"slugc/compiler/release/releasetest"
)

var long = flag.Bool("long", false, "TestChaos: ten thousand registrations, twenty kills, ten partitions")

// isolated is set in the process that TestChaos runs in a network namespace of its own.
const isolated = "RELEASE_TEST_ISOLATED"

// TestChaos has 16 writers, on four handles, register releases of eight apps in a cluster of three,
// while its leaders are killed and its members are cut off. Every writer tries again with the same
// key until it has an answer. No registration is lost, repeated or skipped, and the history is
// linearizable.
func TestChaos(t *testing.T) {
	if os.Getenv(isolated) == "" {
		t.Parallel()
		runIsolated(t)
		return
	}
	c := chaos{T: t, cluster: etcdtest.StartIsolated(t, 3), writers: 16, total: 1500, kills: 4, partitions: 2}
	if *long {
		c.total, c.kills, c.partitions = 10_000, 24, 12
	}
	c.run()
	c.check()
}

// runIsolated runs TestChaos in a network namespace of its own.
func runIsolated(t *testing.T) {
	args := []string{"--net", "--", os.Args[0], "-test.run=^TestChaos$", "-test.v", "-test.timeout=40m",
		fmt.Sprintf("-long=%v", *long)}
	if os.Geteuid() != 0 {
		args = append([]string{"--map-root-user"}, args...)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", args...)
	cmd.Env = append(os.Environ(), isolated+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Errorf("in a network namespace of its own: %v", err)
	}
}

// chaos is the test under way.
type chaos struct {
	*testing.T
	cluster                           *etcdtest.Cluster
	writers, total, kills, partitions int
	tickets, acked, unanswered        atomic.Int64
	unknown                           atomic.Int64 // commits whose outcome was unknown
	calm                              atomic.Bool  // the disturbances are over
	mu                                sync.Mutex   // guards what follows
	history                           []porcupine.Operation
	versions                          map[string]map[int]string // app → version → the key it was given to
	began, last                       time.Time
	silence                           time.Duration // the longest time without an acknowledgement
}

// operation is what a client asks: the next number for a key, again the number of a key that has
// one, or the current one if the key is "".
type operation struct {
	app, key string
	again    bool
}

// countingCoordinator counts commits whose outcome is unknown.
type countingCoordinator struct {
	coordinator.Coordinator
	unknown *atomic.Int64
}

func (c countingCoordinator) Commit(
	ctx context.Context, compares []coordinator.Compare, writes []coordinator.Write,
) (int64, error) {
	rev, err := c.Coordinator.Commit(ctx, compares, writes)
	if errors.Is(err, coordinator.ErrUnavailable) {
		c.unknown.Add(1)
	}
	return rev, err
}

func (c *chaos) run() {
	c.began, c.last, c.versions = time.Now(), time.Now(), map[string]map[int]string{}
	handles := make([]*release.Releases, 4)
	for i := range handles {
		handles[i] = releasetest.New(countingCoordinator{c.cluster.Open(c.T, ""), &c.unknown})
	}
	var wg sync.WaitGroup
	for w := range c.writers {
		wg.Go(func() {
			for n := c.tickets.Add(1); n <= int64(c.total) || !c.calm.Load(); n = c.tickets.Add(1) {
				o := operation{app: fmt.Sprint("app", n%8), key: fmt.Sprint("key", n)}
				version := c.do(w, handles[w%len(handles)], o)
				if n%20 == 0 {
					o.again = true
					if again := c.do(w, handles[(w+1)%len(handles)], o); again != version {
						c.Errorf("%s was v%d and is v%d", o.key, version, again)
					}
				}
				if n%5 == 0 {
					c.do(w, handles[w%len(handles)], operation{app: o.app})
				}
			}
		})
	}
	c.disturb()
	wg.Wait()
	took := time.Since(c.began)
	c.Logf("%d acknowledged in %v (%.0f/s), longest time without one %v; %d leaders killed, %d partitions",
		c.acked.Load(), took.Round(time.Millisecond), float64(c.acked.Load())/took.Seconds(),
		c.silence.Round(time.Millisecond), c.kills, c.partitions)
	c.Logf("%d commits without an answer, %d calls given up", c.unknown.Load(), c.unanswered.Load())
}

// do asks until it has an answer, and records the operation.
func (c *chaos) do(client int, r *release.Releases, o operation) int {
	call := time.Since(c.began)
	for {
		var rel release.Release
		var err error
		if o.key == "" {
			rel, err = r.Current(c.Context(), o.app)
		} else {
			q := releasetest.Request(1, "web")
			q.Key, q.Description = o.key, o.key
			rel, err = r.Register(c.Context(), o.app, q)
		}
		switch mark, _ := errors.AsType[*fault.Error](err); {
		case err == nil, errors.Is(err, release.ErrNoReleases):
			c.record(client, o, rel.Version, call)
			return rel.Version
		case mark != nil && mark.Owner == fault.Transient:
			c.unanswered.Add(1)
		default:
			c.Errorf("%v: %v", o, err)
			return 0
		}
	}
}

func (c *chaos) record(client int, o operation, version int, call time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.history = append(c.history, porcupine.Operation{
		ClientId: client,
		Input:    o,
		Call:     int64(call),
		Output:   version,
		Return:   int64(now.Sub(c.began)),
	})
	if o.key == "" || o.again {
		return
	}
	c.silence, c.last = max(c.silence, now.Sub(c.last)), now
	if c.versions[o.app] == nil {
		c.versions[o.app] = map[int]string{}
	}
	if other, ok := c.versions[o.app][version]; ok {
		c.Errorf("v%d of %s was given to %s and %s", version, o.app, other, o.key)
	}
	c.acked.Add(1)
	c.versions[o.app][version] = o.key
}

// disturb kills leaders and cuts members off, one after another, each until the others have
// acknowledged some registrations.
func (c *chaos) disturb() {
	defer c.calm.Store(true)
	events := c.kills + c.partitions
	for e := range events {
		c.progress(int64(c.total / (2 * events)))
		i := c.cluster.Leader()
		// Partitions lie evenly between the kills.
		if (e+1)*c.partitions/events > e*c.partitions/events {
			heal := c.partition(e, i)
			c.progress(20)
			heal()
		} else {
			c.cluster.Kill(i)
			c.progress(20)
			c.cluster.Restart(i)
		}
		c.cluster.Await(i)
	}
}

// partition cuts the leader off from its peers, from everybody, in one direction, or a follower
// from the clients, in turn.
func (c *chaos) partition(n, leader int) (heal func()) {
	i, wires := leader, []etcdtest.Wire{etcdtest.Peers}
	switch n % 4 {
	case 0:
		c.cluster.CutInbound(i, etcdtest.Peers)
	case 1:
		i, wires = (leader+1)%c.cluster.Len(), []etcdtest.Wire{etcdtest.Clients}
		c.cluster.Cut(i, etcdtest.Clients)
	case 2:
		c.cluster.Cut(i, etcdtest.Peers)
	case 3:
		wires = append(wires, etcdtest.Clients)
		c.cluster.Cut(i, etcdtest.Peers)
		c.cluster.Cut(i, etcdtest.Clients)
	}
	return func() {
		for _, w := range wires {
			c.cluster.Heal(i, w)
		}
	}
}

// progress waits for n more acknowledgements.
func (c *chaos) progress(n int64) {
	c.Helper()
	goal := c.acked.Load() + n
	for began := time.Now(); c.acked.Load() < goal; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 3*time.Minute {
			c.Fatalf("%d acknowledged, and no more", c.acked.Load())
		}
	}
}

// check compares what was acknowledged with what the store holds, and checks the history.
func (c *chaos) check() {
	c.cluster.Await()
	r := releasetest.New(c.cluster.Open(c.T, "?timeout=30s"))
	for app, keys := range c.versions {
		list := releasetest.Must(r.List(c.Context(), app))(c.T)
		releasetest.CheckNumbers(c.T, r, app, len(keys))
		for _, rel := range list {
			if key := keys[rel.Version]; key != rel.Description {
				c.Errorf("v%d of %s is of %q, and was given to %q", rel.Version, app, rel.Description, key)
			}
		}
	}
	if result := porcupine.CheckOperationsTimeout(registrations(), c.history, 2*time.Minute); result != porcupine.Ok {
		c.Errorf("the history of %d operations is not linearizable: %v", len(c.history), result)
	}
}

// registrations is the model of one app's releases: a new key gets the next number, a known one its
// own, and the current release is the last.
func registrations() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			apps := map[string][]porcupine.Operation{}
			for _, o := range history {
				app := o.Input.(operation).app
				apps[app] = append(apps[app], o)
			}
			var parts [][]porcupine.Operation
			for _, part := range apps {
				parts = append(parts, part)
			}
			return parts
		},
		Init: func() any { return 0 },
		Step: func(state, input, output any) (bool, any) {
			count, o, version := state.(int), input.(operation), output.(int)
			switch {
			case o.key == "":
				return version == count, count
			case o.again: // run checks that it is the key's own number
				return version <= count, count
			}
			return version == count+1, count + 1
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprint(input, " → v", output) },
	}
}
