package edits_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"slugc/cache/digest"
	"slugc/cmd/slugc/slugctest"
	"slugc/compiler"
)

// kind is a kind of app.
type kind interface {
	// first returns the edits that make the app.
	first() []edit
	// draw returns what draws the edits of a kind of app that are not of any file.
	draw(*rand.Rand) func() []edit
	// paths are those of the files that edits are drawn for.
	paths() []string
	// env is what a build of the app gets besides its state directory.
	env() []string
	// state makes a state directory for the first builds.
	state(dir string)
}

// world is an app's source and the machines that build it: one that always did, and one that never has.
type world struct {
	testing.TB
	kind
	dir    string // everything
	source string
	config map[string]string  // build configuration
	trees  []tree             // the source at each build that made a slug
	failed bool               // the last build made none
	clean  map[string]outcome // of builds from nothing, by source and configuration
	taken  int                // edits so far
	tally  tally
}

// outcome is how a build ended.
type outcome struct {
	digest string // of the slug, "" if there is none
	file   string // the slug
	failed string // the error's id and the exit code
	stderr string
}

func (o outcome) same(other outcome) bool {
	return o.digest == other.digest && o.failed == other.failed
}

// tally counts what happened.
type tally struct {
	builds, compared, failed, known, idle, killed int
	processors                                    time.Duration
}

func (t tally) String() string {
	return fmt.Sprintf("%d builds, %d compared (%d with known ones), %d failed, %d killed, %d edits did nothing; "+
		"%v of processors", t.builds, t.compared, t.known, t.failed, t.killed, t.idle, t.processors)
}

// newWorld makes a world without an app. It is in memory where it can be: file systems take long to sync.
func newWorld(t testing.TB, k kind) *world {
	t.Helper()
	above := os.TempDir()
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		above = "/dev/shm"
	}
	dir, err := os.MkdirTemp(above, "slugc-edits-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &world{
		TB: t, kind: k, dir: dir, source: filepath.Join(dir, "source"), config: map[string]string{},
		clean: map[string]outcome{},
	}
	for _, name := range []string{"source", "kept", "clean", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	k.state(filepath.Join(dir, "kept"))
	k.state(filepath.Join(dir, "clean"))
	return w
}

// take lets edits happen, and returns what is wrong with a build among them, "" if nothing is.
func (w *world) take(list []edit) (wrong string) {
	for _, e := range list {
		w.taken++
		if e.op == "build" {
			if wrong := w.build(e); wrong != "" {
				return wrong
			}
		} else if err := w.apply(e); err != nil {
			w.tally.idle++
		}
	}
	return ""
}

// apply lets an edit happen. An error says that it did not, or not all.
func (w *world) apply(e edit) error {
	switch e.op {
	case "checkout":
		return e.tree.checkout(w.source)
	case "config":
		delete(w.config, e.path)
		if e.arg != "" {
			w.config[e.path] = e.arg
		}
		return nil
	}
	return edits[e.op](filepath.Join(w.source, filepath.FromSlash(e.path)), w.source, e.arg)
}

// build builds the app where it was built before and compares that with a build from nothing.
func (w *world) build(e edit) (wrong string) {
	w.tally.builds++
	now, err := readTree(w.source)
	if err != nil {
		w.Fatal(err)
	}
	if within, ok := strings.CutPrefix(e.arg, "killed "); ok {
		w.tally.killed++
		w.killed(within)
		return ""
	}
	if e.arg == "unchecked" {
		w.slugc("kept")
		return ""
	}
	is := w.slugc("kept", strings.Fields(e.arg)...)
	want := w.fromNothing(now)
	w.tally.compared++
	if w.failed = want.failed != ""; w.failed {
		w.tally.failed++
	} else {
		w.trees = append(w.trees, now)
	}
	if is.same(want) {
		return ""
	}
	return fmt.Sprintf("the build makes %s%s, from nothing it makes %s%s\n%s%s", is.digest, is.failed, want.digest,
		want.failed, differ(want.file, is.file), lastLines(is.stderr))
}

// fromNothing builds the source in an empty state directory, unless it is known what that makes.
func (w *world) fromNothing(now tree) outcome {
	key := now.key() + fmt.Sprint(w.config)
	if known, ok := w.clean[key]; ok {
		w.tally.known++
		return known
	}
	apps := filepath.Join(w.dir, "clean", "apps")
	if err := os.RemoveAll(apps); err != nil {
		w.Fatal(err)
	}
	o := w.slugc("clean")
	if o.file != "" {
		file := filepath.Join(w.dir, digest.Of([]byte(key)).Hex()[:16]+".tgz")
		if err := os.Rename(o.file, file); err != nil {
			w.Fatal(err)
		}
		o.file = file
	}
	w.clean[key] = o
	return o
}

// command prepares a build in a state directory. Of the words, "tar" gives the source as a tarball.
func (w *world) command(state string, words ...string) *exec.Cmd {
	home := filepath.Join(w.dir, state)
	args := []string{"build", w.source, "--app", "a", "--json", "--no-register"}
	for name, value := range w.config {
		args = append(args, "--env", name+"="+value)
	}
	if at := slices.Index(words, "tar"); at >= 0 {
		words = slices.Delete(slices.Clone(words), at, at+1)
		args[1] = "-"
	}
	cmd := exec.Command(slugctest.Binary(w), append(args, words...)...)
	cmd.Env = append([]string{
		"HOME=" + home, "SLUGC_HOME=" + home, "TMPDIR=" + filepath.Join(w.dir, "tmp"), "TERM=dumb",
	}, w.env()...)
	return cmd
}

// slugc builds in a state directory to the end.
func (w *world) slugc(state string, words ...string) outcome {
	cmd := w.command(state, words...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if cmd.Args[2] == "-" {
		archive, err := exec.Command("tar", "-C", w.source, "-c", ".").Output()
		if err != nil {
			w.Fatal(err)
		}
		cmd.Stdin = bytes.NewReader(archive)
	}
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		w.Fatal(err)
	}
	w.tally.processors += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	o := outcome{stderr: stderr.String()}
	var result struct {
		compiler.Result
		Error struct{ ID string }
	}
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		o.failed = fmt.Sprintf("exit %d without a result", cmd.ProcessState.ExitCode())
		return o
	}
	if cmd.ProcessState.ExitCode() != 0 {
		o.failed = fmt.Sprintf("exit %d [%s]", cmd.ProcessState.ExitCode(), result.Error.ID)
		return o
	}
	o.file, o.digest = result.Slug.Path, string(result.Slug.Digest)
	return o
}

// killed starts a build and kills it after a time: slugc alone, or with all of its processes.
func (w *world) killed(after string) {
	after, all := strings.CutSuffix(after, " all")
	wait, err := time.ParseDuration(after)
	if err != nil {
		w.Fatal(err)
	}
	cmd := w.command("kept")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	time.Sleep(wait)
	pid := cmd.Process.Pid
	if all {
		pid = -pid
	}
	_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	_ = cmd.Wait()
	w.tally.processors += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// snapshot returns the source as it was at an earlier build that made a slug.
func (w *world) snapshot(random *rand.Rand) (tree, bool) {
	if len(w.trees) == 0 {
		return nil, false
	}
	back := 1 + random.IntN(min(len(w.trees), 6))
	return maps.Clone(w.trees[len(w.trees)-back]), true
}

// lastLines returns the end of what a command said.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}
