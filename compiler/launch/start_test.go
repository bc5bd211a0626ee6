package launch_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/launch"
	"slugc/compiler/procfile"
)

var pids = regexp.MustCompile(`pid \d+`)

// entries is a Procfile: type, command, type, command.
func entries(pairs ...string) []procfile.Process {
	var list []procfile.Process
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, procfile.Process{Type: pairs[i], Command: pairs[i+1]})
	}
	return list
}

// start starts one of each type unless told otherwise, and returns its code and its sorted lines.
func start(t *testing.T, ctx context.Context, o launch.StartOptions) (int, []string) {
	t.Helper()
	out := &buffer{}
	o.Self, o.Dir = child, t.TempDir()
	if o.Out == nil {
		o.Out = out
	}
	if o.Formation == nil {
		o.Formation = map[string]int{}
		for _, p := range o.Processes {
			o.Formation[p.Type] = 1
		}
	}
	code, err := launch.Start(ctx, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSuffix(pids.ReplaceAllString(out.String(), "pid N"), "\n"), "\n")
	slices.Sort(lines)
	return code, lines
}

// Ports count all entries of the Procfile, those that do not run too; release has no part in it.
func TestStartPorts(t *testing.T) {
	echo := `echo "port $PORT, $DYNO, $PS"`
	code, lines := start(t, t.Context(), launch.StartOptions{
		Processes: entries("web", echo, "release", echo, "worker", echo), CanDie: []string{"all"}, BasePort: 6000,
		Formation: map[string]int{"web": 0, "worker": 2, "release": 3},
	})
	want := []string{
		"worker.1 | exited with code 0", "worker.1 | port 6200, worker.1, worker.1", "worker.1 | started with pid N",
		"worker.2 | exited with code 0", "worker.2 | port 6201, worker.2, worker.2", "worker.2 | started with pid N",
	}
	if diff := cmp.Diff(want, lines); diff != "" || code != 0 {
		t.Errorf("code %d\n%s", code, diff)
	}
	_, lines = start(t, t.Context(), launch.StartOptions{Processes: entries("web", echo)})
	if want := "web.1    | port 5000, web.1, web.1"; !slices.Contains(lines, want) {
		t.Errorf("no %q in %q", want, lines)
	}
}

// The first to end stops all, and its code counts.
func TestStartFirstExitStopsAll(t *testing.T) {
	marker := newMarker()
	rest := fmt.Sprintf("sh -c 'sleep %s & setsid sleep %s & wait'", marker, marker)
	for command, want := range map[string]int{"sleep 0.3": 0, "sleep 0.3; exit 7": 7, "sleep 0.3; kill -9 $$": 137} {
		code, lines := start(t, t.Context(), launch.StartOptions{Processes: entries("web", rest, "worker", command)})
		if code != want {
			t.Errorf("%q: code %d, want %d\n%q", command, code, want, lines)
		}
		for _, want := range []string{"system   | sending SIGTERM to all processes", "web.1    | terminated by SIGTERM"} {
			if !slices.Contains(lines, want) {
				t.Errorf("%q: no %q in %q", command, want, lines)
			}
		}
		if left := running(t, marker); len(left) > 0 {
			t.Errorf("these survive: %v", left)
		}
	}
}

func TestStartCanDie(t *testing.T) {
	code, lines := start(t, t.Context(), launch.StartOptions{
		Processes: entries("web", "sleep 0.5; exit 4", "job", "exit 3"), CanDie: []string{"job"},
	})
	if code != 4 || slices.Contains(lines, "web.1    | terminated by SIGTERM") {
		t.Errorf("code %d\n%q", code, lines)
	}
	if code, lines = start(t, t.Context(), launch.StartOptions{Processes: entries("a", "exit 0", "b", "exit 3"), CanDie: []string{"all"}}); code != 3 {
		t.Errorf("all may end: code %d\n%q", code, lines)
	}
}

func TestStartRestarts(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := &buffer{}
	marker := newMarker()
	go func() {
		waitFor(t, "three restarts", func() bool { return strings.Count(out.String(), "started with pid") >= 4 })
		cancel()
	}()
	o := launch.StartOptions{
		Processes: entries(
			"web",
			fmt.Sprintf("setsid sleep %s & exit 2", marker),
		), Restart: []string{"web"}, Backoff: 100 * time.Millisecond, Out: out,
	}
	start(t, ctx, o)
	for i, want := range []string{"100ms", "200ms", "400ms"} {
		if text := "starting again in " + want; !strings.Contains(out.String(), text) {
			t.Errorf("restart %d: no %q in\n%s", i, text, out)
		}
	}
	if left := running(t, marker); len(left) > 0 {
		t.Errorf("these survive: %v", left)
	}
	// Stopped while it waits to start again, it does not wait.
	ctx, cancel = context.WithCancel(t.Context())
	out = &buffer{}
	go func() {
		waitFor(t, "the pause", out.has("starting again in 1h"))
		cancel()
	}()
	o.Out, o.Backoff = out, time.Hour
	start(t, ctx, o)
}

func TestStartStops(t *testing.T) {
	marker := newMarker()
	deaf := fmt.Sprintf("trap '' TERM; echo ready; setsid sleep %s & while :; do sleep 0.1; done", marker)
	for name, kill := range map[string]bool{"context": false, "kill": true} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out, killed := &buffer{}, make(chan struct{})
			go func() {
				waitFor(t, "the process", out.has("ready"))
				if kill {
					close(killed)
				} else {
					cancel()
				}
			}()
			o := launch.StartOptions{
				Processes: entries("web", deaf),
				Out:       out,
				Kill:      killed,
				Timeout:   200 * time.Millisecond,
			}
			if code, _ := start(t, ctx, o); code != 137 {
				t.Errorf("code %d", code)
			}
			for _, want := range []string{"web.1    | terminated by SIGKILL", "sending SIGKILL to all processes"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			if left := running(t, marker); len(left) > 0 {
				t.Errorf("these survive: %v", left)
			}
		})
	}
}

// slugc killed, as by a second interrupt, leaves nothing.
func TestStartKilledWithSlugc(t *testing.T) {
	marker := newMarker()
	cmd := exec.Command(
		child,
		"start",
		child,
		t.TempDir(),
		fmt.Sprintf("trap '' TERM HUP; setsid sleep %s & sleep %s", marker, marker),
	)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the processes", func() bool { return len(running(t, "sleep\x00"+marker)) == 2 })
	cmd.Process.Signal(syscall.SIGKILL)
	cmd.Wait()
	waitFor(t, "their end", func() bool { return len(running(t, marker)) == 0 })
}

func TestStartOutput(t *testing.T) {
	const big = 3 << 20
	out := &buffer{}
	start(t, t.Context(), launch.StartOptions{
		Processes: entries(
			"web",
			fmt.Sprintf(`printf 'a\r\n\nb'; echo err >&2; head -c %d /dev/zero | tr '\0' x; echo; printf partial`, big),
		), Out: out,
	})
	got := pids.ReplaceAllString(out.String(), "pid N")
	want := "web.1    | started with pid N\nweb.1    | a\nweb.1    | \nweb.1    | berr\nweb.1    | " + strings.Repeat(
		"x",
		big,
	) + "\nweb.1    | partial\nweb.1    | exited with code 0\n"
	if got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

func TestStartPrefix(t *testing.T) {
	_, lines := start(t, t.Context(), launch.StartOptions{
		Processes: entries(
			"web",
			"echo hi",
			"long-worker-name",
			"echo hi",
		), CanDie: []string{"all"}, Color: true, Timestamps: true,
	})
	for _, want := range []string{`^\x1b\[36m\d\d:\d\d:\d\d web\.1              \| \x1b\[0mhi$`, `^\x1b\[33m\d\d:\d\d:\d\d long-worker-name\.1 \| \x1b\[0mhi$`} {
		if pattern := regexp.MustCompile(want); !slices.ContainsFunc(lines, pattern.MatchString) {
			t.Errorf("no line like %s in %q", want, lines)
		}
	}
}

func TestStartErrors(t *testing.T) {
	web := entries("web", "true", "release", "true")
	for name, o := range map[string]launch.StartOptions{
		"nothing":            {Dir: "/", Processes: web},
		"only release":       {Dir: "/", Processes: web, Formation: map[string]int{"release": 1}},
		"a port too high":    {Dir: "/", Processes: web, Formation: map[string]int{"web": 2}, BasePort: 65535},
		"an unknown can-die": {Dir: "/", Processes: web, Formation: map[string]int{"web": 1}, CanDie: []string{"db"}},
		"an unknown restart": {Dir: "/", Processes: web, Formation: map[string]int{"web": 1}, Restart: []string{"db"}},
		"no directory":       {Dir: "/no/such", Processes: web, Formation: map[string]int{"web": 1}},
		"a writer that ends": {Dir: "/", Processes: web, Formation: map[string]int{"web": 1}, Out: full{}},
	} {
		o.Self = child
		if _, err := launch.Start(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }
