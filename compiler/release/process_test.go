package release_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/etcd"
	"slugc/compiler/coordinator/etcd/etcdtest"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/release"
)

// registrar is set in processes that this test starts: they register releases in the store it
// names, a file or a cluster's URL, instead of running tests.
const registrar = "RELEASE_TEST_REGISTRAR"

func TestMain(m *testing.M) {
	if path := os.Getenv(registrar); path != "" {
		if err := registerMany(path, os.Args[1], os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// registerMany registers count releases with the keys name.0, name.1 …, and writes a line "key
// version" after each.
func registerMany(path, name, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for i := range n {
		c, err := openPlace(path)
		if err != nil {
			return err
		}
		q := request(1, "web worker")
		q.Key = fmt.Sprintf("%s.%d", name, i)
		rel, err := release.New(c, release.Options{}).Register(context.Background(), "blog", q)
		if err != nil {
			return err
		}
		c.Close()
		fmt.Println(q.Key, rel.Version)
	}
	return nil
}

// openPlace opens the store of a file or URL.
func openPlace(place string) (coordinator.Coordinator, error) {
	if !strings.HasPrefix(place, "etcd:") {
		return local.Open(place, local.Options{})
	}
	config, err := etcd.ParseURL(place, nil)
	if err != nil {
		return nil, err
	}
	return etcd.Open(config)
}

// child makes a process that registers.
func child(t *testing.T, path, name string, count int) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], name, strconv.Itoa(count))
	cmd.Env = append(os.Environ(), registrar+"="+path)
	return cmd
}

func TestFiftyProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	const processes = 50
	var wg sync.WaitGroup
	for i := range processes {
		cmd := child(t, path, fmt.Sprint("p", i), 1)
		wg.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("process %d: %v: %s", i, err, out)
			}
		})
	}
	wg.Wait()
	checkNumbers(t, over(open(t, path)), "blog", processes)
}

// TestKilledRegistrars kills registrars at random moments. What they had acknowledged exists, under
// the number they had been told, and the numbers have no gap and no duplicate, whatever else came
// through; whoever comes again with a key gets one release.
func TestKilledRegistrars(t *testing.T) {
	t.Run("local", func(t *testing.T) { killRegistrars(t, filepath.Join(t.TempDir(), "c.db"), 4, 30) })
	t.Run("etcd", func(t *testing.T) {
		killRegistrars(t, etcdtest.Start(t, 3, etcdtest.Steady...).URL()+"?timeout=30s", 4, 12)
	})
}

func killRegistrars(t *testing.T, path string, lanes, kills int) {
	var mu sync.Mutex
	acknowledged := map[string]int{}
	killed := 0
	var wg sync.WaitGroup
	for lane := range lanes {
		wg.Go(func() {
			for k := range kills {
				lines := killAtRandom(t, child(t, path, fmt.Sprintf("lane%d.%d", lane, k), 1000))
				mu.Lock()
				for key, version := range lines {
					acknowledged[key] = version
				}
				killed++
				mu.Unlock()
			}
		})
	}
	wg.Wait()

	c, err := openPlace(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	r := over(c)
	total := len(must[[]release.Release](t)(r.List(t.Context(), "blog")))
	checkNumbers(t, r, "blog", total)
	if total < len(acknowledged) || total > len(acknowledged)+killed {
		t.Errorf("%d releases of %d acknowledged, %d killed", total, len(acknowledged), killed)
	}
	if len(acknowledged) < killed/4 {
		t.Errorf("only %d releases in %d lives: the test says little", len(acknowledged), killed)
	}
	numbers := map[int]string{}
	for key, version := range acknowledged {
		if other, ok := numbers[version]; ok {
			t.Errorf("v%d was given to %s and %s", version, key, other)
		}
		numbers[version] = key
		q := request(1, "web worker")
		q.Key = key
		if rel := must[release.Release](t)(r.Register(t.Context(), "blog", q)); rel.Version != version {
			t.Errorf("%s was told v%d and now v%d", key, version, rel.Version)
		}
	}
	checkNumbers(t, r, "blog", total) // the retries made none
	t.Logf("%d kills, %d acknowledged, %d releases", killed, len(acknowledged), total)
}

// killAtRandom starts a registrar, kills it some milliseconds after its first line or (one time in
// three) its start, and returns what it had acknowledged.
func killAtRandom(t *testing.T, cmd *exec.Cmd) map[string]int {
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Error(err)
		return nil
	}
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return nil
	}
	lines := bufio.NewReader(out)
	var text strings.Builder
	if rand.N(3) > 0 {
		first, _ := lines.ReadString('\n')
		text.WriteString(first)
	}
	time.Sleep(rand.N(25 * time.Millisecond))
	cmd.Process.Kill()
	io.Copy(&text, lines)
	cmd.Wait()
	acknowledged := map[string]int{}
	for line := range strings.Lines(text.String()) {
		var key string
		var version int
		if n, _ := fmt.Sscanf(line, "%s %d\n", &key, &version); n == 2 {
			acknowledged[key] = version
		}
	}
	return acknowledged
}
