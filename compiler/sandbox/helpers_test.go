package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"slugc/cache/disk"
	"slugc/cache/testkit"
	"slugc/compiler/sandbox"
)

// secret is in the environment of the test process. No child may see it.
const secret = "REACHED"

func TestMain(m *testing.M) {
	os.Setenv("SLUGC_TEST_SECRET", secret)
	os.Exit(m.Run())
}

// child is the path of the binary that stands for slugc.
func child(t testing.TB) string {
	t.Helper()
	return testkit.Program(t, "../launch/testdata/child")
}

var (
	allLevels = []sandbox.Level{sandbox.Bubblewrap, sandbox.Landlock, sandbox.None}

	// isolating are the levels that keep a child from the rest of the machine.
	isolating = []sandbox.Level{sandbox.Bubblewrap, sandbox.Landlock}
)

var probed sync.Map // Level → func() (*sandbox.Sandbox, error)

// at returns a sandbox of exactly this level, which all tests share.
func at(t testing.TB, level sandbox.Level) *sandbox.Sandbox {
	t.Helper()
	testkit.NeedsTools(t, "bubblewrap")
	self := child(t)
	probe, _ := probed.LoadOrStore(level, sync.OnceValues(func() (*sandbox.Sandbox, error) {
		return sandbox.Probe(context.Background(), sandbox.ProbeOptions{Want: level, Self: self})
	}))
	box, err := probe.(func() (*sandbox.Sandbox, error))()
	if err != nil {
		t.Fatalf("level %s cannot be tested on this machine: %v", level, err)
	}
	return box
}

// each runs f at each of the levels, side by side.
func each(t *testing.T, levels []sandbox.Level, f func(t *testing.T, box *sandbox.Sandbox)) {
	t.Helper()
	for _, level := range levels {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			f(t, at(t, level))
		})
	}
}

// sh returns the spec of a shell script, and where its output goes.
func sh(script string, binds ...sandbox.Bind) (sandbox.Spec, *testkit.Buffer) {
	out := &testkit.Buffer{}
	return sandbox.Spec{
		Args: []string{"/bin/sh", "-c", script}, Dir: "/", Binds: binds,
		Env:    []string{"PATH=/usr/bin:/bin", "HOME=/home/slugc"},
		Stdout: out, Stderr: out, Limits: sandbox.Limits{Deadline: time.Minute},
	}, out
}

// output runs the script and returns what it wrote. The script must succeed.
func output(t *testing.T, box *sandbox.Sandbox, script string, binds ...sandbox.Bind) string {
	t.Helper()
	spec, out := sh(script, binds...)
	if err := box.Run(context.Background(), spec); err != nil {
		t.Fatalf("running %q: %v\n%s", script, err, out)
	}
	return strings.TrimSpace(out.String())
}

// refuses fails the test when the script succeeds at what it tries: then it prints [secret].
func refuses(t *testing.T, box *sandbox.Sandbox, script string, binds ...sandbox.Bind) {
	t.Helper()
	if got := output(t, box, script, binds...); strings.Contains(got, secret) {
		t.Errorf("the child succeeds at what %q tries:\n%s", script, got)
	}
}

// sandboxed returns the command of a process that stands for slugc, runs self (a copy of the child) and
// runs the script in a sandbox. The children's temporary directories are made in temp.
func sandboxed(t *testing.T, self string, level sandbox.Level, temp, script string, binds ...sandbox.Bind) *exec.Cmd {
	t.Helper()
	spec, _ := sh(script, binds...)
	return sandboxedSpec(t, self, level, temp, spec)
}

func sandboxedSpec(t *testing.T, self string, level sandbox.Level, temp string, spec sandbox.Spec) *exec.Cmd {
	t.Helper()
	spec.Stdout, spec.Stderr = nil, nil
	request, err := json.Marshal(map[string]any{
		"Probe": sandbox.ProbeOptions{Want: level, Self: self, Temp: temp}, "Spec": spec,
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "sandbox")
	cmd.Stdin, cmd.Dir = bytes.NewReader(request), "/"
	return cmd
}

// sleeper starts a process outside of the sandbox, which ends with the test.
func sleeper(t *testing.T, env ...string) int {
	t.Helper()
	cmd := exec.Command("/bin/sleep", "600")
	cmd.Env = env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd.Process.Pid
}

// secretFile returns a readable file of the host that holds [secret].
func secretFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "id_rsa")
	testkit.Write(t, path, secret+"\n")
	return path
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// fullDisk is a writer that always fails.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("full") }

// isLimit reports whether err is the limit which.
func isLimit(err error, which string) bool {
	limit, ok := errors.AsType[*sandbox.LimitError](err)
	return ok && limit.Which == which
}

// start runs the spec beside the test and returns its result.
func start(t *testing.T, box *sandbox.Sandbox, spec sandbox.Spec) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- box.Run(t.Context(), spec) }()
	return ended
}

const nobody = 65534

// forNobody returns a directory that an ordinary user can enter, with a copy of the child in it and a
// directory work that is that user's. t.TempDir is in one that other users cannot enter.
func forNobody(t *testing.T) (dir, self string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sandbox-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, work := filepath.Join(dir, "child"), filepath.Join(dir, "work")
	if err := disk.CopyFile(child(t), self, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.Chmod(dir, 0o755), os.Mkdir(work, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		if err := os.Chown(work, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return dir, self
}
