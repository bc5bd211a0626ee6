package chaos_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"slugc/cache/digest"
	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
	"slugc/compiler"
)

// patience is how long a command may take before it counts as stuck. It ends in a second.
const patience = 3 * time.Minute

// world is a machine in which an app is built: a state directory, an app, and what else commands need.
type world struct {
	testing.TB
	dir     string // everything, on the file system of the sweep
	home    string // state directory
	app     string // the app's source, as it is in the variant
	variant int
	env     []string
}

// outcome is how a command ended.
type outcome struct {
	slugctest.Outcome
	stuck bool
	call  string // the disturbed call, "" if there was none
	calls int    // how many calls there were
}

// newWorld makes a world below dir in which the app a was built once.
func newWorld(t testing.TB, dir string) *world {
	t.Helper()
	w := emptyWorld(t, dir)
	if o := w.build(); o.Exit != 0 {
		t.Fatalf("the first build: exit %d\n%s", o.Exit, o.Stderr)
	}
	return w
}

// emptyWorld makes one without state. A former world in dir is removed.
func emptyWorld(t testing.TB, dir string) *world {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, "world")); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "world")
	w := &world{TB: t, dir: dir, home: filepath.Join(dir, "state"), app: filepath.Join(dir, "source")}
	for _, name := range []string{w.home, w.path("tmp"), w.path("out")} {
		if err := os.MkdirAll(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.env = []string{
		"PATH=" + filepath.Dir(slugctest.Binary(t)) + ":" + os.Getenv("PATH"), "HOME=" + w.path("out"), "TERM=dumb",
		"SLUGC_HOME=" + w.home, "TMPDIR=" + w.path("tmp"), "SLUGC_NPM_REGISTRY=http://127.0.0.1:9/",
		"SLUGC_NODE_MIRROR=file://" + mirror(t), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	}
	w.change()
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// change changes a line of the app.
func (w *world) change() {
	w.variant++
	slugctest.ToyApp(w, w.app, w.variant)
}

// run runs a command to its end.
func (w *world) run(args ...string) outcome {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if args[0] == "slugc" {
		args[0] = slugctest.Binary(w)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Dir = w.env, w.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &stdout, &stderr, 10*time.Second
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended && !errors.Is(err, exec.ErrWaitDelay) {
		w.Fatalf("running %v: %v", args, err)
	}
	return outcome{
		Outcome: slugctest.Outcome{
			Stdout: stdout.String(), Stderr: stderr.String(), Exit: cmd.ProcessState.ExitCode(),
		},
		stuck: ctx.Err() != nil,
	}
}

// build builds the app as it is.
func (w *world) build(more ...string) outcome {
	w.Helper()
	return w.run(append([]string{"slugc", "build", w.app, "--app", "a", "--json"}, more...)...)
}

// inject runs a command of slugc's or git's with flags of testdata/inject.
func (w *world) inject(flags []string, command ...string) outcome {
	w.Helper()
	log := filepath.Join(w.TempDir(), "calls")
	if command[0] == "slugc" {
		command[0] = slugctest.Binary(w)
	}
	args := append([]string{injector(w), "-program", slugctest.Binary(w), "-log", log}, flags...)
	o := w.run(append(append(args, "--"), command...)...)
	data, err := os.ReadFile(log)
	if err != nil {
		w.Fatalf("inject: %v\n%s", err, o.Stderr)
	}
	for line := range bytes.Lines(data) {
		o.calls++
		if call, hit := bytes.CutSuffix(line, []byte(" !\n")); hit && o.call == "" {
			o.call = string(call)
		}
	}
	return o
}

// digest returns the digest of the slug that a build made, and the trouble if it made none.
func (o outcome) digest() (string, error) {
	var result compiler.Result
	switch err := json.Unmarshal([]byte(o.Stdout), &result); {
	case o.stuck:
		return "", fmt.Errorf("stuck: it did not end within %v: %s", patience, o.Stderr)
	case o.Exit != 0:
		return "", fmt.Errorf("exit %d: %s", o.Exit, lastLines(o.Stderr))
	case err != nil:
		return "", fmt.Errorf("exit 0, but stdout is no JSON: %w: %q", err, o.Stdout)
	}
	if sum, _, err := digest.File(result.Slug.Path); err != nil || sum != result.Slug.Digest {
		return "", fmt.Errorf("exit 0, but %s is not what it should be: %v", result.Slug.Path, err)
	}
	return string(result.Slug.Digest), nil
}

var (
	shared     sync.Mutex
	cleanBytes = map[int]string{} // digest of a clean build, by variant
	mirrorDir  string
)

// mirror returns the toy mirror of this test process.
func mirror(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if mirrorDir == "" {
		dir, err := os.MkdirTemp("", "slugc-chaos-")
		if err != nil {
			t.Fatal(err)
		}
		mirrorDir = slugctest.ToyMirror(t, dir)
	}
	return mirrorDir
}

// injector returns the path of testdata/inject.
func injector(t testing.TB) string {
	t.Helper()
	return testkit.Program(t, "./testdata/inject")
}

// clean returns the digest that a build of a variant has in an empty state directory.
func clean(t testing.TB, variant int) string {
	t.Helper()
	mirror(t)
	shared.Lock()
	known := cleanBytes[variant]
	shared.Unlock()
	if known != "" {
		return known
	}
	dir, err := os.MkdirTemp("", "slugc-chaos-clean-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	w := emptyWorld(t, dir)
	w.variant = variant
	slugctest.ToyApp(t, w.app, variant)
	digest, err := w.build("--no-register").digest()
	if err != nil {
		t.Fatalf("a clean build: %v", err)
	}
	shared.Lock()
	defer shared.Unlock()
	cleanBytes[variant] = digest
	return digest
}
