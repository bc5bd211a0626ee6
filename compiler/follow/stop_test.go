package follow_test

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"slugc/compiler/follow"
	"slugc/compiler/release"
)

// deaf is the command of a process that does not hear SIGTERM.
const deaf = "trap 'echo heard' TERM; trap 'echo told' USR1; echo deaf; while :; do sleep 0.1; done"

// Stopping ends what runs, what starts and what is stopping, by SIGKILL when the grace is over or
// Kill is closed.
func TestStop(t *testing.T) {
	for name, by := range map[string]string{"context": "", "signals": "TERM", "kill": "KILL"} {
		t.Run(name, func(t *testing.T) {
			signals, kill := make(chan os.Signal, 2), make(chan struct{})
			f := start(t, func(o *follow.Options) {
				o.Grace, o.Signals, o.Kill = 300*time.Millisecond, signals, kill
				if by == "KILL" {
					o.Grace = time.Hour
				}
			})
			f.tell(f.release(1, release.Formation{"web": 1, "worker": 1}, "web", serve(t, "v1"), "worker", deaf))
			f.says("v1 is live")
			f.says("worker.1 | deaf")
			f.tell(f.release(2, release.Formation{"web": 1, "worker": 0}, "web", "sleep 1000", "worker", deaf))
			f.wait("the next release", func() bool { return len(pids(f, "web.1")) == 2 })
			switch by {
			case "TERM":
				signals <- syscall.SIGUSR1
				f.says("worker.1 | told")
				signals <- syscall.SIGTERM
			case "KILL":
				signals <- syscall.SIGINT
				f.says("worker.1 | heard")
				close(kill)
			default:
				f.cancel()
			}
			if err := <-f.ended; err != nil {
				t.Error(err)
			}
			f.ended = nil
			f.says("worker.1 | terminated by SIGKILL")
			for _, process := range []string{"web.1", "worker.1"} {
				for _, pid := range pids(f, process) {
					if syscall.Kill(pid, 0) == nil {
						t.Errorf("%s lives", process)
					}
				}
			}
			if left, _ := os.ReadDir(f.o.Runs); len(left) > 0 {
				t.Errorf("these are left: %v", left)
			}
		})
	}
}

// Every line is recorded with its release.
func TestRecord(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	f := start(t, func(o *follow.Options) {
		o.Record = func(version int, name string, own bool, line []byte) {
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, fmt.Sprint(version, " ", name, " ", own, " ", string(line)))
		}
	})
	f.tell(
		f.release(
			4,
			release.Formation{"worker": 1},
			"web",
			serve(t, "v4"),
			"worker",
			"echo out; echo err >&2; sleep 1000",
		),
	)
	f.says("v4 is live")
	f.says("worker.1 | err")
	f.stop()
	seen := map[string]bool{}
	for _, line := range lines {
		seen[line] = true
	}
	for _, want := range []string{"0 system true starting v4", "4 worker.1 false out", "4 worker.1 false err", "4 worker.1 true terminated by SIGTERM"} {
		if !seen[want] {
			t.Errorf("no %q in %q", want, lines)
		}
	}
}
