package follow_test

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/compiler/follow"
	"slugc/compiler/release"
)

// deaf is the command of a process that ignores SIGTERM.
const deaf = "trap 'echo got TERM' TERM; trap 'echo got USR1' USR1; echo deaf; while :; do sleep 0.1; done"

// TestStop holds that stopping ends what runs, what starts and what is stopping: by SIGKILL when the grace is
// over or Kill is closed.
func TestStop(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]string{"context": "", "signals": "TERM", "kill": "KILL"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signals, kill := make(chan os.Signal, 2), make(chan struct{})
			f := start(t, func(o *follow.Options) {
				o.Grace, o.Signals, o.Kill = 2*time.Second, signals, kill
				if by == "KILL" {
					o.Grace = time.Hour
				}
			})
			f.send(f.release(1, release.Formation{"web": 1, "worker": 1}, "web", serve(t, "v1"), "worker", deaf))
			f.awaitLine("v1 is live")
			f.awaitLine("worker.1 | deaf")
			f.send(f.release(2, release.Formation{"web": 1, "worker": 0}, "web", "sleep 1000", "worker", deaf))
			testkit.Eventually(f, "the next release", func() bool { return len(f.pids("web.1")) == 2 })
			switch by {
			case "TERM":
				signals <- syscall.SIGUSR1
				f.awaitLine("worker.1 | got USR1")
				signals <- syscall.SIGTERM
			case "KILL":
				signals <- syscall.SIGINT
				f.awaitLine("worker.1 | got TERM")
				close(kill)
			default:
				f.cancel()
			}
			if err := <-f.ended; err != nil {
				t.Error(err)
			}
			f.ended = nil
			f.awaitLine("worker.1 | terminated by SIGKILL")
			for _, process := range []string{"web.1", "worker.1"} {
				for _, pid := range f.pids(process) {
					if syscall.Kill(pid, 0) == nil {
						t.Errorf("%s lives", process)
					}
				}
			}
			if n := f.releaseDirs(); n > 0 {
				t.Errorf("%d directories are left", n)
			}
		})
	}
}

// TestRecord holds that every line is recorded with its release.
func TestRecord(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var lines []string
	f := start(t, func(o *follow.Options) {
		o.Record = func(version int, name string, own bool, line []byte) {
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, fmt.Sprint(version, " ", name, " ", own, " ", string(line)))
		}
	})
	f.send(f.release(4, release.Formation{"worker": 1},
		"web", serve(t, "v4"), "worker", "echo out; echo err >&2; sleep 1000"))
	f.awaitLine("v4 is live")
	f.awaitLine("worker.1 | err")
	f.stop()
	for _, want := range []string{
		"0 system true starting v4", "4 worker.1 false out", "4 worker.1 false err",
		"4 worker.1 true terminated by SIGTERM",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %q in %q", want, lines)
		}
	}
}
