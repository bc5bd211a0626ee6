package launch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/compiler/launch"
)

// run runs a command and returns its exit code and its output.
func run(t *testing.T, o launch.RunOptions) (int, string) {
	t.Helper()
	out := &testkit.Buffer{}
	o.Self, o.Stdout, o.Stderr = child(t), out, out
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
	t.Parallel()
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
			5001,
			slices.Concat(own, plain, []string{"PORT=5001"}),
		},
		"a port of the config vars": {[]string{"PORT=1"}, 0, slices.Concat(own, plain, []string{"PORT=1"})},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, out := run(t, launch.RunOptions{
				Dir: dir, Command: "/usr/bin/env", Env: test.env, Port: test.port, Dyno: "web.1", Shell: "/bin/sh",
			})
			got := slices.DeleteFunc(strings.Split(strings.TrimSpace(out), "\n"), func(s string) bool {
				return s == "_=/usr/bin/env" || strings.HasPrefix(s, "SHLVL=")
			})
			slices.Sort(got)
			slices.Sort(test.want)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRunProfiles(t *testing.T) {
	t.Parallel()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{
		".profile.d/10_b.sh":         "export ORDER=$ORDER,10_b",
		".profile.d/000_slugc.sh":    "export ORDER=slugc; set -- gone",
		".profile.d/B.sh":            "ORDER=$ORDER,B",
		".profile.d/a.sh":            "ORDER=$ORDER,a\n",
		".profile.d/with space's.sh": "ORDER=$ORDER,space",
		".profile.d/no.txt":          "ORDER=$ORDER,txt",
		".profile.d/dir.sh/x":        "",
		".profile":                   "export ORDER=$ORDER,profile",
	})
	command := `echo "$ORDER" $# && pwd && ps -o args= -p $$ 2>/dev/null || true`
	for _, shell := range []string{"", "/bin/sh", "/bin/bash"} {
		code, out := run(t, launch.RunOptions{Dir: dir, Shell: shell, Command: command})
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
	t.Parallel()
	for command, want := range map[string]int{
		"true": 0, "exit 7": 7, "no-such-command": 127, "/": 126, "kill -TERM $$": 143, "kill -KILL $$": 137,
		"false | true": 0, "echo a #b": 0, "exec sleep 0": 0,
	} {
		if code, _ := run(t, launch.RunOptions{Command: command}); code != want {
			t.Errorf("%q: code %d, want %d", command, code, want)
		}
	}
	for name, o := range map[string]launch.RunOptions{
		"no directory": {Dir: "/no/such", Command: "true"}, "a file": {Dir: "/etc/passwd", Command: "true"},
		"no shell": {Dir: "/", Shell: "/no/such", Command: "true"}, "NUL": {Dir: "/", Command: "a\x00b"},
	} {
		o.Self = child(t)
		if _, err := launch.Run(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRunStreams(t *testing.T) {
	t.Parallel()
	var stdout, stderr testkit.Buffer
	code, err := launch.Run(t.Context(), launch.RunOptions{
		Self: child(t), Dir: "/", Command: "cat; echo err >&2",
		Stdin: strings.NewReader(strings.Repeat("x", 1<<20)), Stdout: &stdout, Stderr: &stderr,
	})
	if err != nil || code != 0 || len(stdout.String()) != 1<<20 || stderr.String() != "err\n" {
		t.Errorf("code %d, %v, %d bytes, stderr %q", code, err, len(stdout.String()), stderr.String())
	}
}

// TestProfilesOfAChangedApp holds that profiles are listed within the app only, where a process of the app
// has put links and FIFOs in their place.
func TestProfilesOfAChangedApp(t *testing.T) {
	outside := testkit.Tree(t, t.TempDir(), map[string]string{"secret.sh": "echo outside"})
	dir := testkit.Tree(t, t.TempDir(), map[string]string{"real.sh": "echo inside", ".profile.d/x": ""})
	err := errors.Join(
		os.Symlink("../real.sh", filepath.Join(dir, ".profile.d/a.sh")),
		os.Symlink(filepath.Join(outside, "secret.sh"), filepath.Join(dir, ".profile.d/b.sh")),
		syscall.Mkfifo(filepath.Join(dir, ".profile.d/c.sh"), 0o600),
		syscall.Mkfifo(filepath.Join(dir, ".profile"), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	run := func() (string, error) {
		out := &testkit.Buffer{}
		_, err := launch.Run(t.Context(), launch.RunOptions{
			Self: child(t), Dir: dir, Command: "echo ran", Stdout: out, Stderr: out,
		})
		return out.String(), err
	}
	if out, err := run(); err != nil || out != "inside\nran\n" {
		t.Errorf("it says %q, %v", out, err)
	}
	profiles := filepath.Join(dir, ".profile.d")
	for what, put := range map[string]func() error{
		"link": func() error { return os.Symlink(outside, profiles) },
		"FIFO": func() error { return syscall.Mkfifo(profiles, 0o600) },
	} {
		if err := errors.Join(os.RemoveAll(profiles), put()); err != nil {
			t.Fatal(err)
		}
		if out, err := run(); err == nil || out != "" {
			t.Errorf("with a %s for .profile.d it says %q, %v", what, out, err)
		}
	}
}

// TestRunInheritsFiles holds that the process gets the caller's own files, without a pipe between.
func TestRunInheritsFiles(t *testing.T) {
	t.Parallel()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := launch.Run(t.Context(), launch.RunOptions{
		Self: child(t), Dir: "/", Command: "readlink /proc/self/fd/0 /proc/self/fd/1", Stdout: file, Stderr: file,
	}); err != nil {
		t.Fatal(err)
	}
	if got := testkit.Read(t, file.Name()); got != "/dev/null\n"+file.Name()+"\n" {
		t.Errorf("the process's files are %q", got)
	}
}

// TestRunLeavesNothing holds that what the process leaves behind ends with it, also in another session.
func TestRunLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{
		"background": "sleep %s & true",
		"setsid":     "setsid sleep %s & sleep 0.1",
		"nohup":      "nohup sleep %s >/dev/null 2>&1 & sleep 0.1",
		"deaf":       "(trap '' TERM; setsid sleep %s) & sleep 0.1",
		"clean env":  "setsid env -i sleep %s & sleep 0.1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			marker := testkit.Marker()
			run(t, launch.RunOptions{Command: fmt.Sprintf(command, marker), Grace: 200 * time.Millisecond})
			testkit.NoProcess(t, marker)
		})
	}
}

// TestRunWithoutSelf holds that the process group ends also without a supervisor.
func TestRunWithoutSelf(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"sleep %s & true", "trap '' TERM; sleep %s & true"} {
		marker := testkit.Marker()
		o := launch.RunOptions{Dir: "/", Command: fmt.Sprintf(command, marker), Grace: 200 * time.Millisecond}
		if code, err := launch.Run(t.Context(), o); err != nil || code != 0 {
			t.Errorf("code %d, %v", code, err)
		}
		testkit.NoProcess(t, marker)
	}
}
