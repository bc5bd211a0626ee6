package main

import (
	"os"
	"strings"
	"testing"

	"slugc/cache"
	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// TestRegisterWaits registers nothing, and copies nothing, while another process has the app's lock:
// a prune would remove a slug that no release names yet.
func TestRegisterWaits(t *testing.T) {
	t.Parallel()
	home := slugctest.Home(t)
	state, err := cache.Open(home)
	if err != nil {
		t.Fatal(err)
	}
	app, err := state.App("hello")
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := app.Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	cmd := slugctest.Command(t, home, "register", slugctest.SmallSlug(t, "one", ""), "--app", "hello")
	out := slugctest.Background(t, cmd)
	testkit.Eventually(t, "it waits", func() bool { return out.Contains("Waiting for a build of hello") })
	if testkit.Exists(app.Path("slugs")) {
		t.Error("it copied the slug without the lock")
	}
	unlock()
	testkit.Eventually(t, "it registers", func() bool { return len(slugctest.Releases(t, home, "hello")) == 1 })
}

// TestReleasesWithoutSlugs marks the releases whose slugs are gone.
func TestReleasesWithoutSlugs(t *testing.T) {
	t.Parallel()
	home := slugctest.Home(t)
	var first string
	for i, text := range []string{"one", "two"} {
		o := slugctest.Run(t, home, "register", slugctest.SmallSlug(t, text, ""), "--app", "hello", "--json")
		made := slugctest.Decode[releaseRow](t, o)
		if i == 0 {
			first = strings.TrimPrefix(made.Slug.URL, "file://")
		}
	}
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	rows := slugctest.Decode[[]releaseRow](t, slugctest.Run(t, home, "releases", "hello", "--json"))
	if len(rows) != 2 || rows[0].SlugMissing || !rows[1].SlugMissing {
		t.Errorf("got %+v", rows)
	}
	table := slugctest.Run(t, home, "releases", "hello").Stdout
	if lines := strings.Split(table, "\n"); strings.Contains(lines[1], "missing") ||
		!strings.Contains(lines[2], " (missing) ") {
		t.Errorf("got\n%s", table)
	}
	store := "file://" + t.TempDir()
	if o := slugctest.Run(t, home, "releases", "hello", "--store", store); strings.Contains(o.Stdout, "missing") {
		t.Errorf("a store may hold it, and it says\n%s", o.Stdout)
	}
}
