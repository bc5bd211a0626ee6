package release_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/coordinator"
	"slugc/compiler/release"
	"slugc/compiler/release/releasetest"
)

func set(pairs ...string) release.ConfigChange {
	vars := release.Config{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		vars[name] = value
	}
	return release.ConfigChange{Set: vars}
}

// TestConfigReleases holds that each change is a release of the same slug, and that a rollback brings the earlier
// release's config vars back.
func TestConfigReleases(t *testing.T) {
	t.Parallel()
	r, ctx := newReleases(t), t.Context()
	configure := func(change release.ConfigChange, version int, changed string) {
		t.Helper()
		done := releasetest.Must(r.Configure(ctx, "blog", change))(t)
		if done.Release.Version != version || strings.Join(done.Changed, " ") != changed {
			t.Errorf("v%d, %q changed, want v%d, %q", done.Release.Version, done.Changed, version, changed)
		}
	}
	has := func(want release.Config) {
		t.Helper()
		if diff := cmp.Diff(map[string]string(want),
			map[string]string(releasetest.Must(r.Config(ctx, "blog"))(t))); diff != "" {
			t.Error(diff)
		}
	}
	has(release.Config{})
	configure(set("A=0", "B=1"), 0, "A B")
	configure(set("A=1"), 0, "A")
	if apps := releasetest.Must(r.Apps(ctx))(t); len(apps) != 1 {
		t.Errorf("apps %q", apps)
	}
	one := releasetest.Must(r.Register(ctx, "blog", releasetest.Request(1, "web")))(t)
	if one.Version != 1 || one.ConfigRev == 0 {
		t.Errorf("got %+v", one)
	}
	configure(set("A=1"), 1, "")
	configure(release.ConfigChange{Set: release.Config{"A": "2", "C": ""}, Unset: []string{"B", "NONE"}}, 2, "A B C")
	two := releasetest.Must(r.Current(ctx, "blog"))(t)
	if two.Description != "Set A, C; Unset B" || two.Slug != one.Slug || two.Actor != "ana" ||
		two.Commit != one.Commit || len(two.ProcessTypes) != 1 {
		t.Errorf("got %+v", two)
	}
	has(release.Config{"A": "2", "C": ""})
	releasetest.Must(r.Register(ctx, "blog", releasetest.Request(2, "web")))(t)
	releasetest.Must(r.Rollback(ctx, "blog", 1, "", false))(t)
	has(release.Config{"A": "1", "B": "1"})
	configure(set("D=4"), 5, "D")
	has(release.Config{"A": "1", "B": "1", "D": "4"})
	// A pending rollback takes effect when it is promoted.
	back := releasetest.Must(r.Rollback(ctx, "blog", 2, "", true))(t)
	has(release.Config{"A": "1", "B": "1", "D": "4"})
	of := releasetest.Must(r.ConfigOf(ctx, "blog", back.Version))(t)
	if of["A"] != "2" {
		t.Errorf("a pending rollback would have %#v", of)
	}
	releasetest.Must(r.Promote(ctx, "blog", back.Version))(t)
	has(release.Config{"A": "2", "C": ""})
	for version, a := range map[int]string{1: "1", 2: "2", 3: "2", 4: "1", 5: "1", 6: "2"} {
		if got := releasetest.Must(r.ConfigOf(ctx, "blog", version))(t)["A"]; got != a {
			t.Errorf("v%d has A=%s", version, got)
		}
	}
	releasetest.CheckNumbers(t, r, "blog", 6)
}

// TestConfigWhilePending holds that a release that was pending when the config vars changed gets them.
func TestConfigWhilePending(t *testing.T) {
	t.Parallel()
	r, ctx := newReleases(t), t.Context()
	releasetest.Must(r.Register(ctx, "blog", releasetest.Request(1, "web")))(t)
	releasetest.Must(r.Configure(ctx, "blog", set("A=1")))(t)
	releasetest.Must(r.Register(ctx, "blog", releasetest.PendingRequest(2, "web", "push")))(t)
	releasetest.Must(r.Configure(ctx, "blog", set("A=2")))(t)
	made := releasetest.Must(r.Promote(ctx, "blog", 3))(t)
	if vars := releasetest.Must(r.ConfigOf(ctx, "blog", 3))(t); vars["A"] != "2" || made.ConfigRev != 2 {
		t.Errorf("got %+v", made)
	}
}

// TestConfigPlan holds that a planned change takes effect when it is promoted, and not over what happened meanwhile.
func TestConfigPlan(t *testing.T) {
	t.Parallel()
	r, ctx := newReleases(t), t.Context()
	releasetest.Must(r.Register(ctx, "blog", releasetest.Request(1, "web release")))(t)
	plan := releasetest.Must(r.PlanConfig(ctx, "blog", set("A=1")))(t)
	made := releasetest.Must(r.RegisterConfig(ctx, "blog", plan, "k"))(t)
	if again := releasetest.Must(r.RegisterConfig(ctx, "blog", plan, "k"))(t); again.Version != made.Version {
		t.Errorf("v%d and v%d", made.Version, again.Version)
	}
	if vars := releasetest.Must(r.Config(ctx, "blog"))(t); len(vars) > 0 || made.Status != release.Pending {
		t.Errorf("%#v before the promotion of %+v", vars, made)
	}
	for range 2 {
		made = releasetest.Must(r.PromoteConfig(ctx, "blog", made.Version, plan))(t)
	}
	if vars := releasetest.Must(r.Config(ctx, "blog"))(t); vars["A"] != "1" || made.ConfigVars[0] != "A" {
		t.Errorf("%#v after the promotion of %+v", vars, made)
	}
	for name, meanwhile := range map[string]func() error{
		"a change": func() error { _, err := r.Configure(ctx, "blog", set("B=1")); return err },
		"a release": func() error {
			_, err := r.Register(ctx, "blog", releasetest.Request(2, "web release"))
			return err
		},
	} {
		plan := releasetest.Must(r.PlanConfig(ctx, "blog", set("A="+name)))(t)
		made := releasetest.Must(r.RegisterConfig(ctx, "blog", plan, ""))(t)
		if err := meanwhile(); err != nil {
			t.Fatal(err)
		}
		_, err := r.PromoteConfig(ctx, "blog", made.Version, plan)
		releasetest.WantFault(t, err, string(release.ErrConfigMoved), 75)
		if vars := releasetest.Must(r.Config(ctx, "blog"))(t); vars["A"] != "1" {
			t.Errorf("%s: A is %s", name, vars["A"])
		}
		releasetest.Must(r.Fail(ctx, "blog", made.Version))(t)
		_, err = r.PromoteConfig(ctx, "blog", made.Version, plan)
		releasetest.WantRefusal(t, err, release.ErrNotPending)
	}
}

// TestConfigChecks holds what cannot be set, and that no error says a value.
func TestConfigChecks(t *testing.T) {
	t.Parallel()
	r, ctx := newReleases(t), t.Context()
	many := release.Config{}
	for i := range 20 {
		many[fmt.Sprintf("V%02d", i)] = strings.Repeat("s3cret", 600)
	}
	for id, changes := range map[string][]release.ConfigChange{
		"release/config-name": {
			set("1A=s3cret"), set("A-B=s3cret"), set("=s3cret"), set("postgres://u:s3cret@h/d=1"), set("A B=s3cret"),
			set("HOME=s3cret"), set("PORT=s3cret"), set(strings.Repeat("A", 300) + "=s3cret"),
			{Unset: []string{"A=s3cret"}},
		},
		"release/config-value":     {set("A=s3cret\x00"), set("A=s3cret\xff")},
		"release/config-too-large": {set("A=" + strings.Repeat("s3cret", 12000)), {Set: many}},
	} {
		for _, change := range changes {
			_, err := r.Configure(ctx, "blog", change)
			releasetest.WantFault(t, err, id, 2)
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("a value is said: %v", err)
			}
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", many, set("A=s3cret"), set("A=s3cret")); strings.Contains(text, "s3cret") {
		t.Errorf("a value is printed: %s", text)
	}
	if vars := releasetest.Must(r.Config(ctx, "blog"))(t); len(vars) > 0 {
		t.Errorf("set: %s", vars)
	}
	err := release.ConfigUnset("blog", "A")
	releasetest.WantRefusal(t, err, release.ErrConfigUnset)
	releasetest.Must(r.Register(ctx, "blog", releasetest.Request(1, "web")))(t)
	twenty := release.Config{}
	for name := range many {
		twenty[name] = "x"
	}
	done := releasetest.Must(r.Configure(ctx, "blog", release.ConfigChange{Set: twenty}))(t)
	if want := "Set V00, V01, V02, V03, V04, V05, V06, V07, V08, V09 and 10 more"; done.Release.Description != want {
		t.Errorf("got %q", done.Release.Description)
	}
}

// TestConfigPrune holds which config sets stay, and that a rollback without its own is refused.
func TestConfigPrune(t *testing.T) {
	t.Parallel()
	r, ctx := newReleases(t), t.Context()
	releasetest.Must(r.Register(ctx, "blog", releasetest.Request(1, "web")))(t)
	for i := range 130 { // v2 to v131
		releasetest.Must(r.Configure(ctx, "blog", set(fmt.Sprint("A=", i))))(t)
	}
	releasetest.Must(r.Rollback(ctx, "blog", 5, "", true))(t) // v132, pending
	keep := func(rel release.Release) bool { return rel.Version >= 125 }
	for _, want := range []int{122, 0} { // v5, and v125 to v131, stay
		if n := releasetest.Must(r.PruneConfig(ctx, "blog", keep))(t); n != want {
			t.Errorf("%d removed, want %d", n, want)
		}
	}
	_, err := r.Rollback(ctx, "blog", 2, "", false)
	releasetest.WantRefusal(t, err, release.ErrConfigGone)
	releasetest.Must(r.Promote(ctx, "blog", 132))(t)
	releasetest.Must(r.Rollback(ctx, "blog", 125, "", false))(t)
	if vars := releasetest.Must(r.Config(ctx, "blog"))(t); vars["A"] != "123" {
		t.Errorf("A is %s", vars["A"])
	}
}

// TestConfigDestroyed holds that nothing of an app's config vars is left with the coordinator.
func TestConfigDestroyed(t *testing.T) {
	t.Parallel()
	c := open(t, filepath.Join(t.TempDir(), "c.db"))
	r, ctx := releasetest.New(c), t.Context()
	releasetest.Must(r.Configure(ctx, "blog", set("A=1")))(t) // an app without a release
	if err := r.Destroy(ctx, "blog"); err != nil {
		t.Fatal(err)
	}
	releasetest.Must(r.Register(ctx, "blog", releasetest.Request(1, "web")))(t)
	if vars := releasetest.Must(r.Config(ctx, "blog"))(t); len(vars) > 0 {
		t.Errorf("the next app of the name has %#v", vars)
	}
	releasetest.Must(r.Configure(ctx, "blog", set("A=1")))(t)
	if err := r.Destroy(ctx, "blog"); err != nil {
		t.Fatal(err)
	}
	if left, _, err := c.List(ctx, "/"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := r.Destroy(ctx, "blog"); !errors.Is(err, release.ErrUnknownApp) {
		t.Error(err)
	}
}

func TestConfigRaces(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.db")
	releasetest.ConfigRaces(t, func() coordinator.Coordinator { return open(t, path) })
}

// TestConfigFromElsewhere holds that a rollback keeps the app's own config var where the earlier release's process had
// one of the name from elsewhere.
func TestConfigFromElsewhere(t *testing.T) {
	t.Parallel()
	r, ctx := newReleases(t), t.Context()
	q := releasetest.Request(1, "web release")
	q.ConfigVars = []string{"A", "B", "NONE"}
	releasetest.Must(r.Register(ctx, "blog", q))(t)
	releasetest.Must(r.Configure(ctx, "blog", set("A=1", "C=1")))(t)
	releasetest.Must(r.Rollback(ctx, "blog", 1, "", false))(t) // to {A}, which is a new set
	releasetest.Must(r.Configure(ctx, "blog", set("A=2")))(t)
	releasetest.Must(r.Rollback(ctx, "blog", 1, "", true))(t) // to what there is
	releasetest.Must(r.Promote(ctx, "blog", 5))(t)
	for version, want := range map[int]string{1: "[]", 2: "[A C]", 3: "[A]", 4: "[A]", 5: "[A]"} {
		if vars := releasetest.Must(r.ConfigOf(ctx, "blog", version))(t); fmt.Sprint(vars.Names()) != want {
			t.Errorf("v%d has %s", version, vars)
		}
	}
	list := releasetest.Must(r.List(ctx, "blog"))(t)
	if vars := releasetest.Must(r.Config(ctx, "blog"))(t); vars["A"] != "2" || list[0].ConfigRev != list[1].ConfigRev {
		t.Errorf("the app has %#v after %+v", map[string]string(vars), list)
	}
}

// TestConfigOfOlderReleases holds that a release from before config vars were kept has none of its own: a rollback to
// it leaves the app's as they are.
func TestConfigOfOlderReleases(t *testing.T) {
	t.Parallel()
	c := open(t, filepath.Join(t.TempDir(), "c.db"))
	r, ctx := releasetest.New(c), t.Context()
	releasetest.Must(r.Register(ctx, "blog", releasetest.Request(1, "web")))(t)
	older := coordinator.Write{Key: "/apps/blog/release-status/0000000001", Value: []byte(`{"status": "promoted"}`)}
	releasetest.Must(c.Commit(ctx, nil, []coordinator.Write{older}))(t)
	releasetest.Must(r.Configure(ctx, "blog", set("A=1")))(t)
	for _, version := range []int{1, 2} {
		if vars := releasetest.Must(r.ConfigOf(ctx, "blog", version))(t); vars["A"] != "1" {
			t.Errorf("v%d has %v", version, vars)
		}
	}
	releasetest.Must(r.Rollback(ctx, "blog", 1, "", false))(t)
	if vars := releasetest.Must(r.Config(ctx, "blog"))(t); vars["A"] != "1" {
		t.Errorf("after the rollback: %v", vars)
	}
}
