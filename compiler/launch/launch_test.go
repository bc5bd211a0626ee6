package launch_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"

	"slugc/compiler/launch"
)

// run runs a command and returns its code and output.
func run(t *testing.T, o launch.RunOptions) (int, string) {
	t.Helper()
	out := &buffer{}
	o.Self, o.Stdout, o.Stderr = child, out, out
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	code, err := launch.Run(context.Background(), o)
	if err != nil {
		t.Fatalf("running %q: %v\n%s", o.Command, err, out)
	}
	return code, out.String()
}

func TestRunEnvironment(t *testing.T) {
	t.Setenv("SLUGC_TEST_SECRET", "1")
	dir := t.TempDir()
	own := []string{"DYNO=web.1", "HOME=" + dir, "PS=web.1", "PWD=" + dir}
	plain := []string{"LANG=C.UTF-8", "PATH=/usr/local/bin:/usr/bin:/bin"}
	tests := map[string]struct {
		env  []string
		port int
		want []string
	}{
		"none":   {nil, 0, slices.Concat(own, plain)},
		"a port": {nil, 5001, slices.Concat(own, plain, []string{"PORT=5001"})},
		"config vars": {
			[]string{"A=1", "A=2 3", "LANG=de_DE.UTF-8", "PATH=/bin"},
			0,
			slices.Concat(own, []string{"A=2 3", "LANG=de_DE.UTF-8", "PATH=/bin"}),
		},
		"what config vars cannot set": {
			[]string{"HOME=/x", "DYNO=x", "PORT=1", "PS=x", "PWD=/x", "=", "X"},
			0,
			slices.Concat(own, plain),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, out := run(
				t,
				launch.RunOptions{
					Dir:     dir,
					Command: "/usr/bin/env",
					Env:     test.env,
					Port:    test.port,
					Dyno:    "web.1",
					Shell:   "/bin/sh",
				},
			)
			got := slices.DeleteFunc(
				strings.Split(strings.TrimSpace(out), "\n"),
				func(s string) bool { return s == "_=/usr/bin/env" || strings.HasPrefix(s, "SHLVL=") },
			)
			slices.Sort(got)
			slices.Sort(test.want)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRunProfiles(t *testing.T) {
	dir := app(t, map[string]string{
		".profile.d/10_b.sh": "export ORDER=$ORDER,10_b", ".profile.d/000_slugc.sh": "export ORDER=slugc; set -- gone", ".profile.d/B.sh": "ORDER=$ORDER,B",
		".profile.d/a.sh": "ORDER=$ORDER,a\n", ".profile.d/with space's.sh": "ORDER=$ORDER,space", ".profile.d/no.txt": "ORDER=$ORDER,txt",
		".profile.d/dir.sh/x": "", ".profile": "export ORDER=$ORDER,profile",
	})
	for _, shell := range []string{"", "/bin/sh", "/bin/bash"} {
		code, out := run(
			t,
			launch.RunOptions{
				Dir:     dir,
				Shell:   shell,
				Command: `echo "$ORDER" $# && pwd && ps -o args= -p $$ 2>/dev/null || true`,
			},
		)
		want := "slugc,10_b,B,a,space,profile 0\n" + dir + "\n"
		if code != 0 || !strings.HasPrefix(out, want) {
			t.Errorf("shell %q: code %d, got %q, want %q", shell, code, out, want)
		}
	}
	if _, out := run(t, launch.RunOptions{Command: `[[ -n $BASH_VERSION ]] && echo bash`}); out != "bash\n" {
		t.Errorf("the shell is not bash: %q", out)
	}
}

func TestRunExitCode(t *testing.T) {
	for command, want := range map[string]int{
		"true": 0, "exit 7": 7, "no-such-command": 127, "/": 126, "kill -TERM $$": 143, "kill -KILL $$": 137, "false | true": 0, "echo a #b": 0, "exec sleep 0": 0,
	} {
		if code, _ := run(t, launch.RunOptions{Command: command}); code != want {
			t.Errorf("%q: code %d, want %d", command, code, want)
		}
	}
	for name, o := range map[string]launch.RunOptions{
		"no directory": {Dir: "/no/such", Command: "true"}, "a file": {Dir: "/etc/passwd", Command: "true"},
		"no shell": {Dir: "/", Shell: "/no/such", Command: "true"}, "NUL": {Dir: "/", Command: "a\x00b"},
	} {
		o.Self = child
		if _, err := launch.Run(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRunStreams(t *testing.T) {
	var stderr buffer
	stdout := &buffer{}
	code, err := launch.Run(
		t.Context(),
		launch.RunOptions{
			Self:    child,
			Dir:     "/",
			Command: "cat; echo err >&2",
			Stdin:   strings.NewReader(strings.Repeat("x", 1<<20)),
			Stdout:  stdout,
			Stderr:  &stderr,
		},
	)
	if err != nil || code != 0 || len(stdout.String()) != 1<<20 || stderr.String() != "err\n" {
		t.Errorf("code %d, %v, %d bytes, stderr %q", code, err, len(stdout.String()), stderr.String())
	}
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := launch.Run(t.Context(), launch.RunOptions{Self: child, Dir: "/", Command: "readlink /proc/self/fd/0 /proc/self/fd/1", Stdout: file, Stderr: file}); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(file.Name()); string(got) != "/dev/null\n"+file.Name()+"\n" {
		t.Errorf("the process's files are %q", got)
	}
}

// Whatever the process leaves behind ends with it, be it in a session of its own.
func TestRunLeavesNothing(t *testing.T) {
	for name, command := range map[string]string{
		"background": "sleep %s & true", "setsid": "setsid sleep %s & sleep 0.1", "nohup": "nohup sleep %s >/dev/null 2>&1 & sleep 0.1",
		"deaf": "(trap '' TERM; setsid sleep %s) & sleep 0.1", "clean env": "setsid env -i sleep %s & sleep 0.1",
	} {
		t.Run(name, func(t *testing.T) {
			marker := newMarker()
			run(t, launch.RunOptions{Command: fmt.Sprintf(command, marker), Grace: 200 * time.Millisecond})
			if left := running(t, marker); len(left) > 0 {
				t.Errorf("these survive: %v", left)
			}
		})
	}
}

// A stop reaches every process, leaves each its grace, and then ends it.
func TestRunStops(t *testing.T) {
	for name, test := range map[string]struct {
		command string
		grace   time.Duration
		code    int
		says    string
	}{
		"at once":              {"echo ready; sleep %s", time.Minute, 143, ""},
		"through a shell":      {"sh -c 'sleep %s & echo ready; wait'; true", time.Minute, 143, ""},
		"gracefully":           {"trap 'echo bye; exit 3' TERM; echo ready; sleep %s & wait", time.Minute, 3, "bye"},
		"a slow grandchild":    {`sh -c 'trap "sleep 0.3; echo finished; exit" TERM; echo ready; while :; do sleep 0.05; done' & sleep %s`, time.Minute, 143, "finished"},
		"deaf":                 {"trap '' TERM; setsid sleep %s & echo ready; while :; do sleep 0.1; done", 300 * time.Millisecond, 137, ""},
		"in another session":   {"setsid -w sh -c 'echo ready; sleep %s'", time.Minute, 143, ""},
		"a grandchild is deaf": {"(trap '' TERM; setsid sleep %s) & sleep 0.1; echo ready; sleep 60", 300 * time.Millisecond, 143, ""},
	} {
		t.Run(name, func(t *testing.T) {
			marker := newMarker()
			ctx, cancel := context.WithCancel(t.Context())
			out := &buffer{}
			go func() {
				waitFor(t, "the process", out.has("ready"))
				cancel()
			}()
			code, err := launch.Run(
				ctx,
				launch.RunOptions{
					Self:    child,
					Dir:     t.TempDir(),
					Command: fmt.Sprintf(test.command, marker),
					Grace:   test.grace,
					Stdout:  out,
					Stderr:  out,
				},
			)
			if err != nil || code != test.code || !strings.Contains(out.String(), test.says) {
				t.Errorf("code %d, want %d; %v\n%s", code, test.code, err, out)
			}
			if left := running(t, marker); len(left) > 0 {
				t.Errorf("these survive: %v", left)
			}
		})
	}
}

func TestRunPassesSignals(t *testing.T) {
	signals := make(chan os.Signal, 1)
	kill := make(chan struct{})
	out := &buffer{}
	go func() {
		for _, s := range []os.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGINT} {
			waitFor(t, "the process", out.has("ready"))
			signals <- s
			waitFor(t, s.String(), out.has(fmt.Sprintf("got %d", s)))
		}
		close(kill)
	}()
	code, err := launch.Run(t.Context(), launch.RunOptions{
		Self: child, Dir: t.TempDir(), Signals: signals, Kill: kill, Stdout: out, Stderr: out,
		Command: "for s in 2 10 12; do trap \"echo got $s\" $s; done; echo ready; while :; do sleep 0.05; done",
	})
	// The sleeps end by the signals too, and the shell goes on.
	if err != nil || code != 137 {
		t.Errorf("code %d, %v\n%s", code, err, out)
	}
}

// A shell on the caller's terminal has job control, and is the one that an interrupt is for.
func TestRunOnATerminal(t *testing.T) {
	cmd := exec.Command(child, "run", child, t.TempDir(), "exec bash --norc --noprofile -i")
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	defer time.AfterFunc(time.Minute, func() { cmd.Process.Kill() }).Stop()
	out := &buffer{}
	go io.Copy(out, terminal)
	// The program itself says that it runs: an interrupt before that would be the shell's, which
	// takes none.
	for _, step := range []struct{ typed, shown string }{
		{"sh -c 'echo hel\"\"lo-$TERM; exec sleep 1000'\n", "hello-xterm\r\n"}, {"\x03", "^C\r\n\x1b[?2004hbash"}, {"echo code-$?\n", "code-130\r\n"},
	} {
		if _, err := io.WriteString(terminal, step.typed); err != nil {
			t.Fatal(err)
		}
		waitFor(t, fmt.Sprintf("%q in %q", step.shown, out), out.has(step.shown))
	}
	if _, err := io.WriteString(terminal, "exit 5\n"); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 5 || strings.Contains(out.String(), "job control") {
		t.Errorf("code %d\n%s", code, out)
	}
}

// Without a supervisor the process group is ended all the same.
func TestRunWithoutSelf(t *testing.T) {
	for _, command := range []string{"sleep %s & true", "trap '' TERM; sleep %s & true"} {
		marker := newMarker()
		code, err := launch.Run(
			t.Context(),
			launch.RunOptions{Dir: "/", Command: fmt.Sprintf(command, marker), Grace: 200 * time.Millisecond},
		)
		if err != nil || code != 0 {
			t.Errorf("code %d, %v", code, err)
		}
		if left := running(t, marker); len(left) > 0 {
			t.Errorf("these survive: %v", left)
		}
	}
}
