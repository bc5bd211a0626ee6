package release_test

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
	"slugc/compiler/coordinator/etcd"
	"slugc/compiler/coordinator/etcd/etcdtest"
	"slugc/compiler/release"
)

var long = flag.Bool("long", false, "TestChaos: ten thousand registrations, twenty kills, ten partitions")

// apart is set in the process that TestChaos runs in a network namespace of its own.
const apart = "RELEASE_TEST_APART"

// TestChaos has 16 writers, on four handles, register releases of eight apps in a cluster of three,
// whose leaders are killed and whose members are cut off meanwhile. Every writer comes again with
// the same key until it has an answer. Nothing is lost, twice or left out, and the history is
// linearizable.
func TestChaos(t *testing.T) {
	if os.Getenv(apart) == "" {
		args := []string{
			"--net",
			"--",
			os.Args[0],
			"-test.run=^TestChaos$",
			"-test.v",
			"-test.timeout=40m",
			fmt.Sprintf("-long=%v", *long),
		}
		if os.Geteuid() != 0 {
			args = append([]string{"--map-root-user"}, args...)
		}
		cmd := exec.CommandContext(t.Context(), "unshare", args...)
		cmd.Env = append(os.Environ(), apart+"=1")
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if err != nil {
			t.Errorf("in a network namespace of its own: %v", err)
		}
		return
	}
	c := chaos{T: t, cluster: etcdtest.StartIsolated(t, 3), writers: 16, total: 1500, kills: 4, partitions: 2}
	if *long {
		c.total, c.kills, c.partitions = 10_000, 24, 12
	}
	c.run()
	c.check()
}

// chaos is the test under way.
type chaos struct {
	*testing.T
	cluster                           *etcdtest.Cluster
	writers, total, kills, partitions int
	tickets, acked, unanswered        atomic.Int64
	ambiguous                         atomic.Int64 // commits whose outcome was unknown
	calm                              atomic.Bool  // the disturbances are over
	mu                                sync.Mutex   // guards what follows
	history                           []porcupine.Operation
	versions                          map[string]map[int]string // app → version → the key it was given to
	began, last                       time.Time
	silence                           time.Duration // the longest time without an acknowledgement
}

// step is what a client asks: the next number for a key, again the number of a key that has one, or
// the current one if the key is "".
type step struct {
	app, key string
	again    bool
}

// counted counts commits that may have been done or not.
type counted struct {
	coordinator.Coordinator
	ambiguous *atomic.Int64
}

func (c counted) Commit(
	ctx context.Context,
	compares []coordinator.Compare,
	writes []coordinator.Write,
) (int64, error) {
	rev, err := c.Coordinator.Commit(ctx, compares, writes)
	if errors.Is(err, coordinator.ErrUnavailable) {
		c.ambiguous.Add(1)
	}
	return rev, err
}

func (c *chaos) run() {
	c.began, c.last, c.versions = time.Now(), time.Now(), map[string]map[int]string{}
	handles := make([]*release.Releases, 4)
	for i := range handles {
		handles[i] = over(counted{openCluster(c.T, c.cluster, ""), &c.ambiguous})
	}
	var wg sync.WaitGroup
	for w := range c.writers {
		wg.Go(func() {
			for n := c.tickets.Add(1); n <= int64(c.total) || !c.calm.Load(); n = c.tickets.Add(1) {
				s := step{app: fmt.Sprint("app", n%8), key: fmt.Sprint("key", n)}
				version := c.do(w, handles[w%len(handles)], s)
				if n%20 == 0 {
					s.again = true
					if again := c.do(w, handles[(w+1)%len(handles)], s); again != version {
						c.Errorf("%s was v%d and is v%d", s.key, version, again)
					}
				}
				if n%5 == 0 {
					c.do(w, handles[w%len(handles)], step{app: s.app})
				}
			}
		})
	}
	c.disturb()
	wg.Wait()
	c.Logf(
		"%d acknowledged in %v (%.0f/s), %d commits without an answer, %d calls given up, longest time without an acknowledgement %v, %d leaders killed, %d partitions",
		c.acked.Load(),
		time.Since(c.began).Round(time.Millisecond),
		float64(c.acked.Load())/time.Since(c.began).Seconds(),
		c.ambiguous.Load(),
		c.unanswered.Load(),
		c.silence.Round(time.Millisecond),
		c.kills,
		c.partitions,
	)
}

// do asks until it has an answer, and writes down when it began and when it had it.
func (c *chaos) do(client int, r *release.Releases, s step) int {
	call := time.Since(c.began)
	for {
		var rel release.Release
		var err error
		if s.key == "" {
			rel, err = r.Current(c.Context(), s.app)
		} else {
			q := request(1, "web")
			q.Key, q.Description = s.key, s.key
			rel, err = r.Register(c.Context(), s.app, q)
		}
		switch id(err) {
		case "", "release/no-releases":
			c.note(client, s, rel.Version, call)
			return rel.Version
		case "release/coordinator-unavailable", "release/contended":
			c.unanswered.Add(1)
		default:
			c.Errorf("%v: %v", s, err)
			return 0
		}
	}
}

func (c *chaos) note(client int, s step, version int, call time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.history = append(
		c.history,
		porcupine.Operation{
			ClientId: client,
			Input:    s,
			Call:     int64(call),
			Output:   version,
			Return:   int64(now.Sub(c.began)),
		},
	)
	if s.key == "" || s.again {
		return
	}
	c.silence, c.last = max(c.silence, now.Sub(c.last)), now
	if c.versions[s.app] == nil {
		c.versions[s.app] = map[int]string{}
	}
	if other, given := c.versions[s.app][version]; given {
		c.Errorf("v%d of %s was given to %s and %s", version, s.app, other, s.key)
	}
	c.acked.Add(1)
	c.versions[s.app][version] = s.key
}

// disturb kills leaders and cuts members off, one after another, each for as long as it takes the
// others to acknowledge some registrations.
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

// check compares what was acknowledged with what is there, and checks the history.
func (c *chaos) check() {
	c.cluster.Await()
	r := over(openCluster(c.T, c.cluster, "?timeout=30s"))
	for app, given := range c.versions {
		list := must[[]release.Release](c.T)(r.List(c.Context(), app))
		checkNumbers(c.T, r, app, len(given))
		for _, rel := range list {
			if given[rel.Version] != rel.Description {
				c.Errorf(
					"v%d of %s is of %q, and was given to %q",
					rel.Version,
					app,
					rel.Description,
					given[rel.Version],
				)
			}
		}
	}
	if result := porcupine.CheckOperationsTimeout(registrations(), c.history, 2*time.Minute); result != porcupine.Ok {
		c.Errorf("the history of %d operations is not linearizable: %v", len(c.history), result)
	}
}

// registrations is what releases of one app promise: a new key gets the next number, a known one
// its own, and the current release is the last.
func registrations() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			apps := map[string][]porcupine.Operation{}
			for _, o := range history {
				app := o.Input.(step).app
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
			count, s, version := state.(int), input.(step), output.(int)
			switch {
			case s.key == "":
				return version == count, count
			case s.again: // that it is the key's own number is checked where it is had
				return version <= count, count
			}
			return version == count+1, count + 1
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprint(input, " → v", output) },
	}
}

func openCluster(t testing.TB, c *etcdtest.Cluster, rest string) coordinator.Coordinator {
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
