package release_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/release"
	"slugc/compiler/release/releasetest"
)

// model is what Releases promises, in its simplest form.
type model struct {
	releases []modelRelease // v1 first
	order    []int          // the versions that became current, in order
	rows     release.Formation
	keys     map[string]int
	config   release.Config
}

type modelRelease struct {
	slug   int
	types  string
	status release.Status // of the stored kind: Superseded is "was promoted"
	config release.Config // nil while it is pending
}

func (m *model) current() int {
	if len(m.order) == 0 {
		return 0
	}
	return m.order[len(m.order)-1]
}

func (m *model) status(n int) release.Status {
	if n == m.current() {
		return release.Current
	}
	return m.releases[n-1].status
}

func (m *model) promote(n int) {
	m.releases[n-1].status, m.releases[n-1].config = release.Superseded, m.config
	m.order = append(m.order, n)
	for _, p := range releasetest.Request(0, m.releases[n-1].types).Processes {
		if _, ok := m.rows[p.Type]; !ok && p.Type != "release" {
			m.rows[p.Type] = map[bool]int{true: 1}[p.Type == "web"]
		}
	}
}

func (m *model) add(slug int, types string, pending bool) int {
	m.releases = append(m.releases, modelRelease{slug, types, release.Pending, nil})
	if !pending {
		m.promote(len(m.releases))
	}
	return len(m.releases)
}

// end is Promote, Fail and Abandon. It returns the refusal, "" for none.
func (m *model) end(n int, want release.Status) release.Refusal {
	if n < 1 || n > len(m.releases) {
		return release.ErrUnknownVersion
	}
	switch is := m.releases[n-1].status; {
	case is == want:
		return ""
	case is != release.Pending:
		return release.ErrNotPending
	case want == release.Superseded:
		m.promote(n)
	default:
		m.releases[n-1].status = want
	}
	return ""
}

func (m *model) rollback(n int) release.Refusal {
	switch {
	case m.current() == 0:
		return release.ErrNoReleases
	case n == 0 && len(m.order) == 1:
		return release.ErrNotRollbackable
	case n == 0:
		n = m.order[len(m.order)-2]
	case n > len(m.releases):
		return release.ErrUnknownVersion
	}
	if m.status(n) != release.Superseded {
		return release.ErrNotRollbackable
	}
	m.config = m.releases[n-1].config
	m.add(m.releases[n-1].slug, m.releases[n-1].types, false)
	return ""
}

// configure sets and removes config vars.
func (m *model) configure(change release.ConfigChange) {
	after := maps.Clone(m.config)
	maps.Copy(after, change.Set)
	for _, name := range change.Unset {
		delete(after, name)
	}
	if maps.Equal(after, m.config) {
		return
	}
	m.config = after
	if n := m.current(); n > 0 {
		m.add(m.releases[n-1].slug, m.releases[n-1].types, false)
	}
}

func (m *model) scale(processType string, n int) release.Refusal {
	switch {
	case m.current() == 0:
		return release.ErrNoReleases
	case processType == "release":
		return release.ErrNotScalable
	case !slices.Contains(strings.Fields(m.releases[m.current()-1].types), processType):
		return release.ErrUnknownType
	}
	m.rows[processType] = n
	return ""
}

// TestModel makes random operations and compares what can be read after each.
func TestModel(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel()
			run := modelRun{
				T: t, Releases: newReleases(t), rng: rand.New(rand.NewPCG(seed, 0)),
				model: &model{rows: release.Formation{}, keys: map[string]int{}, config: release.Config{}},
			}
			for step := range 120 {
				what, want, err := run.step(step)
				var got release.Refusal
				if refused, ok := errors.AsType[release.Refusal](err); ok {
					got = refused
				} else if err != nil {
					t.Fatalf("step %d: %s: %v", step, what, err)
				}
				if got != want {
					t.Fatalf("step %d: %s returned %q (%v), want %q", step, what, got, err, want)
				}
				run.compare(fmt.Sprintf("step %d: %s", step, what))
			}
		})
	}
}

// modelRun is one run of the model beside the real releases.
type modelRun struct {
	*testing.T
	*release.Releases
	model *model
	rng   *rand.Rand
}

var (
	modelTypes   = []string{"web", "web worker", "worker clock release", "web release", "clock"}
	modelScalees = []string{"web", "worker", "clock", "release"}
)

// step makes a random operation in both, and returns what it was, the refusal that the model wants
// and the error that the releases returned.
func (r *modelRun) step(step int) (what string, want release.Refusal, err error) {
	ctx, m := r.Context(), r.model
	n := r.rng.IntN(len(m.releases) + 2)
	switch r.rng.IntN(10) {
	case 0, 1, 2:
		what, err = r.register(step)
	case 3, 4:
		what, want = fmt.Sprint("Promote ", n), m.end(n, release.Superseded)
		_, err = r.Promote(ctx, "blog", n)
	case 5:
		what, want = fmt.Sprint("Fail ", n), m.end(n, release.Failed)
		_, err = r.Releases.Fail(ctx, "blog", n)
	case 6:
		what, want = fmt.Sprint("Rollback ", n), m.rollback(n)
		_, err = r.Rollback(ctx, "blog", n, "", false)
	case 7:
		kind := modelScalees[r.rng.IntN(len(modelScalees))]
		what, want = fmt.Sprint("Scale ", kind, step), m.scale(kind, step)
		_, err = r.Scale(ctx, "blog", release.Change{Type: kind, Quantity: step})
	case 8, 9:
		names := []string{"A", "B", "C"}
		change := release.ConfigChange{
			Set:   release.Config{names[r.rng.IntN(3)]: fmt.Sprint(r.rng.IntN(3))},
			Unset: names[r.rng.IntN(3):],
		}
		what = fmt.Sprint("Configure ", change.Set, change.Unset)
		m.configure(change)
		_, err = r.Configure(ctx, "blog", change)
	}
	return what, want, err
}

// register registers under a random key, which may be known.
func (r *modelRun) register(step int) (what string, err error) {
	types := modelTypes[r.rng.IntN(len(modelTypes))]
	q := releasetest.Request(step, types)
	q.Pending = r.rng.IntN(2) == 0
	q.Key = fmt.Sprint("key", r.rng.IntN(40))
	if n, ok := r.model.keys[q.Key]; ok {
		q.Slug = releasetest.Slug(r.model.releases[n-1].slug)
	} else {
		r.model.keys[q.Key] = r.model.add(step, types, q.Pending)
	}
	what = fmt.Sprintf("Register %s %v", q.Key, q.Pending)
	rel, err := r.Register(r.Context(), "blog", q)
	if err == nil && rel.Version != r.model.keys[q.Key] {
		r.Fatalf("step %d: %s returned v%d, want v%d", step, what, rel.Version, r.model.keys[q.Key])
	}
	return what, err
}

// compare compares all releases, the current one and the formation.
func (r *modelRun) compare(what string) {
	t, m := r.T, r.model
	t.Helper()
	got := releasetest.Must(r.List(t.Context(), "blog"))(t)
	if len(got) != len(m.releases) {
		t.Fatalf("%s: %d releases, want %d", what, len(got), len(m.releases))
	}
	for i, rel := range got {
		n := len(got) - i
		if rel.Version != n || rel.Status != m.status(n) || rel.Slug != releasetest.Slug(m.releases[n-1].slug) {
			t.Fatalf("%s: got v%d %s of %s, want v%d %s",
				what, rel.Version, rel.Status, rel.Slug.Digest, n, m.status(n))
		}
	}
	if vars := releasetest.Must(r.Config(t.Context(), "blog"))(t); !maps.Equal(vars, m.config) {
		t.Fatalf("%s: config vars %#v, want %#v", what, map[string]string(vars), map[string]string(m.config))
	}
	f, err := r.Formation(t.Context(), "blog")
	if m.current() == 0 {
		if !errors.Is(err, release.ErrNoReleases) {
			t.Fatalf("%s: formation %v, %v", what, f, err)
		}
		return
	}
	want := release.Formation{}
	for _, p := range releasetest.Request(0, m.releases[m.current()-1].types).Processes {
		if p.Type != "release" {
			want[p.Type] = m.rows[p.Type]
		}
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Fatalf("%s: formation\n%s", what, diff)
	}
	n := 1 + r.rng.IntN(len(m.releases))
	if want := m.releases[n-1].config; want != nil {
		if vars := releasetest.Must(r.ConfigOf(t.Context(), "blog", n))(t); !maps.Equal(vars, want) {
			t.Fatalf("%s: v%d has %#v, want %#v", what, n, map[string]string(vars), map[string]string(want))
		}
	}
	if rel := releasetest.Must(r.Current(t.Context(), "blog"))(t); rel.Version != m.current() {
		t.Fatalf("%s: v%d is current, want v%d", what, rel.Version, m.current())
	}
}
