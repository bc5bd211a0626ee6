package release_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/fault"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
)

// model is what Releases promises, as simply as it can be said.
type model struct {
	releases []modelRelease // v1 first
	order    []int          // the versions that became current, in order
	rows     release.Formation
	keys     map[string]int
}

type modelRelease struct {
	slug   int
	types  string
	status release.Status // of the stored kind: Superseded is "was promoted"
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
	m.releases[n-1].status = release.Superseded
	m.order = append(m.order, n)
	for _, p := range request(0, m.releases[n-1].types).Processes {
		if _, ok := m.rows[p.Type]; !ok && p.Type != "release" {
			m.rows[p.Type] = map[bool]int{true: 1}[p.Type == "web"]
		}
	}
}

func (m *model) add(slug int, types string, pending bool) int {
	m.releases = append(m.releases, modelRelease{slug, types, release.Pending})
	if !pending {
		m.promote(len(m.releases))
	}
	return len(m.releases)
}

// settle is Promote, Fail and Abandon; it returns the id of the refusal.
func (m *model) settle(n int, want release.Status) string {
	if n < 1 || n > len(m.releases) {
		return "release/unknown-version"
	}
	switch is := m.releases[n-1].status; {
	case is == want:
		return ""
	case is != release.Pending:
		return "release/not-pending"
	case want == release.Superseded:
		m.promote(n)
	default:
		m.releases[n-1].status = want
	}
	return ""
}

func (m *model) rollback(n int) string {
	switch {
	case m.current() == 0:
		return "release/no-releases"
	case n == 0 && len(m.order) == 1:
		return "release/not-rollbackable"
	case n == 0:
		n = m.order[len(m.order)-2]
	case n > len(m.releases):
		return "release/unknown-version"
	}
	if m.status(n) != release.Superseded {
		return "release/not-rollbackable"
	}
	m.add(m.releases[n-1].slug, m.releases[n-1].types, false)
	return ""
}

func (m *model) scale(processType string, n int) string {
	switch {
	case m.current() == 0:
		return "release/no-releases"
	case processType == "release":
		return "release/not-scalable"
	case !slices.ContainsFunc(request(0, m.releases[m.current()-1].types).Processes, func(p procfile.Process) bool { return p.Type == processType }):
		return "release/unknown-type"
	}
	m.rows[processType] = n
	return ""
}

// TestModel does random operations and compares what can be seen after each.
func TestModel(t *testing.T) {
	kinds := []string{"web", "web worker", "worker clock release", "web release", "clock"}
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 0))
			r, ctx := newReleases(t), t.Context()
			m := &model{rows: release.Formation{}, keys: map[string]int{}}
			for step := range 120 {
				n := rng.IntN(len(m.releases) + 2)
				var err error
				var what, want string
				switch rng.IntN(8) {
				case 0, 1, 2:
					q := request(step, kinds[rng.IntN(len(kinds))])
					q.Pending = rng.IntN(2) == 0
					q.Key = fmt.Sprint("key", rng.IntN(40))
					what = fmt.Sprintf("Register %s %v", q.Key, q.Pending)
					types := ""
					for _, p := range q.Processes {
						types += " " + p.Type
					}
					if former, ok := m.keys[q.Key]; ok {
						q.Slug = slug(m.releases[former-1].slug)
					} else {
						m.keys[q.Key] = m.add(step, types, q.Pending)
					}
					var rel release.Release
					rel, err = r.Register(ctx, "blog", q)
					if err == nil && rel.Version != m.keys[q.Key] {
						t.Fatalf("step %d: %s gave v%d, want v%d", step, what, rel.Version, m.keys[q.Key])
					}
				case 3, 4:
					what, want = fmt.Sprint("Promote ", n), m.settle(n, release.Superseded)
					_, err = r.Promote(ctx, "blog", n)
				case 5:
					what, want = fmt.Sprint("Fail ", n), m.settle(n, release.Failed)
					_, err = r.Fail(ctx, "blog", n)
				case 6:
					what, want = fmt.Sprint("Rollback ", n), m.rollback(n)
					_, err = r.Rollback(ctx, "blog", n, "", false)
				case 7:
					kind := []string{"web", "worker", "clock", "release"}[rng.IntN(4)]
					what, want = fmt.Sprint("Scale ", kind, step), m.scale(kind, step)
					_, err = r.Scale(ctx, "blog", release.Change{Type: kind, Quantity: step})
				}
				if got := id(err); got != want {
					t.Fatalf("step %d: %s gave %q (%v), want %q", step, what, got, err, want)
				}
				compare(t, fmt.Sprintf("step %d: %s", step, what), r, m)
			}
		})
	}
}

// compare compares all releases, the current one and the formation.
func compare(t *testing.T, what string, r *release.Releases, m *model) {
	t.Helper()
	got := must[[]release.Release](t)(r.List(t.Context(), "blog"))
	if len(got) != len(m.releases) {
		t.Fatalf("%s: %d releases, want %d", what, len(got), len(m.releases))
	}
	for i, rel := range got {
		n := len(got) - i
		if rel.Version != n || rel.Status != m.status(n) || rel.Slug != slug(m.releases[n-1].slug) {
			t.Fatalf(
				"%s: got v%d %s of %s, want v%d %s",
				what,
				rel.Version,
				rel.Status,
				rel.Slug.Digest,
				n,
				m.status(n),
			)
		}
	}
	f, err := r.Formation(t.Context(), "blog")
	if m.current() == 0 {
		if id(err) != "release/no-releases" {
			t.Fatalf("%s: formation %v, %v", what, f, err)
		}
		return
	}
	want := release.Formation{}
	for _, p := range request(0, m.releases[m.current()-1].types).Processes {
		if p.Type != "release" {
			want[p.Type] = m.rows[p.Type]
		}
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Fatalf("%s: formation\n%s", what, diff)
	}
	if rel := must[release.Release](t)(r.Current(t.Context(), "blog")); rel.Version != m.current() {
		t.Fatalf("%s: v%d is current, want v%d", what, rel.Version, m.current())
	}
}

// id is a refusal's id, or "".
func id(err error) string {
	if mark, ok := errors.AsType[*fault.Error](err); ok {
		return mark.ID
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
