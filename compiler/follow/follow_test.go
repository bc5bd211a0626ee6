package follow_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"slugc/cache/digest"
	"slugc/compiler/fault"
	"slugc/compiler/follow"
	"slugc/compiler/release"
)

var one = release.Formation{"web": 1}

// Releases replace each other under load, and no request fails.
func TestSwitches(t *testing.T) {
	f := start(t, nil)
	f.tell(release.Snapshot{})
	f.says("blog has no release yet: waiting for the first")
	f.refuses()
	f.tell(f.release(1, release.Formation{"web": 2}, "web", serve(t, "v1")))
	f.says("v1 is live")
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var requests atomic.Int64
	for range 3 {
		clients.Go(func() {
			for newest := 1; ctx.Err() == nil; requests.Add(1) {
				got, err := f.get("/?wait=10ms")
				var version int
				if _, scanned := fmt.Sscanf(got, "v%d web.", &version); err != nil || scanned != nil ||
					version < newest ||
					!strings.HasSuffix(got, " green") {
					t.Errorf("request %d: %q after v%d, %v", requests.Load(), got, newest, err)
					return
				}
				newest = version
			}
		})
	}
	for v := 2; v <= 7; v++ {
		before := requests.Load()
		f.tell(f.release(v, release.Formation{"web": 2}, "web", serve(t, fmt.Sprint("v", v))))
		f.says(fmt.Sprintf("v%d is live", v))
		f.wait("more requests", func() bool { return requests.Load() > before+10 || t.Failed() })
	}
	cancel()
	clients.Wait()
	t.Logf("%d requests", requests.Load())
	f.wait("one release's directory", func() bool { left, _ := os.ReadDir(f.o.Runs); return len(left) == 1 })
	f.stop()
	if strings.Contains(f.out.String(), "again") {
		t.Errorf("something was started again:\n%s", f.out)
	}
}

// What does not start leaves the live release alone, and is tried again only when something
// changes.
func TestFailedStart(t *testing.T) {
	for name, test := range map[string]struct{ web, why string }{
		"a process ends":              {"echo broken; exit 3", "v2 can't be started: web.1 exited with code 3"},
		"a port does not answer":      {"sleep 1000", "v2 can't be started: web.1 does not answer on its port after "},
		"another type's process ends": {serve(t, "v2") + " & wait", "v2 can't be started: worker.1 exited with code 4"},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, func(o *follow.Options) {
				o.BootTimeout, o.Settle = 3*time.Second, 500*time.Millisecond
				if strings.Contains(test.web, "wait") {
					o.BootTimeout = time.Minute
				}
			})
			f.tell(f.release(1, one, "web", serve(t, "v1")))
			f.answers("v1 web.1 green")
			both := release.Formation{"web": 1}
			worker := "sleep 1000"
			if strings.Contains(test.web, "wait") {
				both["worker"], worker = 1, "exit 4"
			}
			broken := f.release(2, both, "web", test.web, "worker", worker)
			f.tell(broken)
			f.says(test.why)
			f.says("v1 goes on")
			f.tell(broken)
			f.answers("v1 web.1 green")
			if n := strings.Count(f.out.String(), "starting v2"); n != 1 {
				t.Errorf("it was tried %d times", n)
			}
			broken.Formation = release.Formation{"web": 1, "worker": 2}
			f.tell(broken)
			f.wait("the second try", func() bool { return strings.Count(f.out.String(), "can't be started") == 2 })
			f.tell(f.release(3, one, "web", serve(t, "v3")))
			f.answers("v3 web.1 green")
			f.stop()
		})
	}
}

// A newer release takes the place of one that is being started; going back to the live one gives it
// up.
func TestNewerMeanwhile(t *testing.T) {
	f := start(t, nil)
	v1 := f.release(1, one, "web", serve(t, "v1"))
	f.tell(v1)
	f.says("v1 is live")
	f.tell(f.release(2, one, "web", "echo slow start; sleep 1000"))
	f.says("slow start")
	f.tell(f.release(3, one, "web", serve(t, "v3")))
	f.says("leaving v2")
	f.answers("v3 web.1 green")
	f.wait("one release's directory", func() bool { left, _ := os.ReadDir(f.o.Runs); return len(left) == 1 })
	f.stop()
}

// Scaling starts and stops only what it must.
func TestScale(t *testing.T) {
	f := start(t, nil)
	s := f.release(
		1,
		release.Formation{"web": 1, "worker": 0},
		"web",
		serve(t, "v1"),
		"worker",
		"echo working; sleep 1000",
	)
	scale := func(formation release.Formation) {
		s.Formation = formation
		f.tell(s)
	}
	scale(s.Formation)
	f.answers("v1 web.1 green")
	scale(release.Formation{"web": 2, "worker": 1, "nosuch": 3})
	f.answers("v1 web.2 green")
	f.says("worker.1 | working")
	scale(release.Formation{"web": 0, "worker": 1})
	f.refuses()
	f.says("web.2    | terminated by SIGTERM")
	scale(release.Formation{"web": 1, "worker": 0})
	f.answers("v1 web.1 green")
	f.says("worker.1 | terminated by SIGTERM")
	for process, want := range map[string]int{"web.1": 2, "web.2": 1, "worker.1": 1} {
		if got := len(pids(f, process)); got != want {
			t.Errorf("%s was started %d times, want %d", process, got, want)
		}
	}
	f.stop()
}

// pids are those that a process was started with.
func pids(f *following, name string) (list []int) {
	for _, m := range regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(name)+` +\| started with pid (\d+)$`).FindAllStringSubmatch(f.out.String(), -1) {
		pid, _ := strconv.Atoi(m[1])
		list = append(list, pid)
	}
	return list
}

// A process that ends is out of rotation and is started again; connections wait for it.
func TestRestarts(t *testing.T) {
	f := start(t, func(o *follow.Options) { o.Backoff = 100 * time.Millisecond })
	f.tell(f.release(1, one, "web", serve(t, "v1")))
	for n := 1; n <= 3; n++ {
		f.answers("v1 web.1 green")
		started := pids(f, "web.1")
		if err := syscall.Kill(started[len(started)-1], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		f.says(fmt.Sprintf("web.1 terminated by SIGKILL: starting web.1 again in %dms", 100<<(n-1)))
		if got, err := f.get("/"); err != nil || got != "v1 web.1 green" {
			t.Errorf("while it is started again: %q, %v", got, err)
		}
	}
	f.stop()
}

// Where nothing runs, a release that does not start is tried again by itself; so is one that can't
// be fetched.
func TestTriesAgain(t *testing.T) {
	var fetched atomic.Int64
	f := start(t, func(o *follow.Options) {
		o.Fetch = func(_ context.Context, app string, rel release.Release) (string, error) {
			if n := fetched.Add(1); n == 1 || n == 4 {
				return "", fault.TransientError(
					"store/unreachable",
					errors.New("fetching: no route to host"),
					"try the other network",
				)
			}
			return rel.Slug.URL, nil
		}
	})
	flag := filepath.Join(t.TempDir(), "flag")
	f.tell(f.release(1, one, "web", "test -e "+flag+" || { touch "+flag+"; exit 5; }; exec "+serve(t, "v1")))
	f.says("v1 can't be started: fetching: no route to host")
	f.says("hint: try the other network")
	f.says("trying v1 again in 1ms")
	f.says("v1 can't be started: web.1 exited with code 5")
	f.answers("v1 web.1 green")
	f.tell(f.release(2, one, "web", serve(t, "v2")))
	f.says("v1 goes on")
	f.answers("v2 web.1 green")
	wrong := f.release(3, one, "web", serve(t, "v3"))
	wrong.Current.Slug.Digest = digest.Digest("sha256:" + strings.Repeat("0", 64))
	f.tell(wrong)
	f.says("the release's is sha256:" + strings.Repeat("0", 64))
	f.answers("v2 web.1 green")
	f.stop()
}

// The coordinator's trouble changes nothing.
func TestCoordinatorTrouble(t *testing.T) {
	f := start(t, nil)
	f.updates <- release.Update{Err: errors.New("no quorum")}
	f.says("the coordinator can't be followed just now, and what runs goes on: no quorum")
	f.tell(f.release(1, one, "web", serve(t, "v1")))
	f.says("the coordinator can be followed again")
	f.answers("v1 web.1 green")
	f.updates <- release.Update{Err: errors.New("no quorum")}
	f.tell(release.Snapshot{})
	f.says("blog has no release any more, and what runs goes on")
	f.answers("v1 web.1 green")
	f.stop()
}
