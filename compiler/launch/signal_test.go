package launch_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"slugc/cache/testkit"
	"slugc/compiler/launch"
)

// running is a launch.Run beside the test.
type running struct {
	*testkit.Buffer // what the process writes
	code            int
	err             error
	ended           chan struct{}
}

func startRun(t *testing.T, ctx context.Context, o launch.RunOptions) *running {
	t.Helper()
	r := &running{Buffer: &testkit.Buffer{}, ended: make(chan struct{})}
	o.Self, o.Dir, o.Stdout, o.Stderr = child(t), t.TempDir(), r, r
	go func() {
		r.code, r.err = launch.Run(ctx, o)
		close(r.ended)
	}()
	return r
}

func (r *running) await(t *testing.T, text string) {
	t.Helper()
	testkit.Eventually(t, text, func() bool { return r.Contains(text) })
}

// TestRunStops holds that a stop reaches every process, leaves each its grace, and then kills it.
func TestRunStops(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		command string
		grace   time.Duration
		code    int
		output  string
	}{
		"at once":         {"echo ready; sleep %s", time.Minute, 143, ""},
		"through a shell": {"sh -c 'sleep %s & echo ready; wait'; true", time.Minute, 143, ""},
		"gracefully":      {"trap 'echo bye; exit 3' TERM; echo ready; sleep %s & wait", time.Minute, 3, "bye"},
		"a slow grandchild": {
			`sh -c 'trap "sleep 0.3; echo finished; exit" TERM; echo ready; while :; do sleep 0.05; done' & sleep %s`,
			time.Minute, 143, "finished",
		},
		"deaf": {
			"trap '' TERM; setsid sleep %s & echo ready; while :; do sleep 0.1; done", 300 * time.Millisecond, 137, "",
		},
		"in another session": {"setsid -w sh -c 'echo ready; sleep %s'", time.Minute, 143, ""},
		"a grandchild is deaf": {
			"(trap '' TERM; setsid sleep %s) & sleep 0.1; echo ready; sleep 60", 300 * time.Millisecond, 143, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			marker := testkit.Marker()
			ctx, cancel := context.WithCancel(t.Context())
			r := startRun(t, ctx, launch.RunOptions{Command: fmt.Sprintf(test.command, marker), Grace: test.grace})
			r.await(t, "ready")
			cancel()
			<-r.ended
			if r.err != nil || r.code != test.code || !r.Contains(test.output) {
				t.Errorf("code %d, want %d; %v\n%s", r.code, test.code, r.err, r)
			}
			testkit.NoProcess(t, marker)
		})
	}
}

func TestRunForwardsSignals(t *testing.T) {
	t.Parallel()
	signals, kill := make(chan os.Signal, 1), make(chan struct{})
	r := startRun(t, t.Context(), launch.RunOptions{
		Signals: signals, Kill: kill,
		// The signals end the sleeps too, and the shell goes on.
		Command: "for s in 2 10 12; do trap \"echo got $s\" $s; done; echo ready; while :; do sleep 0.05; done",
	})
	r.await(t, "ready")
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGINT} {
		signals <- s
		r.await(t, fmt.Sprintf("got %d", s))
	}
	close(kill)
	<-r.ended
	if r.err != nil || r.code != 137 {
		t.Errorf("code %d, %v\n%s", r.code, r.err, r)
	}
}

// TestRunOnATerminal holds that a shell on the caller's terminal has job control, and gets the terminal's
// interrupt.
func TestRunOnATerminal(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(child(t), "run", child(t), t.TempDir(), "exec bash --norc --noprofile -i")
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	defer time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() }).Stop()
	out := &testkit.Buffer{}
	go io.Copy(out, terminal)
	// The program itself prints that it runs. Before that the shell would get the interrupt, and ignore it.
	for _, step := range []struct{ typed, shown string }{
		{"sh -c 'echo hel\"\"lo-$TERM; exec sleep 1000'\n", "hello-xterm\r\n"},
		{"\x03", "^C\r\n\x1b[?2004hbash"},
		{"echo code-$?\n", "code-130\r\n"},
	} {
		if _, err := io.WriteString(terminal, step.typed); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, fmt.Sprintf("%q", step.shown), func() bool { return out.Contains(step.shown) })
	}
	if _, err := io.WriteString(terminal, "exit 5\n"); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 5 || out.Contains("job control") {
		t.Errorf("code %d\n%s", code, out)
	}
}
