package deploy_test

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"slugc/cmd/slugc/slugctest"
	"slugc/compiler"
	"slugc/compiler/coordinator/etcd/etcdtest"
	"slugc/compiler/release"
)

// TestCluster builds and releases with a cluster as the coordinator, which then loses its quorum and
// gets it back: reads say that they are stale, and a build keeps its slug and says how to register
// it later.
func TestCluster(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.Start(t, 3)
	home, dir := slugctest.WarmHome(t, "go", "blog"), t.TempDir()
	env := []string{"SLUGC_COORDINATOR=" + cluster.URL()}
	run := func(args ...string) slugctest.Outcome { return slugctest.RunIn(t, "", home, env, args...) }
	slugctest.GoApp(t, dir, "one")
	if o := run("build", dir, "--app", "blog"); o.Exit != 0 || !strings.Contains(o.Stdout+o.Stderr, "v1") {
		t.Fatalf("exit %d\n%s%s", o.Exit, o.Stdout, o.Stderr)
	}
	answers := regexp.MustCompile(`(?m)^ok +coordinator +etcd://127\S+/slugc/v1 answers in `)
	if o := run("doctor"); !answers.MatchString(o.Stdout) {
		t.Errorf("doctor: %s", o.Stdout)
	}
	// Another machine holds the lock: an unchanged build does not need it, and any other build waits.
	lock := "/slugc/v1" + release.LockKey("blog")
	if _, err := cluster.Client().Put(t.Context(), lock, "elsewhere"); err != nil {
		t.Fatal(err)
	}
	o := run("build", dir, "--app", "blog", "--json")
	if o.Exit != 0 || !slugctest.Decode[compiler.Result](t, o).Unchanged {
		t.Errorf("exit %d\n%s%s", o.Exit, o.Stdout, o.Stderr)
	}
	waitsFor(t, home, env, "Waiting for another build of blog (builder host elsewhere)", func() {
		if _, err := cluster.Client().Delete(t.Context(), lock); err != nil {
			t.Error(err)
		}
	}, "build", dir, "--app", "blog", "--fresh")
	cluster.Await()
	cluster.Kill(0)
	cluster.Kill(1)

	const warning = "the coordinator has no quorum: what follows may be out of date"
	o = run("releases", "blog", "--json")
	if list := slugctest.Decode[[]release.Release](t, o); len(list) != 1 || strings.Count(o.Stderr, warning) != 1 {
		t.Errorf("releases: %s%s", o.Stdout, o.Stderr)
	}
	if o := run("ps", "blog"); o.Exit != 0 || strings.Count(o.Stderr, warning) != 1 {
		t.Errorf("ps: exit %d\n%s%s", o.Exit, o.Stdout, o.Stderr)
	}
	if o := run("run", "blog", "--", "true"); o.Exit != 0 || strings.Count(o.Stderr, warning) != 1 {
		t.Errorf("run: exit %d\n%s%s", o.Exit, o.Stdout, o.Stderr)
	}
	if o := run("scale", "blog", "web=2"); o.Exit != 75 ||
		!strings.Contains(o.Stderr, "[release/coordinator-unavailable]") {
		t.Errorf("scale: exit %d\n%s", o.Exit, o.Stderr)
	}
	if o := run("doctor"); !strings.Contains(o.Stdout, "a member answers, without a quorum") {
		t.Errorf("doctor: %s", o.Stdout)
	}
	slugctest.GoApp(t, dir, "two")
	registerLater(t, cluster, run, dir)
}

// registerLater builds without a quorum, and registers the slug as the build said once the quorum is
// back.
func registerLater(t *testing.T, cluster *etcdtest.Cluster, run func(...string) slugctest.Outcome, dir string) {
	t.Helper()
	o := run("build", dir, "--app", "blog")
	hint := regexp.MustCompile("`slugc (register \\S+ --app blog)`").
		FindStringSubmatch(strings.Join(strings.Fields(o.Stderr), " "))
	if o.Exit != 75 || hint == nil ||
		!strings.Contains(o.Stderr, "building without the lock that builder machines share") {
		t.Fatalf("build: exit %d\n%s", o.Exit, o.Stderr)
	}
	cluster.Restart(0)
	cluster.Restart(1)
	cluster.Await()
	if o := run(strings.Fields(hint[1])...); o.Exit != 0 {
		t.Errorf("register: exit %d\n%s", o.Exit, o.Stderr)
	}
	list := slugctest.Decode[[]release.Release](t, run("releases", "blog", "--json"))
	if len(list) != 2 || list[0].Status != release.Current ||
		filepath.Base(list[0].Slug.URL) == filepath.Base(list[1].Slug.URL) {
		t.Errorf("%+v", list)
	}
}

// waitsFor runs slugc, calls do when it prints a line, and requires that it succeeds.
func waitsFor(t *testing.T, home string, env []string, line string, do func(), args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), slugctest.Binary(t), args...)
	cmd.Env = slugctest.Env(t, home, env...)
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said, done := "", false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said += lines.Text() + "\n"
		if !done && strings.Contains(lines.Text(), line) {
			done = true
			do()
		}
	}
	if err := cmd.Wait(); err != nil || !done {
		t.Errorf("%v, %q said: %v\n%s", err, line, done, said)
	}
}
