package upkeep_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"slugc/cache"
	"slugc/cache/digest"
	"slugc/cache/testkit"
	"slugc/compiler/release"
	"slugc/compiler/report/reporttest"
	"slugc/compiler/upkeep"
)

// machine is a state directory with releases that a test sets.
type machine struct {
	*testing.T
	home     *cache.Home
	releases map[string][]release.Release
	asked    int
	says     reporttest.Recorder
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	home, err := cache.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &machine{T: t, home: home, releases: map[string][]release.Release{}}
}

func (m *machine) keeper(l upkeep.Limits) *upkeep.Keeper {
	return &upkeep.Keeper{Home: m.home, Limits: l, Report: &m.says,
		Releases: func(_ context.Context, app string) ([][]release.Release, error) {
			if m.asked++; m.releases[app] == nil && app == "lost" {
				return nil, errors.New("the coordinator does not answer")
			}
			return [][]release.Release{m.releases[app]}, nil
		}}
}

// app makes an app whose build cache and slugs, one a text, were last used so many days ago.
func (m *machine) app(name string, days int, slugs ...string) *cache.App {
	m.Helper()
	app, err := m.home.App(name)
	if err != nil {
		m.Fatal(err)
	}
	used := time.Now().Add(-time.Duration(days) * 24 * time.Hour)
	testkit.Write(m.T, app.Path("layers", "slugc_node", "modules", "a.js"), strings.Repeat("a", 1000))
	testkit.Write(m.T, app.Path("layers", "slugc_node", "modules.toml"), "[types]\n")
	testkit.Write(m.T, app.Path("segments", "x.segments"), strings.Repeat("s", 500))
	if err := app.SaveRecord(&cache.Record{Slug: app.Path("slugs", "x.tgz")}); err != nil {
		m.Fatal(err)
	}
	for _, path := range []string{app.Path("record.json"), app.Path("layers")} {
		m.date(path, used)
	}
	for _, text := range slugs {
		testkit.Write(m.T, slugPath(app, text), text)
		m.date(slugPath(app, text), used)
	}
	return app
}

func (m *machine) date(path string, at time.Time) {
	m.Helper()
	if err := os.Chtimes(path, at, at); err != nil {
		m.Fatal(err)
	}
}

func slugPath(app *cache.App, text string) string {
	return app.Path("slugs", digest.Of([]byte(text)).Hex()+".tgz")
}

func ref(version int, status release.Status, text string) release.Release {
	return release.Release{Version: version, Status: status, Slug: release.SlugRef{Digest: digest.Of([]byte(text))}}
}

// left names what is still there of "layers" and the slugs with the texts.
func left(app *cache.App, slugs ...string) string {
	var list []string
	if testkit.Exists(app.Path("layers")) {
		list = append(list, "layers")
	}
	for _, text := range slugs {
		if testkit.Exists(slugPath(app, text)) {
			list = append(list, text)
		}
	}
	return strings.Join(list, " ")
}

// TestAge removes what has not served for long, but no slug that a release needs or that may be another
// coordinator's.
func TestAge(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	old := m.app("old", 40, "v1", "v2", "never")
	m.releases["old"] = []release.Release{ref(2, release.Current, "v2"), ref(1, release.Superseded, "v1")}
	young := m.app("young", 20, "young")
	busy := m.app("busy", 40, "busy")
	unlock, err := busy.Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := m.app("elsewhere", 40, "elsewhere")
	testkit.Write(t, elsewhere.Path("registering", "lock"), "")
	lost := m.app("lost", 40, "lost")
	keeper := m.keeper(upkeep.Limits{Age: 30 * 24 * time.Hour})
	keeper.After(t.Context(), "")
	for app, want := range map[*cache.App]string{
		old: "v1 v2", young: "layers young", busy: "layers busy", elsewhere: "elsewhere", lost: "lost",
	} {
		if got := left(app, "v1", "v2", "never", "young", "busy", "elsewhere", "lost"); got != want {
			t.Errorf("%s: left %q, want %q", app.Name, got, want)
		}
	}
	if said := m.says.Only("step"); len(said) != 1 || !strings.HasPrefix(said[0], "Freed ") {
		t.Errorf("it says %q", said)
	}
	unlock()
	if _, err := keeper.Prune(t.Context(), "busy"); err != nil || left(busy, "busy") != "" {
		t.Errorf("after the build: %v; left %q", err, left(busy, "busy"))
	}
}

// TestSize removes what has not served for longest until the budget is kept, and not what was just built.
func TestSize(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	first, second, built := m.app("first", 3), m.app("second", 2), m.app("built", 9)
	m.keeper(upkeep.Limits{Size: 3500}).After(t.Context(), "built")
	if left(first)+left(second)+left(built) != "layerslayers" || left(first) != "" {
		t.Errorf("left: %q, %q, %q", left(first), left(second), left(built))
	}
	asked := m.asked
	keeper := m.keeper(upkeep.Limits{Size: 3500})
	first = m.app("first", 3)
	testkit.Write(t, m.home.Path("upkeep.json"), `{"total": 1000, "free": 1}`) // the disk has gained since
	keeper.After(t.Context(), "built")
	if left(first) == "" || m.asked != asked {
		t.Error("everything is looked at again, though the disk has room for the rest of the budget")
	}
	m.date(m.home.Path("upkeep.json"), time.Now().Add(-2*time.Hour))
	keeper.After(t.Context(), "built")
	if left(first) != "" {
		t.Error("two hours later nothing is looked at")
	}
}

// TestList says what is kept, for what and why.
func TestList(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	app := m.app("shop", 40, "v1", "v2", "new")
	m.releases["shop"] = []release.Release{
		ref(3, release.Pending, "new"), ref(2, release.Current, "v2"), ref(1, release.Superseded, "v1"),
	}
	app.MarkServed(slugPath(app, "v2"))
	list, total, err := m.keeper(upkeep.Limits{}).List(t.Context())
	if err != nil || len(list) != 4 {
		t.Fatalf("%v; %+v", err, list)
	}
	want := map[string]string{
		"slug " + digest.Of([]byte("v1")).Short():  "a rollback to v1 needs it",
		"slug " + digest.Of([]byte("v2")).Short():  "current release v2",
		"slug " + digest.Of([]byte("new")).Short(): "pending release v3",
		"build cache": "",
	}
	var sum int64
	for i, e := range list {
		sum += e.Size
		why, ok := want[e.What]
		if !ok || e.Kept != why || e.Frees != e.Size || i > 0 && e.Used.Before(list[i-1].Used) {
			t.Errorf("%+v", e)
		}
	}
	last := list[len(list)-1]
	if sum != total || last.Kept != "current release v2" || time.Since(last.Used) > time.Minute {
		t.Errorf("total %d of %d; the last to serve: %+v", total, sum, last)
	}
}

// TestNeeded keeps ten slugs for rollbacks, each counted once, and whatever is current or pending.
func TestNeeded(t *testing.T) {
	t.Parallel()
	var list []release.Release
	for version := 20; version > 0; version-- {
		list = append(list, ref(version, release.Superseded, string(rune('A'+version/2))))
	}
	list = append([]release.Release{ref(21, release.Pending, "p")}, list...)
	list = append(list, ref(0, release.Current, "c"))
	needed := upkeep.Needed(list)
	if len(needed) != 11 || needed[digest.Of([]byte("c"))] != "current release v0" ||
		needed[digest.Of([]byte("p"))] != "pending release v21" || needed[digest.Of([]byte("B"))] != "" {
		t.Errorf("%v", needed)
	}
}
