package launch_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/compiler/launch"
	"slugc/compiler/procfile"
)

var pids = regexp.MustCompile(`pid \d+`)

// start runs a formation, with one process of each type by default, and returns its exit code and its
// sorted lines.
func start(t *testing.T, ctx context.Context, o launch.StartOptions) (int, []string) {
	t.Helper()
	out := &testkit.Buffer{}
	o.Self, o.Dir = child(t), t.TempDir()
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

// TestStartPorts holds that ports count all entries of the Procfile, also those that do not run.
func TestStartPorts(t *testing.T) {
	t.Parallel()
	echo := `echo "port $PORT, $DYNO, $PS"`
	code, lines := start(t, t.Context(), launch.StartOptions{
		Processes: processes("web", echo, "release", echo, "worker", echo), CanDie: []string{"all"}, BasePort: 6000,
		Formation: map[string]int{"web": 0, "worker": 2, "release": 3},
	})
	want := []string{
		"worker.1 | exited with code 0", "worker.1 | port 6200, worker.1, worker.1", "worker.1 | started with pid N",
		"worker.2 | exited with code 0", "worker.2 | port 6201, worker.2, worker.2", "worker.2 | started with pid N",
	}
	if diff := cmp.Diff(want, lines); diff != "" || code != 0 {
		t.Errorf("code %d\n%s", code, diff)
	}
	_, lines = start(t, t.Context(), launch.StartOptions{Processes: processes("web", echo)})
	if want := "web.1    | port 5000, web.1, web.1"; !slices.Contains(lines, want) {
		t.Errorf("no %q in %q", want, lines)
	}
}

// TestLayoutPorts holds that ports of more than a hundred instances never meet, and that no instance's port
// depends on how many others there are.
func TestLayoutPorts(t *testing.T) {
	t.Parallel()
	types := processes("web", "w", "release", "r", "api", "a")
	most := map[string]int{"web": procfile.MaxInstances, "api": procfile.MaxInstances}
	list, err := launch.Layout(types, most, 0)
	if err != nil || len(list) != 2*procfile.MaxInstances {
		t.Fatalf("%d instances, %v", len(list), err)
	}
	ports := map[int]string{}
	for _, i := range list {
		if other := ports[i.Port]; other != "" {
			t.Errorf("%s and %s have port %d", other, i.Name(), i.Port)
		}
		ports[i.Port] = i.Name()
	}
	fewer, err := launch.Layout(types, map[string]int{"web": 102, "api": 1}, 0)
	if err != nil || len(fewer) != 103 {
		t.Fatalf("%d instances, %v", len(fewer), err)
	}
	for _, i := range fewer {
		if ports[i.Port] != i.Name() {
			t.Errorf("%s has port %d", i.Name(), i.Port)
		}
	}
	if fewer[99].Port != 5099 || fewer[100].Port != 5300 || fewer[102].Port != 5200 {
		t.Errorf("ports %d, %d, %d", fewer[99].Port, fewer[100].Port, fewer[102].Port)
	}
}

// TestStartFirstExitStopsAll holds that the first process to end stops all, and that its exit code counts.
func TestStartFirstExitStopsAll(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]int{"sleep 0.3": 0, "sleep 0.3; exit 7": 7, "sleep 0.3; kill -9 $$": 137} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			marker := testkit.Marker()
			web := fmt.Sprintf("sh -c 'sleep %s & setsid sleep %[1]s & wait'", marker)
			o := launch.StartOptions{Processes: processes("web", web, "worker", command)}
			code, lines := start(t, t.Context(), o)
			if code != want {
				t.Errorf("code %d, want %d\n%q", code, want, lines)
			}
			for _, want := range []string{
				"system   | sending SIGTERM to all processes", "web.1    | terminated by SIGTERM",
			} {
				if !slices.Contains(lines, want) {
					t.Errorf("no %q in %q", want, lines)
				}
			}
			testkit.NoProcess(t, marker)
		})
	}
}

func TestStartCanDie(t *testing.T) {
	t.Parallel()
	code, lines := start(t, t.Context(), launch.StartOptions{
		Processes: processes("web", "sleep 0.5; exit 4", "job", "exit 3"), CanDie: []string{"job"},
	})
	if code != 4 || slices.Contains(lines, "web.1    | terminated by SIGTERM") {
		t.Errorf("code %d\n%q", code, lines)
	}
	code, lines = start(t, t.Context(), launch.StartOptions{
		Processes: processes("a", "exit 0", "b", "exit 3"), CanDie: []string{"all"},
	})
	if code != 3 {
		t.Errorf("all may end: code %d\n%q", code, lines)
	}
}

// startUntil starts a formation, waits until holds returns true for its output, and stops it: by stop or, if
// that is nil, by the context. It returns the exit code and the output.
func startUntil(
	t *testing.T, o launch.StartOptions, what string, holds func(output string) bool, stop func(),
) (int, string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if stop == nil {
		stop = cancel
	}
	out := &testkit.Buffer{}
	o.Out = out
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !holds(out.String()) && ctx.Err() == nil {
			time.Sleep(5 * time.Millisecond)
		}
		stop()
	}()
	defer time.AfterFunc(time.Minute, func() {
		t.Errorf("waited a minute for %s", what)
		cancel()
	}).Stop()
	code, _ := start(t, ctx, o)
	cancel()
	<-done
	return code, out.String()
}

func TestStartRestarts(t *testing.T) {
	t.Parallel()
	marker := testkit.Marker()
	o := launch.StartOptions{
		Processes: processes("web", fmt.Sprintf("setsid sleep %s & exit 2", marker)),
		Restart:   []string{"web"}, Backoff: 100 * time.Millisecond,
	}
	_, out := startUntil(t, o, "three restarts", func(output string) bool {
		return strings.Count(output, "started with pid") >= 4
	}, nil)
	for i, want := range []string{"100ms", "200ms", "400ms"} {
		if text := "starting again in " + want; !strings.Contains(out, text) {
			t.Errorf("restart %d: no %q in\n%s", i, text, out)
		}
	}
	testkit.NoProcess(t, marker)
	// A stop does not wait for the end of a pause.
	o.Backoff = time.Hour
	startUntil(t, o, "the pause", func(output string) bool {
		return strings.Contains(output, "starting again in 1h")
	}, nil)
}

func TestStartStops(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]bool{"context": false, "kill": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			marker := testkit.Marker()
			deaf := fmt.Sprintf("trap '' TERM; echo ready; setsid sleep %s & while :; do sleep 0.1; done", marker)
			killed, stop := make(chan struct{}), (func())(nil)
			if kill {
				stop = func() { close(killed) }
			}
			o := launch.StartOptions{Processes: processes("web", deaf), Kill: killed, Timeout: 200 * time.Millisecond}
			code, out := startUntil(t, o, "the process", func(output string) bool {
				return strings.Contains(output, "ready")
			}, stop)
			if code != 137 {
				t.Errorf("code %d", code)
			}
			for _, want := range []string{"web.1    | terminated by SIGKILL", "sending SIGKILL to all processes"} {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			testkit.NoProcess(t, marker)
		})
	}
}

// TestStartKilledWithSlugc holds that nothing is left when slugc is killed, as by a second interrupt.
func TestStartKilledWithSlugc(t *testing.T) {
	t.Parallel()
	marker := testkit.Marker()
	cmd := exec.Command(child(t), "start", child(t), t.TempDir(),
		fmt.Sprintf("trap '' TERM HUP; setsid sleep %s & sleep %[1]s", marker))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the processes", func() bool { return len(testkit.Processes(t, "sleep\x00"+marker)) == 2 })
	cmd.Process.Signal(syscall.SIGKILL)
	cmd.Wait()
	testkit.Eventually(t, "their end", func() bool { return len(testkit.Processes(t, marker)) == 0 })
}

func TestStartOutput(t *testing.T) {
	t.Parallel()
	const big = 3 << 20
	out := &testkit.Buffer{}
	command := fmt.Sprintf(`printf 'a\r\n\nb'; echo err >&2; `+
		`head -c %d /dev/zero | tr '\0' x; echo; printf partial`, big)
	start(t, t.Context(), launch.StartOptions{Processes: processes("web", command), Out: out})
	got := pids.ReplaceAllString(out.String(), "pid N")
	want := "web.1    | started with pid N\nweb.1    | a\nweb.1    | \nweb.1    | berr\n" +
		"web.1    | " + strings.Repeat("x", big) + "\nweb.1    | partial\nweb.1    | exited with code 0\n"
	if got != want {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
}

func TestStartPrefix(t *testing.T) {
	t.Parallel()
	_, lines := start(t, t.Context(), launch.StartOptions{
		Processes: processes("web", "echo hi", "long-worker-name", "echo hi"),
		CanDie:    []string{"all"}, Color: true, Timestamps: true,
	})
	for _, want := range []string{
		`^\x1b\[36m\d\d:\d\d:\d\d web\.1              \| \x1b\[0mhi$`,
		`^\x1b\[33m\d\d:\d\d:\d\d long-worker-name\.1 \| \x1b\[0mhi$`,
	} {
		if pattern := regexp.MustCompile(want); !slices.ContainsFunc(lines, pattern.MatchString) {
			t.Errorf("no line like %s in %q", want, lines)
		}
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	web := processes("web", "true", "release", "true")
	for name, o := range map[string]launch.StartOptions{
		"nothing":             {Dir: "/", Processes: web},
		"only release":        {Dir: "/", Processes: web, Formation: map[string]int{"release": 1}},
		"a port too high":     {Dir: "/", Processes: web, Formation: map[string]int{"web": 2}, BasePort: 65535},
		"an unknown can-die":  {Dir: "/", Processes: web, Formation: map[string]int{"web": 1}, CanDie: []string{"db"}},
		"an unknown restart":  {Dir: "/", Processes: web, Formation: map[string]int{"web": 1}, Restart: []string{"db"}},
		"no directory":        {Dir: "/no/such", Processes: web, Formation: map[string]int{"web": 1}},
		"a writer that fails": {Dir: "/", Processes: web, Formation: map[string]int{"web": 1}, Out: fullDisk{}},
	} {
		o.Self = child(t)
		if _, err := launch.Start(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// fullDisk is a writer that always fails.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("full") }

// TestStartTmp starts two servers that refuse to start where another's pid file is, as Rails does, and that read
// what the slug holds in tmp. Each has a tmp of its own; where the kernel permits no mount, variables name it.
func TestStartTmp(t *testing.T) {
	t.Parallel()
	const server = `pid=${PIDFILE-tmp/pids/server.pid}
if [ -e "$pid" ]; then echo "already running"; exit 1; fi
echo $DYNO >"$pid"; echo "read $(cat tmp/cache/seed), ${TMPDIR-no TMPDIR}"
for i in $(seq 100); do [ ! -e "$HOME/../stop" ] || exit 0; sleep 0.1; done`
	for name, self := range map[string]string{"mounted": child(t), "without mounts": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := testkit.Tree(t, t.TempDir(), map[string]string{
				"app/tmp/pids/.keep": "", "app/tmp/cache/seed": "this", "app/tmp/run.sh": "#!/bin/sh",
			})
			app, own := filepath.Join(dir, "app"), filepath.Join(dir, "own")
			out := &testkit.Buffer{}
			ended := make(chan error, 1)
			go func() {
				_, err := launch.Start(t.Context(), launch.StartOptions{
					Self: self, Dir: app, Tmp: own, Out: out, Processes: processes("web", server),
					Formation: map[string]int{"web": 2}, CanDie: []string{"all"},
				})
				ended <- err
			}()
			testkit.Eventually(t, "two servers", func() bool {
				return strings.Count(out.String(), "read this") == 2 || out.Contains("already running")
			})
			testkit.Write(t, filepath.Join(dir, "stop"), "")
			if err := <-ended; err != nil || out.Contains("already running") {
				t.Errorf("%v\n%s", err, out)
			}
			if self != "" && !out.Contains("no TMPDIR") || self == "" && !out.Contains(filepath.Join(own, "web.2")) {
				t.Errorf("the wrong TMPDIR in\n%s", out)
			}
			if testkit.Exists(filepath.Join(app, "tmp/pids/server.pid")) {
				t.Error("a server has written into the tmp of all")
			}
		})
	}
}
