package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStore registers slugs on one machine and runs them on others, which share the coordinator and
// a slug store and nothing else.
func TestStore(t *testing.T) {
	shared := t.TempDir()
	env := []string{"SLUGC_COORDINATOR=local://" + filepath.Join(shared, "coordinator.db")}
	url := "file://" + filepath.Join(shared, "slugs")
	one, two := smallSlug(t, "one", ""), smallSlug(t, "two", "")
	builder, runner, third := state(t), state(t), state(t)
	run := func(home string, want int, args ...string) outcome {
		t.Helper()
		o := slugcIn(t, "", home, env, args...)
		if o.exit != want {
			t.Fatalf("slugc %s: exit %d, want %d\n%s%s", strings.Join(args, " "), o.exit, want, o.stdout, o.stderr)
		}
		return o
	}
	o := run(builder, 0, "register", one, "--app", "hello", "--store", url)
	if !strings.Contains(o.stderr, "-----> Storing the slug\n       "+url+"/slugs/") ||
		!strings.Contains(o.stderr, " moved\n") {
		t.Errorf("it says:\n%s", o.stderr)
	}
	o = run(runner, 0, "run", "hello")
	if o.stdout != "one" || !strings.Contains(o.stderr, "-----> Fetched the slug\n") {
		t.Errorf("the runner prints %q and says:\n%s", o.stdout, o.stderr)
	}
	if o = run(runner, 0, "run", "hello"); o.stdout != "one" || o.stderr != "" {
		t.Errorf("the second time the runner prints %q and says:\n%s", o.stdout, o.stderr)
	}
	// A release of a builder without a store names a file there.
	kept := filepath.Join(builder, "apps", "hello", "slugs")
	run(builder, 0, "register", two, "--app", "hello")
	run(builder, 0, "run", "hello")
	if err := os.Rename(kept, kept+".away"); err != nil {
		t.Fatal(err)
	}
	if o = run(third, 62, "run", "hello"); !strings.Contains(o.stderr, "[blobstore/no-store]") {
		t.Errorf("it says:\n%s", o.stderr)
	}
	if o = run(third, 62, "run", "hello", "--store", url); !strings.Contains(o.stderr, "[blobstore/missing]") {
		t.Errorf("it says:\n%s", o.stderr)
	}
	run(builder, 0, "register", two, "--app", "other", "--store", url)
	if o = run(third, 0, "run", "hello", "--store", url); o.stdout != "two" {
		t.Errorf("the third machine prints %q", o.stdout)
	}
}

// TestStoreDown registers with a store that nobody can reach: the slug is kept, nothing is
// released, and it can be done later.
func TestStoreDown(t *testing.T) {
	home, one := state(t), smallSlug(t, "one", "")
	env := []string{
		"SLUGC_STORE=s3://bucket/slugs?endpoint=http://127.0.0.1:1",
		"AWS_ACCESS_KEY_ID=toldtonobody",
		"AWS_SECRET_ACCESS_KEY=toldtonobody",
	}
	o := slugcIn(t, "", home, env, "register", one, "--app", "hello")
	if o.exit != 75 || !strings.Contains(o.stderr, "[blobstore/unreachable]") ||
		strings.Contains(o.stderr, "toldtonobody") {
		t.Errorf("exit %d\n%s", o.exit, o.stderr)
	}
	if kept, err := filepath.Glob(filepath.Join(home, "apps", "hello", "slugs", "*.tgz")); err != nil ||
		len(kept) != 1 {
		t.Errorf("kept are %q, %v", kept, err)
	}
	if o := slugc(t, home, "ps", "hello"); o.exit != 72 {
		t.Errorf("there are releases:\n%s", o.stdout)
	}
	if o := slugc(t, home, "register", one, "--app", "hello"); o.exit != 0 {
		t.Errorf("exit %d\n%s", o.exit, o.stderr)
	}
}
