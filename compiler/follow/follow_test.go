package follow_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"slugc/cache/digest"
	"slugc/cache/testkit"
	"slugc/compiler/fault"
	"slugc/compiler/follow"
	"slugc/compiler/release"
)

var one = release.Formation{"web": 1}

// TestSwitches replaces releases under load, every second one by a release of the same slug with other config vars. No
// request fails.
func TestSwitches(t *testing.T) {
	t.Parallel()
	f := start(t, func(o *follow.Options) {
		o.Env = nil
		o.Config = func(_ context.Context, _ string, rel release.Release) ([]string, error) {
			return []string{fmt.Sprint("COLOUR=green", rel.Version)}, nil
		}
	})
	f.send(release.Snapshot{})
	f.awaitLine("blog has no release yet: waiting for the first")
	f.awaitNoAnswer()
	f.send(f.release(1, release.Formation{"web": 2}, "web", serve(t, "v1")))
	f.awaitLine("v1 is live")
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var requests atomic.Int64
	for range 3 {
		clients.Go(func() {
			for newest := 1; ctx.Err() == nil; requests.Add(1) {
				got, err := f.get("/?wait=10ms")
				var slug, instance, version int
				_, scanned := fmt.Sscanf(got, "v%d web.%d green%d", &slug, &instance, &version)
				if err != nil || scanned != nil || version < newest || slug != version-version%2 && version > 1 {
					t.Errorf("request %d: %q after v%d, %v", requests.Load(), got, newest, err)
					return
				}
				newest = version
			}
		})
	}
	var now release.Snapshot
	for v := 2; v <= 7; v++ {
		before := requests.Load()
		if v%2 == 0 {
			now = f.release(v, release.Formation{"web": 2}, "web", serve(t, fmt.Sprint("v", v)))
		}
		now.Current.Version = v
		f.send(now)
		f.awaitLine(fmt.Sprintf("v%d is live", v))
		testkit.Eventually(f, "more requests", func() bool { return requests.Load() > before+10 || t.Failed() })
	}
	cancel()
	clients.Wait()
	t.Logf("%d requests", requests.Load())
	testkit.Eventually(f, "one release's directory", func() bool { return f.releaseDirs() == 1 })
	f.stop()
	if strings.Contains(f.out.String(), "again") {
		t.Errorf("something was started again:\n%s", f.out)
	}
}

// TestFailedStart holds that a release that does not start leaves the live one running, and is tried again
// only when something changes.
func TestFailedStart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ web, why string }{
		"a process ends":              {"echo broken; exit 3", "v2 can't be started: web.1 exited with code 3"},
		"a port does not answer":      {"sleep 1000", "v2 can't be started: web.1 does not answer on its port after "},
		"another type's process ends": {serve(t, "v2") + " & wait", "v2 can't be started: worker.1 exited with code 4"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, func(o *follow.Options) {
				o.BootTimeout, o.MinUptime = 3*time.Second, 500*time.Millisecond
				if strings.Contains(test.web, "wait") {
					o.BootTimeout = time.Minute
				}
			})
			f.send(f.release(1, one, "web", serve(t, "v1")))
			f.awaitAnswer("v1 web.1 green")
			both := release.Formation{"web": 1}
			worker := "sleep 1000"
			if strings.Contains(test.web, "wait") {
				both["worker"], worker = 1, "exit 4"
			}
			broken := f.release(2, both, "web", test.web, "worker", worker)
			f.send(broken)
			f.awaitLine(test.why)
			f.awaitLine("v1 goes on")
			f.send(broken)
			f.awaitAnswer("v1 web.1 green")
			if n := strings.Count(f.out.String(), "starting v2"); n != 1 {
				t.Errorf("it was tried %d times", n)
			}
			broken.Formation = release.Formation{"web": 1, "worker": 2}
			f.send(broken)
			testkit.Eventually(f, "the second try", func() bool {
				return strings.Count(f.out.String(), "can't be started") == 2
			})
			f.send(f.release(3, one, "web", serve(t, "v3")))
			f.awaitAnswer("v3 web.1 green")
			f.stop()
		})
	}
}

// TestNewerRelease holds that a newer release takes the place of one that is being started.
func TestNewerRelease(t *testing.T) {
	t.Parallel()
	f := start(t, nil)
	v1 := f.release(1, one, "web", serve(t, "v1"))
	f.send(v1)
	f.awaitLine("v1 is live")
	f.send(f.release(2, one, "web", "echo slow start; sleep 1000"))
	f.awaitLine("slow start")
	f.send(f.release(3, one, "web", serve(t, "v3")))
	f.awaitLine("leaving v2")
	f.awaitAnswer("v3 web.1 green")
	testkit.Eventually(f, "one release's directory", func() bool { return f.releaseDirs() == 1 })
	f.stop()
}

// TestScale holds that scaling starts and stops no other processes than it must.
func TestScale(t *testing.T) {
	t.Parallel()
	f := start(t, nil)
	s := f.release(1, release.Formation{"web": 1, "worker": 0},
		"web", serve(t, "v1"), "worker", "echo working; sleep 1000")
	scale := func(formation release.Formation) {
		s.Formation = formation
		f.send(s)
	}
	scale(s.Formation)
	f.awaitAnswer("v1 web.1 green")
	scale(release.Formation{"web": 2, "worker": 1, "nosuch": 3})
	f.awaitAnswer("v1 web.2 green")
	f.awaitLine("worker.1 | working")
	scale(release.Formation{"web": 0, "worker": 1})
	f.awaitNoAnswer()
	f.awaitLine("web.2    | terminated by SIGTERM")
	scale(release.Formation{"web": 1, "worker": 0})
	f.awaitAnswer("v1 web.1 green")
	f.awaitLine("worker.1 | terminated by SIGTERM")
	for process, want := range map[string]int{"web.1": 2, "web.2": 1, "worker.1": 1} {
		if got := len(f.pids(process)); got != want {
			t.Errorf("%s was started %d times, want %d", process, got, want)
		}
	}
	f.stop()
}

// TestRestarts holds that a process that ends is started again, and that connections wait for it.
func TestRestarts(t *testing.T) {
	t.Parallel()
	f := start(t, func(o *follow.Options) { o.Backoff = 100 * time.Millisecond })
	f.send(f.release(1, one, "web", serve(t, "v1")))
	for n := 1; n <= 3; n++ {
		f.awaitAnswer("v1 web.1 green")
		started := f.pids("web.1")
		if err := syscall.Kill(started[len(started)-1], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		f.awaitLine(fmt.Sprintf("web.1 terminated by SIGKILL: starting web.1 again in %dms", 100<<(n-1)))
		if got, err := f.get("/"); err != nil || got != "v1 web.1 green" {
			t.Errorf("while it is started again: %q, %v", got, err)
		}
	}
	f.stop()
}

// TestRetries holds what is tried again without a change: a release that cannot be fetched and, when no
// release runs, one that does not start.
func TestRetries(t *testing.T) {
	t.Parallel()
	var fetched atomic.Int64
	f := start(t, func(o *follow.Options) {
		o.Fetch = func(_ context.Context, app string, rel release.Release) (string, error) {
			if n := fetched.Add(1); n == 1 || n == 4 {
				return "", fault.TransientError("store/unreachable",
					errors.New("fetching: no route to host"), "try the other network")
			}
			return rel.Slug.URL, nil
		}
	})
	flag := filepath.Join(t.TempDir(), "flag")
	f.send(f.release(1, one, "web", "test -e "+flag+" || { touch "+flag+"; exit 5; }; exec "+serve(t, "v1")))
	f.awaitLine("v1 can't be started: fetching: no route to host")
	f.awaitLine("hint: try the other network")
	f.awaitLine("trying v1 again in 1ms")
	f.awaitLine("v1 can't be started: web.1 exited with code 5")
	f.awaitAnswer("v1 web.1 green")
	f.send(f.release(2, one, "web", serve(t, "v2")))
	f.awaitLine("v1 goes on")
	f.awaitAnswer("v2 web.1 green")
	wrong := f.release(3, one, "web", serve(t, "v3"))
	wrong.Current.Slug.Digest = digest.Digest("sha256:" + strings.Repeat("0", 64))
	f.send(wrong)
	f.awaitLine("the release's is sha256:" + strings.Repeat("0", 64))
	f.awaitAnswer("v2 web.1 green")
	f.stop()
}

// TestCoordinatorError holds that an error of the coordinator changes nothing.
func TestCoordinatorError(t *testing.T) {
	t.Parallel()
	f := start(t, nil)
	f.updates <- release.Update{Err: errors.New("no quorum")}
	f.awaitLine("the coordinator can't be followed just now, and what runs goes on: no quorum")
	f.send(f.release(1, one, "web", serve(t, "v1")))
	f.awaitLine("the coordinator can be followed again")
	f.awaitAnswer("v1 web.1 green")
	f.updates <- release.Update{Err: errors.New("no quorum")}
	f.send(release.Snapshot{})
	f.awaitLine("blog no longer has a release, and what runs goes on")
	f.awaitAnswer("v1 web.1 green")
	f.stop()
}
