package deploy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// follower is a `slugc start --follow` under test.
type follower struct {
	*testing.T
	cmd       *exec.Cmd
	out       *testkit.Buffer
	home, url string
}

func followApp(t *testing.T, home, app string, more ...string) *follower {
	t.Helper()
	port := fmt.Sprint(testkit.FreePort(t))
	f := &follower{T: t, home: home, url: "http://127.0.0.1:" + port + "/"}
	args := append([]string{"start", app, "--follow", "--listen", "127.0.0.1", "-p", port}, more...)
	f.cmd = slugctest.Command(t, home, args...)
	f.out = slugctest.Background(t, f.cmd)
	return f
}

func (f *follower) says(words string) {
	f.Helper()
	testkit.Eventually(f.T, words, func() bool { return strings.Contains(f.out.String(), words) })
}

func (f *follower) get() (string, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	response, err := client.Get(f.url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func (f *follower) answers(want string) {
	f.Helper()
	testkit.Eventually(f.T, want, func() bool { got, err := f.get(); return err == nil && got == want })
}

// do runs slugc and requires its exit code.
func (f *follower) do(exit int, args ...string) slugctest.Outcome {
	f.Helper()
	o := slugctest.Run(f.T, f.home, args...)
	if o.Exit != exit {
		f.Fatalf("slugc %s: exit %d, want %d\n%s", strings.Join(args, " "), o.Exit, exit, o.Stderr)
	}
	return o
}

// load sends requests until the returned function is called. The test fails with any of them.
func (f *follower) load() (end func()) {
	ctx, cancel := context.WithCancel(f.Context())
	var asking sync.WaitGroup
	var requests atomic.Int64
	asking.Go(func() {
		for ; ctx.Err() == nil; requests.Add(1) {
			if got, err := f.get(); err != nil || !strings.HasSuffix(got, " green") {
				f.Errorf("request %d: %q, %v", requests.Load(), got, err)
				return
			}
		}
	})
	return func() {
		cancel()
		asking.Wait()
		f.Logf("%d requests", requests.Load())
	}
}

// TestFollow is a day of an app: releases, scaling, a broken release, one whose release process
// fails, a rollback, and other config vars. The app is under load, and no request fails.
func TestFollow(t *testing.T) {
	t.Parallel()
	home, dir := slugctest.WarmHome(t, "go", "blog"), t.TempDir()
	f := followApp(t, home, "blog")
	f.says("blog has no release yet: waiting for the first")
	build := func(exit int) slugctest.Outcome { t.Helper(); return f.do(exit, "build", dir, "--app", "blog") }
	f.do(0, "config", "set", "blog", "COLOUR=green")
	slugctest.WebApp(t, dir, "one")
	build(0)
	f.answers("one web.1 green")
	unload := f.load()
	f.do(0, "scale", "blog", "web=2", "worker=1")
	f.answers("one web.2 green")
	f.says("worker.1 | working on things")
	slugctest.WebApp(t, dir, "two")
	build(0)
	f.answers("two web.2 green")
	f.says("v2 is live")

	testkit.Tree(t, dir, map[string]string{"Procfile": "web: echo broken; exit 1\nworker: bin/hello things\n"})
	build(0)
	f.says("can't be started")
	f.says("v2 goes on")
	testkit.Tree(t, dir, map[string]string{"Procfile": "web: bin/hello\nrelease: exit 1\n"})
	build(72)
	f.do(0, "scale", "blog", "web=1", "worker=0")
	f.says("worker.1 | stopping: scaled down")
	f.answers("two web.1 green")
	f.do(0, "rollback", "blog", "v1")
	f.answers("one web.1 green")
	f.says("v5 is live")
	if strings.Contains(f.out.String(), "starting v4") {
		t.Error("a failed release was started")
	}
	f.do(0, "config", "set", "blog", "COLOUR=light green")
	f.answers("one web.1 light green")
	f.says("v6 is live")
	unload()

	if err := f.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := f.cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	slugctest.NoProcess(t, home)
	if left, _ := filepath.Glob(filepath.Join(home, "run/*")); len(left) > 0 {
		t.Errorf("these are left: %v", left)
	}
	o := f.do(0, "logs", "blog", "-n", "1000")
	for _, want := range []string{
		"Z app[web.1]: listening as one\n",
		"Z app[worker.1]: working on things\n",
		"Z slugc[web.1]: started with pid ",
		"Z slugc[follow]: v5 is live\n",
	} {
		if !strings.Contains(o.Stdout, want) {
			t.Errorf("the logs lack %q:\n%s", want, o.Stdout)
		}
	}
	if o := f.do(0, "logs", "blog", "-n", "1", "--ps", "worker.1"); strings.Count(o.Stdout, "\n") != 1 ||
		!strings.Contains(o.Stdout, "[worker.1]: ") {
		t.Errorf("the last line of worker.1: %q", o.Stdout)
	}
}

// TestFollowKilled kills a follower: no process is left, the next follower removes the files that
// are left, and the logs continue. Then its coordinator goes away and comes back.
func TestFollowKilled(t *testing.T) {
	t.Parallel()
	home, dir := slugctest.WarmHome(t, "go", "blog"), t.TempDir()
	slugctest.WebApp(t, dir, "one")
	f := followApp(t, home, "blog", "--env", "COLOUR=green")
	f.do(0, "build", dir, "--app", "blog")
	tail := slugctest.Command(t, home, "logs", "blog", "-t", "--ps", "web")
	tailed := slugctest.Background(t, tail)
	f.answers("one web.1 green")
	if err := f.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = f.cmd.Wait()
	slugctest.NoProcess(t, filepath.Join(home, "run"))
	left, err := filepath.Glob(filepath.Join(home, "run/*"))
	if err != nil || len(left) != 1 {
		t.Fatalf("left are %v, %v", left, err)
	}
	f = followApp(t, home, "blog", "--env", "COLOUR=green")
	f.answers("one web.1 green")
	testkit.Eventually(t, "what the killed one left is gone", func() bool {
		return !testkit.Exists(left[0])
	})
	testkit.Eventually(
		t,
		"both runs in the logs",
		func() bool { return strings.Count(tailed.String(), "app[web.1]: listening as one") == 2 },
	)
	if err := tail.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := tail.Wait(); err != nil || strings.Contains(tailed.String(), "interrupted") {
		t.Errorf("the tail ends with %v:\n%s", err, tailed)
	}

	file := filepath.Join(home, "coordinator.db")
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	f.says("the coordinator can't be followed just now, and what runs goes on: ")
	f.answers("one web.1 green")
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	f.says("the coordinator can be followed again")
	f.do(0, "scale", "blog", "web=0")
	f.says("web.1    | stopping: scaled down")
	// Another coordinator takes its place, with another release 1.
	for _, name := range []string{file, file + ".begun"} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	slugctest.WebApp(t, dir, "other")
	f.do(0, "build", dir, "--app", "blog")
	f.answers("other web.1 green")
}
