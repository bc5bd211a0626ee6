package main

import (
	"bytes"
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
)

// webApp writes a Go app that answers with a word and what it was started as.
func webApp(t *testing.T, dir, word string) {
	t.Helper()
	writeFiles(t, dir, map[string]string{
		"go.mod": "module example.com/hello\n\ngo 1.25\n",
		"main.go": fmt.Sprintf(`package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Println("working on", os.Args[1])
		select {}
	}
	fmt.Println("\x1b[2Jlistening as", %[1]q)
	panic(http.ListenAndServe(":"+os.Getenv("PORT"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, %[1]q, " ", os.Getenv("DYNO"), " ", os.Getenv("COLOUR"))
	})))
}
`, word),
		"Procfile": "web: bin/hello\nworker: bin/hello things\n",
	})
}

// transcript is what a process writes while a test reads it.
type transcript struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// follower is a `slugc start --follow` under test.
type follower struct {
	*testing.T
	cmd       *exec.Cmd
	out       *transcript
	home, url string
}

// background starts slugc and has its output in a buffer. It is killed with the test.
func background(t *testing.T, home string, args ...string) (*exec.Cmd, *transcript) {
	t.Helper()
	cmd, out := exec.Command(binary, args...), &transcript{}
	cmd.Env = append([]string{"HOME=" + home, "SLUGC_HOME=" + home, "TERM=dumb"}, settings...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		if t.Failed() {
			t.Logf("slugc %s:\n%s", strings.Join(args, " "), out)
		}
	})
	return cmd, out
}

func followApp(t *testing.T, home, app string) *follower {
	t.Helper()
	port := fmt.Sprint(freePort(t))
	f := &follower{T: t, home: home, url: "http://127.0.0.1:" + port + "/"}
	f.cmd, f.out = background(
		t,
		home,
		"start",
		app,
		"--follow",
		"--listen",
		"127.0.0.1",
		"-p",
		port,
		"--env",
		"COLOUR=green",
	)
	return f
}

func (f *follower) says(words string) {
	f.Helper()
	until(f.T, words, func() bool { return strings.Contains(f.out.String(), words) })
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
	until(f.T, want, func() bool { got, err := f.get(); return err == nil && got == want })
}

// do runs slugc and requires its exit code.
func (f *follower) do(exit int, args ...string) outcome {
	f.Helper()
	o := slugc(f.T, f.home, args...)
	if o.exit != exit {
		f.Fatalf("slugc %s: exit %d, want %d\n%s", strings.Join(args, " "), o.exit, exit, o.stderr)
	}
	return o
}

// load asks all the time, until the returned function is called, and fails when a request does.
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

// TestFollow is a day of an app: releases, scalings, a broken one, one whose release process fails,
// a rollback, under load and without one failed request.
func TestFollow(t *testing.T) {
	home, dir := state(t), t.TempDir()
	f := followApp(t, home, "blog")
	f.says("blog has no release yet: waiting for the first")
	build := func(exit int) outcome { t.Helper(); return f.do(exit, "build", dir, "--app", "blog") }
	webApp(t, dir, "one")
	build(0)
	f.answers("one web.1 green")

	unload := f.load()
	f.do(0, "scale", "blog", "web=2", "worker=1")
	f.answers("one web.2 green")
	f.says("worker.1 | working on things")
	webApp(t, dir, "two")
	build(0)
	f.answers("two web.2 green")
	f.says("v2 is live")

	writeFiles(t, dir, map[string]string{"Procfile": "web: echo broken; exit 1\nworker: bin/hello things\n"})
	build(0)
	f.says("can't be started")
	f.says("v2 goes on")
	writeFiles(t, dir, map[string]string{"Procfile": "web: bin/hello\nrelease: exit 1\n"})
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
	unload()

	if err := f.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := f.cmd.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
	noProcess(t, home)
	if left, _ := filepath.Glob(filepath.Join(home, "run/*")); len(left) > 0 {
		t.Errorf("these are left: %v", left)
	}
	o := f.do(0, "logs", "blog", "-n", "1000")
	for _, want := range []string{"Z app[web.1]: listening as one\n", "Z app[worker.1]: working on things\n", "Z slugc[web.1]: started with pid ", "Z slugc[follow]: v5 is live\n"} {
		if !strings.Contains(o.stdout, want) {
			t.Errorf("the logs lack %q:\n%s", want, o.stdout)
		}
	}
	if o := f.do(0, "logs", "blog", "-n", "1", "--ps", "worker.1"); strings.Count(o.stdout, "\n") != 1 ||
		!strings.Contains(o.stdout, "[worker.1]: ") {
		t.Errorf("the last line of worker.1: %q", o.stdout)
	}
}

// TestFollowKilled kills a follower: nothing of it lives, the next one sweeps what it left, and
// logs go on. Then its coordinator goes away and comes back.
func TestFollowKilled(t *testing.T) {
	home, dir := state(t), t.TempDir()
	webApp(t, dir, "one")
	f := followApp(t, home, "blog")
	f.do(0, "build", dir, "--app", "blog")
	tail, tailed := background(t, home, "logs", "blog", "-t", "--ps", "web")
	f.answers("one web.1 green")
	if err := f.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = f.cmd.Wait()
	noProcess(t, filepath.Join(home, "run"))
	left, err := filepath.Glob(filepath.Join(home, "run/*"))
	if err != nil || len(left) != 1 {
		t.Fatalf("left are %v, %v", left, err)
	}
	f = followApp(t, home, "blog")
	f.answers("one web.1 green")
	if _, err := os.Stat(left[0]); err == nil {
		t.Error("what the killed one left is still there")
	}
	until(
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
	// Another history in its place: its release 1 is another one.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	webApp(t, dir, "other")
	f.do(0, "build", dir, "--app", "blog")
	f.answers("other web.1 green")
}
