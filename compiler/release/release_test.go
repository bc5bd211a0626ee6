package release_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
)

var epoch = time.Date(2026, 11, 23, 8, 10, 11, 999, time.FixedZone("", 3600))

func open(t testing.TB, path string) coordinator.Coordinator {
	t.Helper()
	c, err := local.Open(path, local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func newReleases(t testing.TB) *release.Releases {
	t.Helper()
	return over(open(t, filepath.Join(t.TempDir(), "c.db")))
}

func over(c coordinator.Coordinator) *release.Releases {
	return release.New(c, release.Options{Now: func() time.Time { return epoch }, Actor: "ana"})
}

// request makes a request of slug n with process types such as "web worker".
func request(n int, types string) release.Request {
	q := release.Request{Slug: slug(n), Commit: "0123456789abcdef"}
	for name := range strings.FieldsSeq(types) {
		q.Processes = append(q.Processes, procfile.Process{Type: name, Command: "run " + name})
	}
	return q
}

func slug(n int) release.SlugRef {
	return release.SlugRef{
		Digest:  fmt.Sprintf("sha256:%064x", n),
		Content: fmt.Sprintf("sha256:%064x", n+1),
		Size:    int64(n),
		URL:     "file:///s",
	}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantFault(t *testing.T, err error, id string, code int) {
	t.Helper()
	mark, ok := errors.AsType[*fault.Error](err)
	if !ok || mark.ID != "release/"+id || mark.Code != code {
		t.Errorf("got %v (%+v), want %s, exit %d", err, mark, id, code)
	}
}

// versions renders an app's releases, the newest first: "v2 current, v1 superseded".
func versions(t *testing.T, r *release.Releases, app string) string {
	t.Helper()
	var out []string
	for _, one := range must[[]release.Release](t)(r.List(t.Context(), app)) {
		out = append(out, fmt.Sprintf("v%d %s", one.Version, one.Status))
	}
	return strings.Join(out, ", ")
}

func TestRegister(t *testing.T) {
	r, ctx := newReleases(t), t.Context()
	q := request(7, "worker web")
	q.Addons = []string{"postgres"}
	got := must[release.Release](t)(r.Register(ctx, "blog", q))
	want := release.Release{
		Version: 1, Status: release.Current, Slug: slug(7), ProcessTypes: q.Processes, Addons: q.Addons, Commit: q.Commit,
		Description: "Deploy 01234567", Actor: "ana", CreatedAt: time.Date(2026, 11, 23, 7, 10, 11, 0, time.UTC),
	}
	for name, rel := range map[string]release.Release{
		"Register": got,
		"Get":      must[release.Release](t)(r.Get(ctx, "blog", 1)),
		"Current":  must[release.Release](t)(r.Current(ctx, "blog")),
		"List":     must[[]release.Release](t)(r.List(ctx, "blog"))[0],
	} {
		if diff := cmp.Diff(want, rel); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	text := string(must[[]byte](t)(json.Marshal(got)))
	for _, part := range []string{`"version":1,"status":"current"`, `"process_types":{"worker":"run worker","web":"run web"}`, `"created_at":"2026-11-23T07:10:11Z"`} {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %s", text, part)
		}
	}
	must[release.Release](t)(r.Register(ctx, "blog", request(8, "web")))
	must[release.Release](t)(r.Register(ctx, "another", request(8, "web")))
	if got := versions(t, r, "blog"); got != "v2 current, v1 superseded" {
		t.Error(got)
	}
	if diff := cmp.Diff([]string{"another", "blog"}, must[[]string](t)(r.Apps(ctx))); diff != "" {
		t.Error(diff)
	}
}

func TestPending(t *testing.T) {
	r, ctx := newReleases(t), t.Context()
	register := func(n int) {
		q := request(n, "web t"+fmt.Sprint(n))
		q.Pending = true
		if rel := must[release.Release](t)(r.Register(ctx, "blog", q)); rel.Status != release.Pending ||
			rel.Version != n {
			t.Fatalf("got %+v", rel)
		}
	}
	register(1)
	_, err := r.Current(ctx, "blog")
	wantFault(t, err, "no-releases", 72)
	_, err = r.Formation(ctx, "blog")
	wantFault(t, err, "no-releases", 72)
	for n := 2; n <= 5; n++ {
		register(n)
	}
	must[release.Release](t)(r.Promote(ctx, "blog", 4))
	must[release.Release](t)(r.Fail(ctx, "blog", 2))
	must[release.Release](t)(r.Abandon(ctx, "blog", 3))
	must[release.Release](t)(r.Promote(ctx, "blog", 1)) // older than current: the last promotion wins
	if got := versions(t, r, "blog"); got != "v5 pending, v4 superseded, v3 abandoned, v2 failed, v1 current" {
		t.Error(got)
	}
	// Again is the same.
	for name, do := range map[string]func() (release.Release, error){
		"v1 current":    func() (release.Release, error) { return r.Promote(ctx, "blog", 1) },
		"v4 superseded": func() (release.Release, error) { return r.Promote(ctx, "blog", 4) },
		"v2 failed":     func() (release.Release, error) { return r.Fail(ctx, "blog", 2) },
		"v3 abandoned":  func() (release.Release, error) { return r.Abandon(ctx, "blog", 3) },
	} {
		if rel := must[release.Release](t)(do()); fmt.Sprintf("v%d %s", rel.Version, rel.Status) != name {
			t.Errorf("got v%d %s, want %s", rel.Version, rel.Status, name)
		}
	}
	// Nothing else is.
	for _, do := range []func() (release.Release, error){
		func() (release.Release, error) { return r.Promote(ctx, "blog", 2) },
		func() (release.Release, error) { return r.Promote(ctx, "blog", 3) },
		func() (release.Release, error) { return r.Fail(ctx, "blog", 1) },
		func() (release.Release, error) { return r.Fail(ctx, "blog", 3) },
		func() (release.Release, error) { return r.Abandon(ctx, "blog", 4) },
		func() (release.Release, error) { return r.Abandon(ctx, "blog", 2) },
	} {
		_, err := do()
		wantFault(t, err, "not-pending", 72)
	}
	_, err = r.Promote(ctx, "blog", 6)
	wantFault(t, err, "unknown-version", 72)
	// Types of releases that never were current have no rows; those of v4 kept theirs, and v1 does
	// not show them.
	if diff := cmp.Diff(release.Formation{"web": 1, "t1": 0}, must[release.Formation](t)(r.Formation(ctx, "blog"))); diff != "" {
		t.Error(diff)
	}
}

func TestIdempotency(t *testing.T) {
	r, ctx := newReleases(t), t.Context()
	q := request(1, "web")
	q.Key = "build 1 / with any characters ü"
	first := must[release.Release](t)(r.Register(ctx, "blog", q))
	must[release.Release](t)(r.Register(ctx, "blog", request(2, "web")))
	again := must[release.Release](t)(r.Register(ctx, "blog", q))
	if again.Version != first.Version || again.Status != release.Superseded {
		t.Errorf("got v%d %s", again.Version, again.Status)
	}
	if other := must[release.Release](t)(r.Register(ctx, "other", q)); other.Version != 1 {
		t.Errorf("another app's key is the same: v%d", other.Version)
	}
	q.Slug = slug(9)
	_, err := r.Register(ctx, "blog", q)
	wantFault(t, err, "key-reused", 72)
	if got := versions(t, r, "blog"); got != "v2 current, v1 superseded" {
		t.Error(got)
	}
}

// lossy is a coordinator that commits and says it does not know, a number of times.
type lossy struct {
	coordinator.Coordinator
	mu   sync.Mutex
	lies int
}

func (l *lossy) Commit(ctx context.Context, compares []coordinator.Compare, writes []coordinator.Write) (int64, error) {
	rev, err := l.Coordinator.Commit(ctx, compares, writes)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && len(writes) > 0 && l.lies > 0 {
		l.lies--
		return 0, fmt.Errorf("%w: the answer was lost", coordinator.ErrUnavailable)
	}
	return rev, err
}

func TestUnknownOutcomes(t *testing.T) {
	l := &lossy{Coordinator: open(t, filepath.Join(t.TempDir(), "c.db"))}
	r, ctx := over(l), t.Context()
	l.lies = 3
	if rel := must[release.Release](t)(r.Register(ctx, "blog", request(1, "web"))); rel.Version != 1 {
		t.Errorf("v%d", rel.Version)
	}
	q := request(2, "web worker")
	q.Pending = true
	l.lies = 1
	must[release.Release](t)(r.Register(ctx, "blog", q))
	l.lies = 1
	must[release.Release](t)(r.Promote(ctx, "blog", 2))
	l.lies = 1
	must[release.Release](t)(r.Rollback(ctx, "blog", 0, "", false))
	if got := versions(t, r, "blog"); got != "v3 current, v2 superseded, v1 superseded" {
		t.Error(got)
	}
	l.lies = 1
	must[release.Formation](t)(r.Scale(ctx, "blog", release.Change{Type: "web", Quantity: 3}))
	l.lies = 1
	_, err := r.Scale(ctx, "blog", release.Change{Type: "web", Quantity: 1, Relative: true})
	wantFault(t, err, "coordinator-unavailable", 75)
	if f := must[release.Formation](t)(r.Formation(ctx, "blog")); f["web"] != 4 {
		t.Errorf("done %v: once, and not twice", f)
	}
}

// dead is a coordinator that does not answer.
type dead struct{ coordinator.Coordinator }

func (dead) Get(context.Context, ...string) ([]coordinator.Entry, error) {
	return nil, fmt.Errorf("%w: connection refused", coordinator.ErrUnavailable)
}

func (dead) List(context.Context, string) ([]coordinator.Entry, int64, error) {
	return nil, 0, fmt.Errorf("%w: connection refused", coordinator.ErrUnavailable)
}

func TestUnavailable(t *testing.T) {
	r := release.New(dead{}, release.Options{Patience: time.Millisecond})
	_, err := r.Register(t.Context(), "blog", request(1, "web"))
	wantFault(t, err, "coordinator-unavailable", fault.ExitTransient)
	_, err = r.List(t.Context(), "blog")
	wantFault(t, err, "coordinator-unavailable", fault.ExitTransient)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = over(dead{}).Apps(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// busy is a coordinator where another always comes first.
type busy struct{ coordinator.Coordinator }

func (busy) Commit(context.Context, []coordinator.Compare, []coordinator.Write) (int64, error) {
	return 0, coordinator.ErrConflict
}

func TestContended(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := over(busy{open(t, filepath.Join(t.TempDir(), "c.db"))}).Register(ctx, "blog", request(1, "web"))
	wantFault(t, err, "contended", fault.ExitTransient)
}

func TestRefusedRequests(t *testing.T) {
	r, ctx := newReleases(t), t.Context()
	for _, app := range []string{"", "Blog", "-blog", ".blog", "a/b", "a b", "ä", "a\n", strings.Repeat("a", 64)} {
		_, err := r.Register(ctx, app, request(1, "web"))
		wantFault(t, err, "app-name", 2)
	}
	for _, app := range []string{"a", "0", "my-blog_2.x", strings.Repeat("a", 63), "a..b"} {
		must[release.Release](t)(r.Register(ctx, app, request(1, "web")))
	}
	bad := request(1, "web")
	bad.Slug.Digest = "sha256:12"
	if _, err := r.Register(ctx, "blog", bad); err == nil {
		t.Error("a malformed digest is registered")
	}
	if _, err := r.Register(ctx, "blog", request(1, "web web")); err == nil {
		t.Error("a process type is registered twice")
	}
	large := request(1, "web")
	large.Processes[0].Command = strings.Repeat("x", coordinator.MaxValue)
	_, err := r.Register(ctx, "blog", large)
	wantFault(t, err, "too-large", 72)
	if got := must[[]release.Release](t)(r.List(ctx, "blog")); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestRollback(t *testing.T) {
	r, ctx := newReleases(t), t.Context()
	_, err := r.Rollback(ctx, "blog", 0, "", false)
	wantFault(t, err, "no-releases", 72)
	q := request(1, "web worker")
	q.Addons = []string{"redis"}
	must[release.Release](t)(r.Register(ctx, "blog", q))
	_, err = r.Rollback(ctx, "blog", 0, "", false)
	wantFault(t, err, "not-rollbackable", 72)
	must[release.Release](t)(r.Register(ctx, "blog", request(2, "web clock")))
	for i, pending := 0, request(3, "web"); i < 3; i++ {
		pending.Pending = true
		must[release.Release](t)(r.Register(ctx, "blog", pending))
	}
	must[release.Release](t)(r.Fail(ctx, "blog", 3))
	must[release.Release](t)(r.Abandon(ctx, "blog", 4))
	must[release.Formation](t)(r.Scale(ctx, "blog", release.Change{Type: "web", Quantity: 5}))

	for version, id := range map[int]string{2: "not-rollbackable", 3: "not-rollbackable", 4: "not-rollbackable", 5: "not-rollbackable", 6: "unknown-version", -1: "unknown-version"} {
		_, err := r.Rollback(ctx, "blog", version, "", false)
		wantFault(t, err, id, 72)
	}
	got := must[release.Release](t)(r.Rollback(ctx, "blog", 1, "", false))
	want := release.Release{
		Version: 6, Status: release.Current, Slug: slug(1), ProcessTypes: q.Processes, Addons: q.Addons, Commit: q.Commit,
		Description: "Rollback to v1", Actor: "ana", RollbackOf: 1, CreatedAt: epoch.UTC().Truncate(time.Second),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(release.Formation{"web": 5, "worker": 0}, must[release.Formation](t)(r.Formation(ctx, "blog"))); diff != "" {
		t.Error(diff)
	}
	// Without a number, it goes to what was current before: v2, though v5 to v3 are newer.
	if got := must[release.Release](t)(r.Rollback(ctx, "blog", 0, "", false)); got.RollbackOf != 2 || got.Version != 7 {
		t.Errorf("got %+v", got)
	}
	if got := versions(t, r, "blog"); got != "v7 current, v6 superseded, v5 pending, v4 abandoned, v3 failed, v2 superseded, v1 superseded" {
		t.Error(got)
	}
}

func TestConcurrentGoroutines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	const writers, each = 16, 5
	var wg sync.WaitGroup
	for range writers {
		r := over(open(t, path))
		wg.Go(func() {
			for i := range each {
				if _, err := r.Register(t.Context(), "blog", request(i, "web")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	checkNumbers(t, over(open(t, path)), "blog", writers*each)
}

// checkNumbers says whether an app's releases are total..1, the current one the newest, all others
// superseded.
func checkNumbers(t *testing.T, r *release.Releases, app string, total int) {
	t.Helper()
	got := must[[]release.Release](t)(r.List(t.Context(), app))
	if len(got) != total {
		t.Errorf("%d releases, want %d", len(got), total)
	}
	for i, rel := range got {
		want := release.Superseded
		if i == 0 {
			want = release.Current
		}
		if rel.Version != len(got)-i || rel.Status != want {
			t.Fatalf("place %d has v%d %s", i, rel.Version, rel.Status)
		}
	}
}
