package chaos_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"slugc/cache/digest"
	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
	"slugc/compiler/release"
)

// problems collects what does not hold.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

// check holds the invariants after a fault. before are the releases that were there before the
// command. Two builds follow: of the source as it is, and of a changed line.
func (w *world) check(before []release.Release) problems {
	w.Helper()
	var p problems
	w.noProcess()
	p = append(p, w.lost(before)...)
	if o := w.run("slugc", "run", "a"); o.Exit != 0 || !strings.HasPrefix(o.Stdout, "variant ") {
		p.add("the current release does not run: exit %d: %s%s", o.Exit, o.Stdout, lastLines(o.Stderr))
	}
	for _, what := range []string{"the next build", "the build after it, of a changed line"} {
		if digest, err := w.build("--output", w.path("out/a.tgz")).digest(); err != nil {
			p.add("%s: %v", what, err)
		} else if want := clean(w, w.variant); digest != want {
			p.add("%s: wrong bytes %s, a clean build makes %s", what, digest, want)
		}
		w.change()
	}
	w.variant--
	slugctest.ToyApp(w, w.app, w.variant)
	p = append(p, w.whole()...)
	return append(p, w.leftovers()...)
}

// right requires that a build which ended well made the right bytes.
func (w *world) right(o outcome, command []string) (p problems) {
	w.Helper()
	if o.Exit != 0 || !slices.Contains(command, "--json") {
		return nil
	}
	if digest, err := o.digest(); err != nil || digest != clean(w, w.variant) {
		p.add("exit 0 with wrong bytes: %s, a clean build makes %s: %v", digest, clean(w, w.variant), err)
	}
	return p
}

// whole holds what must be true whenever no command runs and the last one was right.
func (w *world) whole() (p problems) {
	w.Helper()
	if o := w.run("slugc", "cache", "verify"); o.Exit != 0 {
		p.add("cache verify: exit %d: %s", o.Exit, lastLines(o.Stderr))
	}
	list, err := w.releases()
	if err != nil {
		p.add("%v", err)
	}
	current := 0
	for _, r := range list {
		if r.Status == release.Current {
			current++
		}
		if r.Status == release.Pending {
			p.add("v%d is still pending", r.Version)
		}
	}
	if current != 1 {
		p.add("%d releases are current", current)
	}
	return p
}

// kept is of how many releases a prune keeps the slugs.
const kept = 10

// lost compares the releases with those that there were: none is lost or changed, the numbers have no
// gaps, and the slugs of the last ones are there and whole.
func (w *world) lost(before []release.Release) (p problems) {
	w.Helper()
	list, err := w.releases()
	if err != nil {
		p.add("%v", err)
		return p
	}
	have := map[int]release.Release{}
	for i, r := range list {
		have[r.Version] = r
		if r.Version != len(list)-i {
			p.add("the releases' numbers have gaps: v%d is number %d of %d", r.Version, len(list)-i, len(list))
		}
		if i >= kept || r.Status == release.Failed || r.Status == release.Abandoned {
			continue
		}
		if err := w.slug(r.Slug); err != nil {
			p.add("the slug of v%d, %s: %v", r.Version, r.Status, err)
		}
	}
	for _, r := range before {
		if have[r.Version].Slug.Digest != r.Slug.Digest {
			p.add("release v%d is lost", r.Version)
		}
	}
	return p
}

// slug requires that a release's slug is there and whole, in the state directory or in a store.
func (w *world) slug(ref release.SlugRef) error {
	w.Helper()
	path := strings.TrimPrefix(ref.URL, "file://")
	if strings.HasPrefix(path, w.path("store")) {
		_, err := os.Stat(path) // the list of its parts, which a run of the current one reads and checks
		return err
	}
	sum, _, err := digest.File(path)
	if err == nil && sum != ref.Digest {
		err = fmt.Errorf("%s is damaged", path)
	}
	return err
}

// releases returns the app's releases, the latest first.
func (w *world) releases() (list []release.Release, err error) {
	w.Helper()
	o := w.run("slugc", "releases", "a", "--json")
	if o.Exit != 0 {
		return nil, fmt.Errorf("releases: exit %d: %s", o.Exit, lastLines(o.Stderr))
	}
	return list, json.Unmarshal([]byte(o.Stdout), &list)
}

// noProcess waits until the command's processes are gone.
func (w *world) noProcess() {
	w.Helper()
	testkit.Eventually(w, "the processes of the command end", func() bool {
		return len(testkit.ProcessesOf(w, w.home)) == 0
	})
}

// number matches what differs from file to file of a kind.
var number = regexp.MustCompile(`[0-9a-f]{12,}|[0-9]+`)

var appState = regexp.MustCompile(`^state/apps/[^/]+`)

// kind returns the kind of a file: its path with # for numbers, digests and the app's name.
func kind(name string) string {
	return number.ReplaceAllString(appState.ReplaceAllString(name, "state/apps/#"), "#")
}

// names returns the kinds of files in the world: their paths with # for numbers and digests. What lies
// in layers, toolchains and buildpacks is not looked at.
func (w *world) names() map[string]bool {
	w.Helper()
	kinds := map[string]bool{}
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(w.dir, path)
		kinds[kind(name)] = true
		parts := strings.Split(name, "/")
		switch {
		case err != nil:
			return err
		case name == "source" || name == "clone" || name == "a.git/objects" || d.IsDir() && len(parts) > 5:
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		w.Errorf("looking at what is there: %v", err)
	}
	return kinds
}

// expected are the kinds of files that commands leave which nothing disturbs.
var (
	expectedOnce sync.Once
	expected     map[string]bool
)

// aged are the beginnings of what other machines may be writing to a store. It removes them after a day.
var aged = []string{"store/slugs/.new-", "store/parts/.new-"}

// leftovers names what there is that undisturbed commands do not leave.
func (w *world) leftovers() (p problems) {
	w.Helper()
	expectedOnce.Do(func() { expected = ordinary(w) })
	names := w.names()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if slices.ContainsFunc(aged, func(words string) bool { return strings.Contains(name, words) }) {
			continue
		}
		if above := filepath.Dir(name); !expected[name] && (expected[above] || !names[above]) {
			p.add("left behind: %s", name)
		}
	}
	return p
}

// ordinary runs every scenario undisturbed and returns the kinds of files that are there then.
func ordinary(t testing.TB) map[string]bool {
	dir, err := os.MkdirTemp("", "slugc-chaos-ordinary-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	w := newWorld(t, dir)
	kinds := w.names()
	again := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == "prune-all" }) // what a run unpacked
	for _, s := range append(slices.Clone(scenarios), scenarios[again]) {
		command := s.prepare(w)
		if o := w.run(command...); o.Exit != 0 {
			t.Fatalf("%v, undisturbed: exit %d\n%s", command, o.Exit, o.Stderr)
		}
		w.noProcess()
		for name := range w.names() {
			kinds[name] = true
		}
	}
	return kinds
}

// lastLines returns the end of what a command said.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-4):], "\n\t\t")
}
