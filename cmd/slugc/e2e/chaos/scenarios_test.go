package chaos_test

import (
	"os"
	"path/filepath"
	"slices"
	"slugc/cmd/slugc/slugctest"
)

// scenario is a command that is disturbed.
type scenario struct {
	name string
	// prepare makes the world ready and returns the command. It runs before every point.
	prepare func(w *world) []string
	// settle runs after the disturbed command, if not nil, and returns what does not hold.
	settle func(w *world, o outcome) problems
}

var scenarios = []scenario{
	{name: "build", prepare: func(w *world) []string {
		w.forget()
		return []string{"slugc", "build", w.app, "--app", "a", "--json"}
	}},
	{name: "rebuild", prepare: func(w *world) []string {
		w.change()
		return []string{"slugc", "build", w.app, "--app", "a", "--json"}
	}},
	{name: "fresh", prepare: func(w *world) []string {
		w.change()
		return []string{"slugc", "build", w.app, "--app", "a", "--json", "--fresh"}
	}},
	{name: "output", prepare: func(w *world) []string {
		w.change()
		return []string{"slugc", "build", w.app, "--app", "a", "--json", "--output", w.path("out/a.tgz")}
	}},
	{name: "store", prepare: func(w *world) []string {
		w.change()
		return []string{"slugc", "build", w.app, "--app", "a", "--json", "--store", "file://" + w.path("store")}
	}},
	{name: "prune", prepare: func(w *world) []string {
		w.change()
		w.must("slugc", "build", w.app, "--app", "a")
		return []string{"slugc", "cache", "prune", "--older", "1ms"}
	}},
	{name: "prune-all", prepare: func(w *world) []string {
		w.change()
		w.must("slugc", "build", w.app, "--app", "a")
		return []string{"slugc", "cache", "prune", "--all"}
	}},
	{name: "register", prepare: func(w *world) []string {
		w.change()
		file := filepath.Join(w.TempDir(), "new.tgz")
		w.must("slugc", "build", w.app, "--app", "other", "--no-register", "--output", file)
		return []string{"slugc", "register", file, "--app", "a"}
	}},
	{name: "rollback", prepare: func(w *world) []string {
		w.change()
		w.must("slugc", "build", w.app, "--app", "a")
		return []string{"slugc", "rollback", "a"}
	}},
	{name: "run", prepare: func(*world) []string { return []string{"slugc", "run", "a"} }},
	{name: "verify", prepare: func(*world) []string { return []string{"slugc", "cache", "verify"} }},
	{name: "push", prepare: preparePush, settle: settlePush},
}

// scenarioNamed returns the scenario with the name.
func scenarioNamed(name string) scenario {
	return scenarios[slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })]
}

// forget removes the app's state and the toolchains, but not the releases.
func (w *world) forget() {
	w.Helper()
	for _, name := range []string{"layers", "segments", "record.json", "stat"} {
		if err := os.RemoveAll(filepath.Join(w.home, "apps/a", name)); err != nil {
			w.Fatal(err)
		}
	}
	for _, name := range []string{"toolchains", "buildpacks"} {
		if err := os.RemoveAll(filepath.Join(w.home, name)); err != nil {
			w.Fatal(err)
		}
	}
}

// must runs a command that has to succeed.
func (w *world) must(args ...string) outcome {
	w.Helper()
	o := w.run(args...)
	if o.Exit != 0 {
		w.Fatalf("%v: exit %d\n%s", args, o.Exit, o.Stderr)
	}
	return o
}

// preparePush commits a changed line in a clone of a repository that has the hooks.
func preparePush(w *world) []string {
	bare, clone := w.path("a.git"), w.path("clone")
	w.change()
	if _, err := os.Stat(bare); err != nil {
		w.must("git", "init", "-q", "--bare", "-b", "main", bare)
		w.must("git", "init", "-q", "-b", "main", clone)
		w.must("git", "-C", clone, "remote", "add", "origin", bare)
		w.must("slugc", "hook", "install", bare, "--app", "a")
	}
	slugctest.ToyApp(w, clone, w.variant)
	w.must("git", "-C", clone, "add", "-A")
	w.must("git", "-C", clone, "commit", "-q", "--allow-empty", "-m", "change")
	return []string{"git", "-C", clone, "push", "origin", "main"}
}

// settlePush requires that the branch and the current release are in step once no process of the push
// is left, and that the next push works.
func settlePush(w *world, o outcome) (p problems) {
	w.noProcess()
	next := preparePush(w)
	if o := w.run(next...); o.Exit != 0 {
		p.add("the next push: exit %d: %s", o.Exit, lastLines(o.Stderr))
	}
	w.noProcess()
	head := w.run("git", "--git-dir", w.path("a.git"), "rev-parse", "main").Stdout
	list, err := w.releases()
	if err != nil || len(list) == 0 || list[0].Commit+"\n" != head {
		p.add("main is %s, the releases %+v: %v", head, list, err)
	}
	if left, _ := filepath.Glob(w.path("a.git/slugc/pushes/*")); len(left) > 0 {
		p.add("pushes are under way for ever: %v", left)
	}
	return p
}
