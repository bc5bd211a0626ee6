package toolchain_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"slugc/buildpacks/toolchain"
	"slugc/buildpacks/toolchain/toolchaintest"
	"slugc/cache/testkit"
)

// TestMain lets the test binary be one of several processes that share a store.
func TestMain(m *testing.M) {
	if os.Getenv("TOOLCHAIN_TEST_CHILD") != "" {
		child()
		return
	}
	if os.Getenv("TOOLCHAIN_TEST_DERIVES") != "" {
		deriver()
		return
	}
	os.Exit(m.Run())
}

// child does one Ensure as its standard input says and prints where the toolchains lie.
func child() {
	var in childInput
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	st, err := toolchain.Open(in.Dir, toolchain.Settings{
		NodeDist: in.Node, GoDist: "off", GoProxy: in.GoProxy, GoSumDB: in.Key, OS: "linux", Arch: "amd64",
	})
	if err == nil {
		var got []toolchain.Toolchain
		got, err = st.Ensure(context.Background(), []toolchain.Request{{Tool: "node"}, {Tool: "go"}}, nil)
		for _, tc := range got {
			fmt.Println(tc.Dir)
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

type childInput struct{ Dir, Node, GoProxy, Key string }

func childOf(t *testing.T, srv *toolchaintest.Server, dir string) *exec.Cmd {
	t.Helper()
	in, err := json.Marshal(childInput{dir, srv.URL + "/node", srv.URL + "/goproxy", srv.SumDBKey})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = []string{"TOOLCHAIN_TEST_CHILD=1"}
	cmd.Stdin = strings.NewReader(string(in))
	return cmd
}

func TestEightProcessesFetchOnce(t *testing.T) {
	t.Parallel()
	srv := full(t)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		cmd := childOf(t, srv, dir)
		wg.Go(func() {
			if out, err := cmd.Output(); err != nil || strings.Count(string(out), "\n") != 2 {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	if a, b := srv.Requests(nodeFile), srv.Requests(goZip); a != 1 || b != 1 {
		t.Errorf("node was fetched %d times, go %d times", a, b)
	}
}

func TestEightStoresFetchOnce(t *testing.T) {
	t.Parallel()
	srv := full(t)
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 8 {
		st := srv.Open(dir)
		wg.Go(func() {
			reqs := []toolchain.Request{{Tool: "go"}, {Tool: "node"}, {Tool: "node", Constraint: "22"}}
			if i%2 == 1 {
				slices.Reverse(reqs)
			}
			got, err := st.Ensure(t.Context(), reqs, &toolchaintest.Recorder{})
			if err != nil || len(got) != 3 || got[i%2*2].Tool != reqs[i%2*2].Tool {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	wg.Wait()
	if a, b := srv.Requests(nodeFile), srv.Requests(goZip); a != 1 || b != 1 {
		t.Errorf("node was fetched %d times, go %d times", a, b)
	}
}

// TestKilledFetch kills a process in the middle of its download: the next one removes what it left
// and serves.
func TestKilledFetch(t *testing.T) {
	t.Parallel()
	srv := full(t)
	srv.Break(nodeFile, srv.Hang(nodeFile))
	srv.Break(goZip, srv.Hang(goZip))
	dir := t.TempDir()
	cmd := childOf(t, srv, dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "both downloads to start", func() bool {
		return srv.Requests(nodeFile) > 0 && srv.Requests(goZip) > 0
	})
	// A living fetch's staging is not swept by another process.
	alive := srv.Open(dir)
	if left := toolchaintest.Staging(t, dir); len(left) != 2 {
		t.Errorf("staging holds %v", left)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if held, err := alive.List(); err != nil || len(held) > 0 {
		t.Errorf("the store has %v, %v", held, err)
	}
	srv.Break(nodeFile, nil)
	srv.Break(goZip, nil)
	st := srv.Open(dir)
	if left := toolchaintest.Staging(t, dir); len(left) != 0 {
		t.Errorf("staging holds %v", left)
	}
	got, _ := toolchaintest.Get(t, st, "node", "")
	toolchaintest.CheckNode(t, got.Dir)
	toolchaintest.Get(t, alive, "go", "")
}

// TestHalfTree has a tree without a record in the way, as a disk that lost its last seconds may
// leave.
func TestHalfTree(t *testing.T) {
	t.Parallel()
	srv := full(t)
	dir := t.TempDir()
	half := filepath.Join(dir, "node", "22.23.3-linux-amd64")
	testkit.Tree(t, half, map[string]string{"bin/node": "", "toolchain.json": `{"schema":`})
	got, _ := toolchaintest.Get(t, srv.Open(dir), "node", "")
	toolchaintest.CheckNode(t, got.Dir)
}

func TestChoiceStandsForADay(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	srv.AddNode("22.1.0", "Jod")
	dir := t.TempDir()
	clock := srv.Settings().Now()
	at := func(s *toolchain.Settings) { s.Now = func() time.Time { return clock } }
	expect := func(version string, requests int, change ...func(*toolchain.Settings)) {
		t.Helper()
		before := srv.AllRequests()
		got, _ := toolchaintest.Get(t, srv.Open(dir, append(change, at)...), "node", "22.x")
		if n := srv.AllRequests() - before; got.Version != version || n != requests {
			t.Errorf("got %s after %d requests, want %s after %d", got.Version, n, version, requests)
		}
	}
	expect("22.1.0", 3)
	srv.AddNode("22.2.0", "Jod")
	expect("22.1.0", 0)
	clock = clock.Add(23 * time.Hour)
	expect("22.1.0", 0)
	fresh := func(s *toolchain.Settings) { s.Fresh = true }
	expect("22.2.0", 3, fresh)
	expect("22.2.0", 0)
	expect("22.2.0", 1, fresh) // asked whether the list has changed, no more
	clock = clock.Add(25 * time.Hour)
	expect("22.2.0", 1)
	clock = clock.Add(-48 * time.Hour) // a clock that was set back
	expect("22.2.0", 1)
	if got := srv.Header("/node/index.json").Get("If-None-Match"); got == "" {
		t.Error("the list was asked for without its validator")
	}
	// What is newer than the kept list is asked for all the same.
	srv.AddNode("22.3.0", "Jod")
	if got, _ := toolchaintest.Get(t, srv.Open(dir, at), "node", "22.3.0"); got.Version != "22.3.0" {
		t.Errorf("got %s", got.Version)
	}
}

func TestOffline(t *testing.T) {
	t.Parallel()
	srv := full(t)
	dir := t.TempDir()
	toolchaintest.Get(t, srv.Open(dir), "node", "22.23.3")
	before := srv.AllRequests()
	offline := func(s *toolchain.Settings) { s.Offline = true }
	st := srv.Open(dir, offline)
	const note = "using node 22.23.3 from the store, because the build is offline"
	for c, want := range map[string]string{"22.23.3": "", "": note, ">=18": note, "lts/jod": note} {
		got, recorder := toolchaintest.Get(t, st, "node", c)
		if got.Version != "22.23.3" || recorder.Text() != want {
			t.Errorf("%q: got %+v, notes %q, want %q", c, got, recorder.Text(), want)
		}
	}
	for tool, c := range map[string]string{"node": "20", "go": ""} {
		toolchaintest.Fails(t, st, tool, c, "the build is offline")
	}
	if srv.AllRequests() != before {
		t.Errorf("%d requests", srv.AllRequests()-before)
	}
}

// TestSourcesDown serves a range from the store while the sources are down, but does not hide that
// a version does not exist.
func TestSourcesDown(t *testing.T) {
	t.Parallel()
	srv := full(t)
	dir := t.TempDir()
	toolchaintest.Get(t, srv.Open(dir), "node", "22.23.3")
	down := func(s *toolchain.Settings) { s.NodeDist, s.NpmRegistry = "http://127.0.0.1:1", nil }
	got, recorder := toolchaintest.Get(t, srv.Open(dir, down), "node", ">=22")
	const note = "using node 22.23.3 from the store, because no source could be asked"
	if notes := recorder.Notes(); got.Version != "22.23.3" || len(notes) != 2 || notes[1] != note {
		t.Errorf("got %+v, notes %q", got, notes)
	}
}

func TestListAndPrune(t *testing.T) {
	t.Parallel()
	srv := full(t)
	srv.AddNode("20.1.0", "Iron")
	dir := t.TempDir()
	clock := srv.Settings().Now()
	st := srv.Open(dir, func(s *toolchain.Settings) { s.Now = func() time.Time { return clock } })
	if held, err := st.List(); err != nil || len(held) > 0 {
		t.Errorf("empty: %v, %v", held, err)
	}
	for _, r := range [][2]string{{"node", "20.1.0"}, {"node", "22"}, {"go", ""}} {
		toolchaintest.Get(t, st, r[0], r[1])
	}
	clock = clock.Add(72 * time.Hour)
	toolchaintest.Get(t, st, "node", "22.23.3")
	names := func() string {
		held, err := st.List()
		if err != nil {
			t.Fatal(err)
		}
		var s []string
		for _, tc := range held {
			s = append(s, tc.Tool+" "+tc.Version)
		}
		return strings.Join(s, ", ")
	}
	if got := names(); got != "go 1.25.1, node 22.23.3, node 20.1.0" {
		t.Errorf("List = %s", got)
	}
	freed, err := st.Prune(func(tc toolchain.Toolchain, last time.Time) bool {
		return tc.Tool == "go" || clock.Sub(last) < 48*time.Hour
	})
	if got := names(); got != "go 1.25.1, node 22.23.3" || freed <= 0 || err != nil {
		t.Errorf("after Prune: %s; freed %d, %v", got, freed, err)
	}
	if testkit.Exists(dir, "node", "20.1.0-linux-amd64") {
		t.Error("the tree is still there")
	}
	toolchaintest.Get(t, st, "node", "20.1.0")
	freed, err = st.Prune(func(toolchain.Toolchain, time.Time) bool { return false })
	if err != nil || freed <= 0 || names() != "" {
		t.Errorf("freed %d, %v; left %s", freed, err, names())
	}
}

// TestPruneWhileUsed prunes and asks at once: a tree that was returned is there.
func TestPruneWhileUsed(t *testing.T) {
	t.Parallel()
	srv, dir := full(t), t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		st := srv.Open(dir)
		wg.Go(func() {
			for range 10 {
				reqs := []toolchain.Request{{Tool: "node", Constraint: "22"}}
				if _, err := st.Ensure(t.Context(), reqs, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	pruner := srv.Open(dir)
	neverUsed := func(_ toolchain.Toolchain, last time.Time) bool { return !last.IsZero() }
	for {
		select {
		case <-done:
			return
		default:
			if _, err := pruner.Prune(neverUsed); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestSeveralFailures(t *testing.T) {
	t.Parallel()
	st := toolchaintest.NewServer(t).Open(t.TempDir())
	reqs := []toolchain.Request{{Tool: "node", Constraint: "x y"}, {Tool: "go", Constraint: "z"}}
	if _, err := st.Ensure(t.Context(), reqs, nil); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("got %v", err)
	}
}

// TestPin has a pin that the artefact does not have, fetched and from the store.
func TestPin(t *testing.T) {
	t.Parallel()
	srv, dir := toolchaintest.NewServer(t), t.TempDir()
	srv.AddPnpm("10.1.0")
	check := func() {
		t.Helper()
		_, err := srv.Open(dir).Ensure(t.Context(), []toolchain.Request{{
			Tool: "pnpm", Constraint: "10.1.0", From: "package.json packageManager",
			Hash: "sha512." + strings.Repeat("0", 128),
		}}, nil)
		if _, ok := errors.AsType[*toolchain.HashError](err); !ok {
			t.Errorf("got %v", err)
		} else if !strings.Contains(err.Error(), "that package.json packageManager pins") {
			t.Error(err)
		}
	}
	check()
	if held, _ := srv.Open(dir).List(); len(held) > 0 {
		t.Errorf("the store has %v", held)
	}
	toolchaintest.Get(t, srv.Open(dir), "pnpm", "10.1.0")
	check()
}

// TestPinOfAnotherFile has a registry that serves something else than the file that is known to go with a pin of
// Yarn's own site.
func TestPinOfAnotherFile(t *testing.T) {
	t.Parallel()
	srv := toolchaintest.NewServer(t)
	bin := map[string]any{"bin": map[string]string{"yarn": "bin/yarn.js"}}
	for name, version := range map[string]string{"yarn": "1.22.22", "@yarnpkg/cli-dist": "4.9.1"} {
		srv.AddPackage(name, version, map[string]string{"bin/yarn.js": "attack", "package.json": "{}"}, bin)
	}
	_, err := srv.Open(t.TempDir()).Ensure(t.Context(), []toolchain.Request{{
		Tool: "yarn", Constraint: "4.9.1",
		Hash: "sha512.f95ce356460e05be48d66401c1ae64ef84d163dd689964962c6888a9810865e3" +
			"9097a5e9de748876c2e0bf89b232d583c33982773e9903ae7a76257270986538",
	}}, nil)
	if _, ok := errors.AsType[*toolchain.HashError](err); !ok {
		t.Errorf("got %v", err)
	}
}
