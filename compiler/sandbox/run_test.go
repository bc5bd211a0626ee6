package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/sandbox"
)

var child string // path of the binary that stands for slugc

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sandbox-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		// Another user runs the binary too. It is built without cgo, as slugc is.
		if err := os.Chmod(dir, 0o755); err != nil {
			panic(err)
		}
		child = filepath.Join(dir, "child")
		build := exec.Command("go", "build", "-o", child, "./testdata/child")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			panic(fmt.Sprintf("building the child: %v\n%s", err, out))
		}
		return m.Run()
	}())
}

var levels = []sandbox.Level{sandbox.Bubblewrap, sandbox.Landlock, sandbox.None}

// at returns a sandbox of exactly this level.
func at(t testing.TB, level sandbox.Level) *sandbox.Sandbox {
	t.Helper()
	box, err := sandbox.Probe(t.Context(), sandbox.ProbeOptions{Want: level, Self: child})
	if err != nil {
		t.Fatalf("level %s cannot be tested on this machine: %v", level, err)
	}
	return box
}

// each runs f at the levels.
func each(t *testing.T, levels []sandbox.Level, f func(t *testing.T, box *sandbox.Sandbox)) {
	for _, level := range levels {
		t.Run(string(level), func(t *testing.T) { f(t, at(t, level)) })
	}
}

// buffer is a writer that a child's output and a test may use at a time.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// sh is a shell script as a child.
func sh(script string, binds ...sandbox.Bind) (sandbox.Spec, *buffer) {
	out := &buffer{}
	return sandbox.Spec{
		Args: []string{
			"/bin/sh",
			"-c",
			script,
		}, Dir: "/", Env: []string{"PATH=/usr/bin:/bin", "HOME=/home/slugc"}, Binds: binds,
		Stdout: out, Stderr: out, Limits: sandbox.Limits{Deadline: 20 * time.Second},
	}, out
}

// output runs the script and returns what it wrote; the script must succeed.
func output(t *testing.T, box *sandbox.Sandbox, script string, binds ...sandbox.Bind) string {
	t.Helper()
	spec, out := sh(script, binds...)
	if err := box.Run(context.Background(), spec); err != nil {
		t.Fatalf("running %q: %v\n%s", script, err, out)
	}
	return strings.TrimSpace(out.String())
}

func TestRunShowsTheChildItsBinds(t *testing.T) {
	each(t, levels, func(t *testing.T, box *sandbox.Sandbox) {
		dir := t.TempDir()
		app := sandbox.Bind{Host: dir, Inside: "/app", Writable: true}
		layers := sandbox.Bind{Host: t.TempDir(), Inside: "/app/.layers", Writable: true}
		spec, out := sh(fmt.Sprintf("echo made > file; echo made > %s/file; pwd", box.Path(layers)), app, layers)
		spec.Dir = box.Path(app)
		if err := box.Run(t.Context(), spec); err != nil || out.String() != box.Path(app)+"\n" {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, path := range []string{dir, layers.Host} {
			info, err := os.Stat(filepath.Join(path, "file"))
			if err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != os.Getuid() {
				t.Errorf("the file in %s: %v, %v", path, info, err)
			}
		}
	})
}

func TestEnvironment(t *testing.T) {
	t.Setenv("SLUGC_TEST_SECRET", "1")
	each(t, levels, func(t *testing.T, box *sandbox.Sandbox) {
		home := sandbox.Bind{Host: t.TempDir(), Inside: "/home/app", Writable: true}
		spec, out := sh("", home)
		want := []string{
			"HOME=" + box.Path(home),
			"ODD=a b\n\"$x",
			"PATH=/usr/bin",
			"PWD=/usr",
			"TMPDIR=" + box.Path(home),
		}
		spec.Args, spec.Dir = []string{"/usr/bin/env", "-0"}, "/usr"
		spec.Env = append([]string{"ODD=first"}, want[0], want[1], want[2], want[4])
		if err := box.Run(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimRight(out.String(), "\x00"), "\x00")
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// What is private to a child is writable, and gone after it.
func TestPrivateDirectories(t *testing.T) {
	each(t, levels, func(t *testing.T, box *sandbox.Sandbox) {
		temp := t.TempDir()
		box, err := sandbox.Probe(t.Context(), sandbox.ProbeOptions{Want: box.Level(), Self: child, Temp: temp})
		if err != nil {
			t.Fatal(err)
		}
		got := output(
			t,
			box,
			`for d in "${TMPDIR:-/tmp}" "$HOME"; do mkdir -p $d/a/b && chmod 0 $d/a && echo $d; done; cd ~ && pwd`,
		)
		if len(strings.Fields(got)) != 3 {
			t.Errorf("the child wrote %q", got)
		}
		if left := glob(t, temp+"/*"); len(left) > 0 {
			t.Errorf("these are left: %v", left)
		}
	})
	if got := output(t, at(t, sandbox.Bubblewrap), "id -un; hostname; getent hosts slugc >/dev/null && echo known; ls /tmp /var/tmp/; touch /dev/shm/x; echo > /dev/null"); got != "slugc\nslugc\nknown\n/tmp:\n\n/var/tmp/:" {
		t.Errorf("the child wrote %q", got)
	}
}

func TestHowAChildEnds(t *testing.T) {
	tests := map[string]struct {
		script string
		want   error
	}{
		"well":     {"exit 0", nil},
		"badly":    {"exit 7", &sandbox.ExitError{Code: 7}},
		"255":      {"exit 255", &sandbox.ExitError{Code: 255}},
		"killed":   {"kill -9 $$", &sandbox.ExitError{Code: 137, Signal: syscall.SIGKILL}},
		"by abort": {"ulimit -c; kill -ABRT $$", &sandbox.ExitError{Code: 134, Signal: syscall.SIGABRT}},
	}
	each(t, levels, func(t *testing.T, box *sandbox.Sandbox) {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				spec, _ := sh(test.script)
				if diff := cmp.Diff(test.want, box.Run(t.Context(), spec)); diff != "" {
					t.Error(diff)
				}
			})
		}
		if got := output(t, box, "ulimit -n; ulimit -c"); got != "16384\n0" {
			t.Errorf("the limits are %q", got)
		}
		spec, _ := sh("")
		spec.Args = []string{"/no/such/program"}
		if err := box.Run(t.Context(), spec); err == nil {
			t.Error("a missing program was run")
		}
	})
}

func TestStreams(t *testing.T) {
	each(t, levels, func(t *testing.T, box *sandbox.Sandbox) {
		var stdout, stderr bytes.Buffer
		spec, _ := sh("cat; echo err >&2")
		spec.Stdin, spec.Stdout, spec.Stderr = strings.NewReader(strings.Repeat("input\n", 50000)), &stdout, &stderr
		if err := box.Run(t.Context(), spec); err != nil || stdout.Len() != 300000 || stderr.String() != "err\n" {
			t.Errorf("%v: %d bytes, stderr %q", err, stdout.Len(), &stderr)
		}
		// Input that never ends does not hold up a child that does not read it.
		endless, feed := io.Pipe()
		defer feed.Close()
		spec, _ = sh("true")
		spec.Stdin, spec.Stdout, spec.Stderr = endless, nil, nil
		if err := box.Run(t.Context(), spec); err != nil {
			t.Error(err)
		}
		spec, _ = sh("echo 1; echo 2")
		spec.Stdout = failing{}
		if err := box.Run(t.Context(), spec); err == nil || !strings.Contains(err.Error(), "full") {
			t.Errorf("a writer that fails: %v", err)
		}
	})
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestLimits(t *testing.T) {
	each(t, levels, func(t *testing.T, box *sandbox.Sandbox) {
		spec, _ := sh("sleep 60")
		spec.Limits.Idle = 100 * time.Millisecond
		want := &sandbox.LimitError{Which: sandbox.LimitIdle, Limit: 100 * time.Millisecond}
		if diff := cmp.Diff(error(want), box.Run(t.Context(), spec)); diff != "" {
			t.Error(diff)
		}
		spec, _ = sh("for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done")
		spec.Limits.Idle = 5 * time.Second
		if err := box.Run(t.Context(), spec); err != nil {
			t.Errorf("a child that is not idle: %v", err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		spec, out := sh("echo started; sleep 60")
		stop := errors.New("enough")
		go func() {
			waitFor(t, "the child", func() bool { return out.String() != "" })
			cancel(stop)
		}()
		if err := box.Run(ctx, spec); !errors.Is(err, stop) {
			t.Errorf("a cancelled child: %v", err)
		}
		if err := box.Run(ctx, spec); !errors.Is(err, stop) {
			t.Errorf("a child that is cancelled before it starts: %v", err)
		}
	})
}

func TestRefusedSpecs(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/usr", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	bind := func(binds ...sandbox.Bind) func(*sandbox.Spec) {
		return func(s *sandbox.Spec) { s.Binds = binds }
	}
	app := sandbox.Bind{Host: dir, Inside: "/app", Writable: true}
	tests := map[string]func(*sandbox.Spec){
		"no program":              func(s *sandbox.Spec) { s.Args = nil },
		"relative program":        func(s *sandbox.Spec) { s.Args = []string{"sh"} },
		"NUL":                     func(s *sandbox.Spec) { s.Args = append(s.Args, "a\x00--share-net") },
		"relative directory":      func(s *sandbox.Spec) { s.Dir = "app" },
		"missing directory":       func(s *sandbox.Spec) { s.Dir = "/no/such" },
		"no value":                func(s *sandbox.Spec) { s.Env = []string{"A"} },
		"no name":                 func(s *sandbox.Spec) { s.Env = []string{"=A"} },
		"NUL in the environment":  func(s *sandbox.Spec) { s.Env = []string{"A=\x00--share-net"} },
		"missing bind":            bind(sandbox.Bind{Host: dir + "/none", Inside: "/x"}),
		"relative bind":           bind(sandbox.Bind{Host: dir, Inside: "x"}),
		"dots":                    bind(sandbox.Bind{Host: dir, Inside: "/x/../usr"}),
		"writable link":           bind(sandbox.Bind{Host: dir + "/link", Inside: "/x", Writable: true}),
		"over the system":         bind(sandbox.Bind{Host: dir, Inside: "/usr/bin"}),
		"over everything":         bind(sandbox.Bind{Host: dir, Inside: "/"}),
		"over /proc":              bind(sandbox.Bind{Host: dir, Inside: "/proc"}),
		"through a link":          bind(app, sandbox.Bind{Host: t.TempDir(), Inside: "/app/link/local"}),
		"through a link, at once": bind(app, sandbox.Bind{Host: t.TempDir(), Inside: "/app/link"}),
	}
	box := at(t, sandbox.Bubblewrap)
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			spec, out := sh("echo RAN")
			change(&spec)
			if err := box.Run(t.Context(), spec); err == nil || strings.Contains(out.String(), "RAN") {
				t.Errorf("it was run: %v %s", err, out)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "bwrap")
	broken := filepath.Join(t.TempDir(), "bwrap")
	script := "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n"
	if err := os.WriteFile(broken, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	landlock := at(t, sandbox.Landlock).Level()
	tests := map[string]struct {
		options sandbox.ProbeOptions
		level   sandbox.Level
		reason  string
	}{
		"not installed": {
			sandbox.ProbeOptions{Bwrap: missing, Self: child},
			landlock,
			"bubblewrap is not installed",
		},
		"not permitted": {
			sandbox.ProbeOptions{Bwrap: broken, Self: child},
			landlock,
			"user namespaces are not permitted",
		},
		"nothing": {
			sandbox.ProbeOptions{Bwrap: missing},
			sandbox.None,
			"bubblewrap is not installed; Landlock needs the path of the slugc binary",
		},
		"a level asked of": {sandbox.ProbeOptions{Want: sandbox.None}, sandbox.None, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			box, err := sandbox.Probe(t.Context(), test.options)
			if err != nil {
				t.Fatal(err)
			}
			if box.Level() != test.level || box.Reason() != test.reason {
				t.Errorf("got %s, because %q", box.Level(), box.Reason())
			}
			if got := output(t, box, "sleep 1000 & echo runs"); got != "runs" {
				t.Errorf("the child wrote %q", got)
			}
		})
	}
	for _, options := range []sandbox.ProbeOptions{{Want: sandbox.Bubblewrap, Bwrap: missing}, {Want: "jail"}, {Want: sandbox.Landlock}} {
		if _, err := sandbox.Probe(t.Context(), options); err == nil {
			t.Errorf("%+v: no error", options)
		}
	}
}

// The same as an ordinary user, which is how slugc should be run.
func TestUnprivileged(t *testing.T) {
	const nobody = 65534
	for _, level := range levels {
		t.Run(string(level), func(t *testing.T) {
			at(t, level)
			dir, err := os.MkdirTemp("", "sandbox-nobody-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			bind := sandbox.Bind{Host: dir, Inside: dir, Writable: true}
			cmd := asChild(
				t,
				level,
				"",
				fmt.Sprintf(
					"cd %s && echo made > file && cat file && (setsid sleep 1234.5678 &) && ls -l /proc/$$/fd | wc -l",
					dir,
				),
				bind,
			)
			uid := os.Getuid()
			if uid == 0 {
				uid = nobody
				if err := os.Chown(dir, nobody, nobody); err != nil {
					t.Fatal(err)
				}
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "made\n") {
				t.Fatalf("%v\n%s", err, out)
			}
			info, err := os.Stat(filepath.Join(dir, "file"))
			if err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != uid {
				t.Errorf("the file: %v, %v", info, err)
			}
			if left := running(t, "1234.5678"); len(left) > 0 {
				t.Errorf("these survive: %v", left)
			}
		})
	}
}

// Children of one sandbox run side by side.
func TestManyAtOnce(t *testing.T) {
	each(t, levels, func(t *testing.T, box *sandbox.Sandbox) {
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() {
				spec, out := sh(fmt.Sprintf("echo %d", i))
				if err := box.Run(t.Context(), spec); err != nil || out.String() != fmt.Sprintf("%d\n", i) {
					t.Errorf("child %d: %v %q", i, err, out)
				}
			})
		}
		all.Wait()
	})
}

func BenchmarkRun(b *testing.B) {
	for _, level := range levels {
		b.Run(string(level), func(b *testing.B) {
			box := at(b, level)
			for b.Loop() {
				spec, _ := sh(":")
				if err := box.Run(b.Context(), spec); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
