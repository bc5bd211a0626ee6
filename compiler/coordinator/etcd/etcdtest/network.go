package etcdtest

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"slugc/cache/testkit"
)

// link is a member's wire to the test's namespace: one for clients, one for peers.
type link struct {
	here, there string // the device's name on either side
	at, member  string // the addresses of either side
}

// StartIsolated starts n members, each in a network namespace of its own. One wire for clients and
// one for peers lead from each to the calling process's namespace, which forwards between them.
// That namespace must be a fresh one, as `unshare --net` makes it, and the caller must be root in
// it: addresses of 10.98.0.0/16 and 10.99.0.0/16 are set up there, and vanish with it.
func StartIsolated(t testing.TB, n int, flags ...string) *Cluster {
	t.Helper()
	testkit.NeedsTools(t, "etcd")
	if others, err := exec.Command("ip", "-o", "link", "show", "up").Output(); err != nil ||
		strings.Contains(string(others), ": eth") {
		t.Fatalf("this is not a fresh network namespace (%v): %s", err, others)
	}
	run(t, "ip", "link", "set", "lo", "up")
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, n, flags)
	for i, m := range c.members {
		m.enter = []string{"nsenter", "--net=/proc/" + newNamespace(t) + "/ns/net", "--"}
		for kind, net := range []string{"10.98", "10.99"} {
			l := link{
				here:   fmt.Sprintf("s%d.%d", kind, i),
				there:  fmt.Sprint("w", kind),
				at:     fmt.Sprintf("%s.%d.1", net, i),
				member: fmt.Sprintf("%s.%d.2", net, i),
			}
			m.connect(t, l, net)
		}
		m.client, m.peer = m.links[0].member+":2379", m.links[1].member+":2380"
	}
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// newNamespace starts a process in a new network namespace, which lasts as long as the process, and
// returns its pid.
func newNamespace(t testing.TB) string {
	t.Helper()
	cmd := exec.Command("unshare", "--net", "sleep", "100000")
	if err := startTied(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	pid := fmt.Sprint(cmd.Process.Pid)
	mine, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < timeout; time.Sleep(5 * time.Millisecond) {
		if theirs, err := os.Readlink("/proc/" + pid + "/ns/net"); err == nil && theirs != mine {
			return pid
		}
	}
	t.Fatal("no network namespace could be made")
	return ""
}

// connect lays a wire. The member reaches other members through it if their address starts with
// net.
func (m *member) connect(t testing.TB, l link, net string) {
	t.Helper()
	pid := strings.Split(m.enter[1], "/")[2]
	run(t, "ip", "link", "add", l.here, "type", "veth", "peer", "name", l.there, "netns", pid)
	run(t, "ip", "address", "add", l.at+"/24", "dev", l.here)
	run(t, "ip", "link", "set", l.here, "up")
	for _, command := range []string{
		"ip link set lo up",
		"ip address add " + l.member + "/24 dev " + l.there,
		"ip link set " + l.there + " up",
		"ip route add " + net + ".0.0/16 via " + l.at,
	} {
		run(t, m.inside(command)...)
	}
	m.links = append(m.links, l)
}

// inside is a command run in the member's namespace.
func (m *member) inside(command string) []string {
	return append(slices.Clone(m.enter), strings.Fields(command)...)
}

func run(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// Wire is one of a member's connections.
type Wire int

// The wires.
const (
	Clients Wire = iota
	Peers
)

// noDevice is a hardware address that no device has: what is sent there is lost silently.
const noDevice = "02:00:00:00:00:01"

func misdirect(address, device string) string {
	return fmt.Sprintf("ip neighbour replace %s lladdr %s dev %s nud permanent", address, noDevice, device)
}

// Cut loses everything that is sent over a member's wire, in both directions. The member must have
// been started by StartIsolated.
func (c *Cluster) Cut(i int, w Wire) {
	c.t.Helper()
	c.CutInbound(i, w)
	m, l := c.members[i], c.members[i].links[w]
	run(c.t, m.inside(misdirect(l.at, l.there))...)
}

// CutInbound loses what is sent to the member; what it sends arrives.
func (c *Cluster) CutInbound(i int, w Wire) {
	c.t.Helper()
	l := c.members[i].links[w]
	run(c.t, strings.Fields(misdirect(l.member, l.here))...)
}

// Heal ends a Cut or CutInbound.
func (c *Cluster) Heal(i int, w Wire) {
	m, l := c.members[i], c.members[i].links[w]
	// Deleting fails where nothing was cut.
	_ = exec.Command("ip", "neighbour", "delete", l.member, "dev", l.here).Run()
	enter := m.inside("ip neighbour delete " + l.at + " dev " + l.there)
	_ = exec.Command(enter[0], enter[1:]...).Run()
}
