package sandbox_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

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
		t.Skipf("level %s cannot be tested on this machine: %v", level, err)
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
		Args: []string{"/bin/sh", "-c", script}, Dir: "/", Env: []string{"PATH=/usr/bin:/bin", "HOME=/home/slugc"}, Binds: binds,
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
		got := output(t, box, fmt.Sprintf("cd %s && echo made > file && cat file && id -u && env | sort", box.Path(app)), app)
		t.Log(got)
		if content, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(content) != "made\n" {
			t.Fatalf("the file on the host: %q, %v", content, err)
		}
	})
}
