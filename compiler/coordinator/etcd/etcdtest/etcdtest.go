// Package etcdtest runs real etcd clusters for tests: members are processes that can be killed,
// stopped, started again and cut off.
//
//	cluster := etcdtest.Start(t, 3)
//	c := cluster.Open(t, "/my-test?timeout=30s") // a coordinator below that prefix
//	cluster.Kill(cluster.Leader())
//
// A cluster takes about a second to start: tests that kill nothing share one, each below a prefix
// of its own. [StartIsolated] puts each member into a network namespace of its own, so that its
// connections can be cut.
package etcdtest

import (
	"bytes"
	"context"
	"fmt"
	"go/build"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"slugc/cache/testkit"
	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/etcd"
)

// timeout is how long the package waits for a cluster. A healthy one takes a second.
const timeout = 2 * time.Minute

// Steady are flags for tests that must see no election, however busy the machine is.
var Steady = []string{"--heartbeat-interval=500", "--election-timeout=5000"}

// Cluster is a running cluster. Its methods may be called concurrently for different members. It
// ends with the test.
type Cluster struct {
	t       testing.TB
	members []*member
	client  *clientv3.Client // see Client
}

// member is one etcd.
type member struct {
	name         string
	client, peer string   // host:port
	enter        []string // the command that enters its network namespace, if it has one
	flags        []string
	dir          string
	links        []link
	mu           sync.Mutex // guards cmd
	cmd          *exec.Cmd
}

// Start starts n members on loopback and waits until they have a leader. Their data is in the
// test's temporary directories. The test fails if the program etcd is missing.
func Start(t testing.TB, n int, flags ...string) *Cluster {
	t.Helper()
	testkit.NeedsTools(t, "etcd")
	// Another process may take a free port before the member listens there.
	for try := 0; ; try++ {
		c := newCluster(t, n, flags)
		ports := freePorts(t, 2*n)
		for i, m := range c.members {
			m.client, m.peer = ports[2*i], ports[2*i+1]
		}
		err := c.start()
		if err == nil {
			return c
		}
		c.stop()
		if try == 3 || !strings.Contains(err.Error(), "address already in use") {
			t.Fatal(err)
		}
	}
}

func newCluster(t testing.TB, n int, flags []string) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	for i := range n {
		c.members = append(c.members, &member{name: fmt.Sprint("m", i), flags: flags, dir: t.TempDir()})
	}
	return c
}

func freePorts(t testing.TB, n int) (addresses []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses
}

// start starts all members and waits for them.
func (c *Cluster) start() error {
	c.t.Cleanup(c.stop)
	program, err := Program()
	if err != nil {
		return err
	}
	var list []string
	for _, m := range c.members {
		list = append(list, m.name+"=http://"+m.peer)
	}
	for _, m := range c.members {
		m.flags = append(
			[]string{program, "--name", m.name, "--data-dir", filepath.Join(m.dir, "data"), "--log-level", "error",
				"--listen-client-urls", "http://" + m.client, "--advertise-client-urls", "http://" + m.client,
				"--listen-peer-urls", "http://" + m.peer, "--initial-advertise-peer-urls", "http://" + m.peer,
				"--initial-cluster", strings.Join(list, ","), "--initial-cluster-token", c.members[0].dir},
			m.flags...)
	}
	if c.client, err = clientv3.New(clientv3.Config{Endpoints: c.endpoints(), Logger: zap.NewNop()}); err != nil {
		return err
	}
	for _, m := range c.members {
		if err := m.run(); err != nil {
			return err
		}
	}
	for i := range c.members {
		if err := c.await(i); err != nil {
			return err
		}
	}
	return nil
}

// Program is the path of etcd: where .ci/setup puts it, or in the search path.
func Program() (string, error) {
	built := filepath.Join(build.Default.GOPATH, "bin", "etcd")
	if _, err := os.Stat(built); err == nil {
		return built, nil
	}
	path, err := exec.LookPath("etcd")
	if err != nil {
		return "", fmt.Errorf("finding etcd: it is neither %s nor in the search path; .ci/setup builds it", built)
	}
	return path, nil
}

// spawn runs functions on one thread that never ends. Pdeathsig kills a process when the thread
// that started it ends.
var spawn = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for do := range work {
			do()
		}
	}()
	return work
})

// run starts the process.
func (m *member) run() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	log, err := os.OpenFile(m.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := append(slices.Clone(m.enter), m.flags...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	if err := startTied(cmd); err != nil {
		return fmt.Errorf("starting etcd: %w", err)
	}
	m.cmd = cmd
	return nil
}

// startTied starts a process that the kernel kills when this process ends.
func startTied(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	started := make(chan error)
	spawn() <- func() { started <- cmd.Start() }
	return <-started
}

func (m *member) log() string { return filepath.Join(m.dir, "log") }

// end kills the process, if there is one, and waits for it.
func (m *member) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
		m.cmd = nil
	}
}

func (m *member) signal(sig unix.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd != nil {
		_ = m.cmd.Process.Signal(sig)
	}
}

// await waits until a member is healthy, which takes a linearizable read.
func (c *Cluster) await(i int) error {
	m := c.members[i]
	client := http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		answer, err := client.Get("http://" + m.client + "/health")
		if err == nil {
			text, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK && bytes.Contains(text, []byte("true")) {
				return nil
			}
		}
		log, _ := os.ReadFile(m.log())
		if time.Since(began) > timeout || bytes.Contains(log, []byte("address already in use")) {
			return fmt.Errorf("waiting for etcd member %d (%v): %s", i, err, log)
		}
	}
}

func (c *Cluster) endpoints() (list []string) {
	for _, m := range c.members {
		list = append(list, "http://"+m.client)
	}
	return list
}

func (c *Cluster) stop() {
	for _, m := range c.members {
		m.end()
	}
	if c.client != nil {
		_ = c.client.Close()
	}
}

// URL is the cluster's URL for etcd.ParseURL, without a prefix and parameters.
func (c *Cluster) URL() string { return "etcd://" + c.Hosts() }

// Hosts are the members' addresses, separated by commas.
func (c *Cluster) Hosts() string {
	var hosts []string
	for _, m := range c.members {
		hosts = append(hosts, m.client)
	}
	return strings.Join(hosts, ",")
}

// Open opens a handle onto the cluster, which is closed when the test ends. rest is what follows
// the hosts in the URL: a prefix and parameters, both optional.
func (c *Cluster) Open(t testing.TB, rest string) coordinator.Coordinator {
	t.Helper()
	return OpenURL(t, c.URL()+rest)
}

// OpenURL opens a handle, which is closed when the test ends.
func OpenURL(t testing.TB, url string) coordinator.Coordinator {
	t.Helper()
	config, err := etcd.ParseURL(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	handle, err := etcd.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handle.Close() })
	return handle
}

// Client is etcd's own client, for what the coordinator does not offer. It must not be closed.
func (c *Cluster) Client() *clientv3.Client { return c.client }

// Len is the number of members.
func (c *Cluster) Len() int { return len(c.members) }

// Kill ends a member with SIGKILL. Its data stays.
func (c *Cluster) Kill(i int) { c.members[i].end() }

// Pause stops a member with SIGSTOP: it neither answers nor closes its connections.
func (c *Cluster) Pause(i int) { c.members[i].signal(unix.SIGSTOP) }

// Resume ends a Pause.
func (c *Cluster) Resume(i int) { c.members[i].signal(unix.SIGCONT) }

// Restart starts a killed member on its data. It does not wait.
func (c *Cluster) Restart(i int) {
	c.t.Helper()
	if err := c.members[i].run(); err != nil {
		c.t.Error(err)
	}
}

// Await waits until the given members, by default all, answer linearizable reads.
func (c *Cluster) Await(members ...int) {
	c.t.Helper()
	if len(members) == 0 {
		for i := range c.members {
			members = append(members, i)
		}
	}
	for _, i := range members {
		if err := c.await(i); err != nil {
			c.t.Error(err)
		}
	}
}

// Leader returns the member that says it leads in the newest term. It waits until there is one.
func (c *Cluster) Leader() int {
	c.t.Helper()
	for began := time.Now(); time.Since(began) < timeout; time.Sleep(20 * time.Millisecond) {
		leader, term := -1, uint64(0)
		for i, endpoint := range c.endpoints() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			status, err := c.client.Status(ctx, endpoint)
			cancel()
			if err == nil && status.Leader == status.Header.MemberId && status.RaftTerm > term {
				leader, term = i, status.RaftTerm
			}
		}
		if leader >= 0 {
			return leader
		}
	}
	c.t.Error("the cluster has no leader")
	return 0
}
