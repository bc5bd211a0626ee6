package etcdtest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// lockedThread does work on a thread of its own.
func lockedThread(work <-chan func()) {
	runtime.LockOSThread()
	for do := range work {
		do()
	}
}

// link is a member's wire to the test's namespace: one for clients, one for peers.
type link struct {
	here, there string // the device's name on either side
	at, member  string // the addresses of either side
}

// StartApart starts n members, each in a network namespace of its own, with one wire for clients
// and one for peers that lead to the calling process's namespace, which forwards between them. That
// must be a fresh one, as `unshare --net` gives, and the caller be root in it: addresses of
// 10.98.0.0/16 and 10.99.0.0/16 are set up there, and vanish with it.
func StartApart(t testing.TB, n int, flags ...string) *Cluster {
	t.Helper()
	if others, err := exec.Command("ip", "-o", "link", "show", "up").Output(); err != nil ||
		strings.Contains(string(others), ": eth") {
		t.Fatalf("this is no network namespace of its own (%v): %s", err, others)
	}
	run(t, "ip", "link", "set", "lo", "up")
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, n, flags)
	for i, m := range c.members {
		m.enter = []string{"nsenter", "--net=/proc/" + hold(t) + "/ns/net", "--"}
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

// hold starts a process in a new network namespace, which lasts as long as the process, and returns
// its pid.
func hold(t testing.TB) string {
	t.Helper()
	cmd := exec.Command("unshare", "--net", "sleep", "100000")
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	started := make(chan error)
	spawn() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
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
	for began := time.Now(); time.Since(began) < patience; time.Sleep(5 * time.Millisecond) {
		if theirs, err := os.Readlink("/proc/" + pid + "/ns/net"); err == nil && theirs != mine {
			return pid
		}
	}
	t.Fatal("no network namespace could be made")
	return ""
}

// connect lays a wire. Other members are reached through it if their address begins with net.
func (m *member) connect(t testing.TB, l link, net string) {
	t.Helper()
	pid := strings.Split(m.enter[1], "/")[2]
	run(t, "ip", "link", "add", l.here, "type", "veth", "peer", "name", l.there, "netns", pid)
	run(t, "ip", "address", "add", l.at+"/24", "dev", l.here)
	run(t, "ip", "link", "set", l.here, "up")
	for _, args := range []string{"link set lo up", "address add " + l.member + "/24 dev " + l.there, "link set " + l.there + " up",
		"route add " + net + ".0.0/16 via " + l.at} {
		run(t, append(append([]string{}, m.enter...), append([]string{"ip"}, strings.Fields(args)...)...)...)
	}
	m.links = append(m.links, l)
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

// nowhere is the hardware address of nobody: what is sent there is lost without a word.
const nowhere = "02:00:00:00:00:01"

// Cut makes everything that is sent over a member's wire disappear, in both directions. The member
// must have been started by StartApart.
func (c *Cluster) Cut(i int, w Wire) {
	c.t.Helper()
	c.CutInbound(i, w)
	m, l := c.members[i], c.members[i].links[w]
	run(
		c.t,
		append(
			append([]string{}, m.enter...),
			"ip",
			"neighbour",
			"replace",
			l.at,
			"lladdr",
			nowhere,
			"dev",
			l.there,
			"nud",
			"permanent",
		)...)
}

// CutInbound makes what is sent to the member disappear; what it sends arrives.
func (c *Cluster) CutInbound(i int, w Wire) {
	c.t.Helper()
	l := c.members[i].links[w]
	run(c.t, "ip", "neighbour", "replace", l.member, "lladdr", nowhere, "dev", l.here, "nud", "permanent")
}

// Heal ends a Cut or CutInbound.
func (c *Cluster) Heal(i int, w Wire) {
	m, l := c.members[i], c.members[i].links[w]
	// Where nothing was cut there is nothing to delete.
	_ = exec.Command("ip", "neighbour", "delete", l.member, "dev", l.here).Run()
	enter := append(append([]string{}, m.enter...), "ip", "neighbour", "delete", l.at, "dev", l.there)
	_ = exec.Command(enter[0], enter[1:]...).Run()
}
