package deploy_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cmd/slugc/slugctest"
)

// TestStore registers slugs on one machine and runs them on others, which share the coordinator and
// a slug store and nothing else.
func TestStore(t *testing.T) {
	t.Parallel()
	shared := t.TempDir()
	env := []string{"SLUGC_COORDINATOR=local://" + filepath.Join(shared, "coordinator.db")}
	url := "file://" + filepath.Join(shared, "slugs")
	one, two := slugctest.SmallSlug(t, "one", ""), slugctest.SmallSlug(t, "two", "")
	builder, runner, third := slugctest.Home(t), slugctest.Home(t), slugctest.Home(t)
	run := func(home string, want int, args ...string) slugctest.Outcome {
		t.Helper()
		o := slugctest.RunIn(t, "", home, env, args...)
		if o.Exit != want {
			t.Fatalf("slugc %s: exit %d, want %d\n%s%s", strings.Join(args, " "), o.Exit, want, o.Stdout, o.Stderr)
		}
		return o
	}
	o := run(builder, 0, "register", one, "--app", "hello", "--store", url)
	if !strings.Contains(o.Stderr, "-----> Storing the slug\n       "+url+"/slugs/") ||
		!strings.Contains(o.Stderr, " moved\n") {
		t.Errorf("it says:\n%s", o.Stderr)
	}
	o = run(runner, 0, "run", "hello")
	if o.Stdout != "one" || !strings.Contains(o.Stderr, "-----> Fetched the slug\n") {
		t.Errorf("the runner prints %q and says:\n%s", o.Stdout, o.Stderr)
	}
	if o = run(runner, 0, "run", "hello"); o.Stdout != "one" || o.Stderr != "" {
		t.Errorf("the second time the runner prints %q and says:\n%s", o.Stdout, o.Stderr)
	}
	// A release of a builder without a store names a file there.
	kept := filepath.Join(builder, "apps", "hello", "slugs")
	run(builder, 0, "register", two, "--app", "hello")
	run(builder, 0, "run", "hello")
	if err := os.Rename(kept, kept+".away"); err != nil {
		t.Fatal(err)
	}
	if o = run(third, 62, "run", "hello"); !strings.Contains(o.Stderr, "[blobstore/no-store]") {
		t.Errorf("it says:\n%s", o.Stderr)
	}
	if o = run(third, 62, "run", "hello", "--store", url); !strings.Contains(o.Stderr, "[blobstore/missing]") {
		t.Errorf("it says:\n%s", o.Stderr)
	}
	run(builder, 0, "register", two, "--app", "other", "--store", url)
	if o = run(third, 0, "run", "hello", "--store", url); o.Stdout != "two" {
		t.Errorf("the third machine prints %q", o.Stdout)
	}
}

// TestStoreDown registers with a store that nobody can reach: the slug is kept, nothing is
// released, and it can be done later.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	home, one := slugctest.Home(t), slugctest.SmallSlug(t, "one", "")
	env := []string{
		"SLUGC_STORE=s3://bucket/slugs?endpoint=http://127.0.0.1:1",
		"AWS_ACCESS_KEY_ID=toldtonobody",
		"AWS_SECRET_ACCESS_KEY=toldtonobody",
	}
	o := slugctest.RunIn(t, "", home, env, "register", one, "--app", "hello")
	if o.Exit != 75 || !strings.Contains(o.Stderr, "[blobstore/unreachable]") ||
		strings.Contains(o.Stderr, "toldtonobody") {
		t.Errorf("exit %d\n%s", o.Exit, o.Stderr)
	}
	if kept, err := filepath.Glob(filepath.Join(home, "apps", "hello", "slugs", "*.tgz")); err != nil ||
		len(kept) != 1 {
		t.Errorf("kept are %q, %v", kept, err)
	}
	if o := slugctest.Run(t, home, "ps", "hello"); o.Exit != 72 {
		t.Errorf("there are releases:\n%s", o.Stdout)
	}
	if o := slugctest.Run(t, home, "register", one, "--app", "hello"); o.Exit != 0 {
		t.Errorf("exit %d\n%s", o.Exit, o.Stderr)
	}
}
