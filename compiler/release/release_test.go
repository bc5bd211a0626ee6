package release_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/coordinator"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/fault"
	"slugc/compiler/release"
	"slugc/compiler/release/releasetest"
)

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
	return releasetest.New(open(t, filepath.Join(t.TempDir(), "c.db")))
}

func wantVersions(t *testing.T, r *release.Releases, want string) {
	t.Helper()
	if got := releasetest.Versions(t, r, "blog"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func wantFormation(t *testing.T, r *release.Releases, want release.Formation) {
	t.Helper()
	if diff := cmp.Diff(want, releasetest.Must(r.Formation(t.Context(), "blog"))(t)); diff != "" {
		t.Error(diff)
	}
}

func TestRegister(t *testing.T) {
	r, ctx := newReleases(t), t.Context()
	q := releasetest.Request(7, "worker web")
	q.Addons = []string{"postgres"}
	got := releasetest.Must(r.Register(ctx, "blog", q))(t)
	want := release.Release{
		Version: 1, Status: release.Current, Slug: releasetest.Slug(7), ProcessTypes: q.Processes,
		Addons: q.Addons, Commit: q.Commit, Description: "Deploy 01234567", Actor: "ana",
		CreatedAt: time.Date(2026, 11, 23, 7, 10, 11, 0, time.UTC),
	}
	for name, rel := range map[string]release.Release{
		"Register": got,
		"Get":      releasetest.Must(r.Get(ctx, "blog", 1))(t),
		"Current":  releasetest.Must(r.Current(ctx, "blog"))(t),
		"List":     releasetest.Must(r.List(ctx, "blog"))(t)[0],
	} {
		if diff := cmp.Diff(want, rel); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	text := string(releasetest.Must(json.Marshal(got))(t))
	for _, part := range []string{
		`"version":1,"status":"current"`,
		`"process_types":{"worker":"run worker","web":"run web"}`,
		`"created_at":"2026-11-23T07:10:11Z"`,
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %s", text, part)
		}
	}
	releasetest.Must(r.Register(ctx, "blog", releasetest.Request(8, "web")))(t)
	releasetest.Must(r.Register(ctx, "another", releasetest.Request(8, "web")))(t)
	wantVersions(t, r, "v2 current, v1 superseded")
	if diff := cmp.Diff([]string{"another", "blog"}, releasetest.Must(r.Apps(ctx))(t)); diff != "" {
		t.Error(diff)
	}
}

func TestPending(t *testing.T) {
	r, ctx := newReleases(t), t.Context()
	register := func(n int) {
		q := releasetest.Request(n, "web t"+fmt.Sprint(n))
		q.Pending = true
		if rel := releasetest.Must(r.Register(ctx, "blog", q))(t); rel.Status != release.Pending ||
			rel.Version != n {
			t.Fatalf("got %+v", rel)
		}
	}
	register(1)
	_, err := r.Current(ctx, "blog")
	releasetest.WantRefusal(t, err, release.ErrNoReleases)
	_, err = r.Formation(ctx, "blog")
	releasetest.WantRefusal(t, err, release.ErrNoReleases)
	for n := 2; n <= 5; n++ {
		register(n)
	}
	releasetest.Must(r.Promote(ctx, "blog", 4))(t)
	releasetest.Must(r.Fail(ctx, "blog", 2))(t)
	releasetest.Must(r.Abandon(ctx, "blog", 3))(t)
	releasetest.Must(r.Promote(ctx, "blog", 1))(t) // older than current: the last promotion wins
	wantVersions(t, r, "v5 pending, v4 superseded, v3 abandoned, v2 failed, v1 current")
	// Again is the same.
	for name, do := range map[string]func() (release.Release, error){
		"v1 current":    func() (release.Release, error) { return r.Promote(ctx, "blog", 1) },
		"v4 superseded": func() (release.Release, error) { return r.Promote(ctx, "blog", 4) },
		"v2 failed":     func() (release.Release, error) { return r.Fail(ctx, "blog", 2) },
		"v3 abandoned":  func() (release.Release, error) { return r.Abandon(ctx, "blog", 3) },
	} {
		if rel := releasetest.Must(do())(t); fmt.Sprintf("v%d %s", rel.Version, rel.Status) != name {
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
		releasetest.WantRefusal(t, err, release.ErrNotPending)
	}
	_, err = r.Promote(ctx, "blog", 6)
	releasetest.WantRefusal(t, err, release.ErrUnknownVersion)
	// Types of releases that never were current have no rows; those of v4 kept theirs, and v1 does
	// not show them.
	wantFormation(t, r, release.Formation{"web": 1, "t1": 0})
}

func TestIdempotency(t *testing.T) {
	r, ctx := newReleases(t), t.Context()
	q := releasetest.Request(1, "web")
	q.Key = "build 1 / with any characters ü"
	first := releasetest.Must(r.Register(ctx, "blog", q))(t)
	releasetest.Must(r.Register(ctx, "blog", releasetest.Request(2, "web")))(t)
	again := releasetest.Must(r.Register(ctx, "blog", q))(t)
	if again.Version != first.Version || again.Status != release.Superseded {
		t.Errorf("got v%d %s", again.Version, again.Status)
	}
	if other := releasetest.Must(r.Register(ctx, "other", q))(t); other.Version != 1 {
		t.Errorf("another app's key is the same: v%d", other.Version)
	}
	q.Slug = releasetest.Slug(9)
	_, err := r.Register(ctx, "blog", q)
	releasetest.WantRefusal(t, err, release.ErrKeyReused)
	wantVersions(t, r, "v2 current, v1 superseded")
}

// lossyCoordinator commits and loses the answer, a number of times.
type lossyCoordinator struct {
	coordinator.Coordinator
	mu     sync.Mutex
	losses int
}

func (l *lossyCoordinator) Commit(
	ctx context.Context, compares []coordinator.Compare, writes []coordinator.Write,
) (int64, error) {
	rev, err := l.Coordinator.Commit(ctx, compares, writes)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && len(writes) > 0 && l.losses > 0 {
		l.losses--
		return 0, fmt.Errorf("%w: the answer was lost", coordinator.ErrUnavailable)
	}
	return rev, err
}

func TestUnknownOutcomes(t *testing.T) {
	t.Parallel()
	l := &lossyCoordinator{Coordinator: open(t, filepath.Join(t.TempDir(), "c.db"))}
	r, ctx := releasetest.New(l), t.Context()
	l.losses = 3
	if rel := releasetest.Must(r.Register(ctx, "blog", releasetest.Request(1, "web")))(t); rel.Version != 1 {
		t.Errorf("v%d", rel.Version)
	}
	q := releasetest.Request(2, "web worker")
	q.Pending = true
	l.losses = 1
	releasetest.Must(r.Register(ctx, "blog", q))(t)
	l.losses = 1
	releasetest.Must(r.Promote(ctx, "blog", 2))(t)
	l.losses = 1
	releasetest.Must(r.Rollback(ctx, "blog", 0, "", false))(t)
	wantVersions(t, r, "v3 current, v2 superseded, v1 superseded")
	l.losses = 1
	releasetest.Must(r.Scale(ctx, "blog", release.Change{Type: "web", Quantity: 3}))(t)
	l.losses = 1
	_, err := r.Scale(ctx, "blog", release.Change{Type: "web", Quantity: 1, Relative: true})
	releasetest.WantFault(t, err, "release/coordinator-unavailable", 75)
	if f := releasetest.Must(r.Formation(ctx, "blog"))(t); f["web"] != 4 {
		t.Errorf("done %v: once, and not twice", f)
	}
}

// deadCoordinator does not answer.
type deadCoordinator struct{ coordinator.Coordinator }

func (deadCoordinator) Get(context.Context, ...string) ([]coordinator.Entry, error) {
	return nil, fmt.Errorf("%w: connection refused", coordinator.ErrUnavailable)
}

func (deadCoordinator) List(context.Context, string) ([]coordinator.Entry, int64, error) {
	return nil, 0, fmt.Errorf("%w: connection refused", coordinator.ErrUnavailable)
}

// fullCoordinator has no room on its disk, and soon no longer answers.
type fullCoordinator struct {
	coordinator.Coordinator
	answers int
}

func (c *fullCoordinator) Get(ctx context.Context, _ ...string) ([]coordinator.Entry, error) {
	if c.answers--; c.answers >= 0 {
		return nil, fmt.Errorf("using c.db: %w: %w", coordinator.ErrUnavailable, syscall.ENOSPC)
	}
	<-ctx.Done()
	return nil, fmt.Errorf("using c.db: %w: %w", coordinator.ErrUnavailable, ctx.Err())
}

// TestFullDisk holds that the cause of a long wait is told, not that it took too long.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	r := release.New(&fullCoordinator{answers: 2}, release.Options{RetryTime: 200 * time.Millisecond})
	_, err := r.Register(t.Context(), "blog", releasetest.Request(1, "web"))
	releasetest.WantFault(t, err, "disk/full", fault.ExitTransient)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestUnavailable(t *testing.T) {
	r := release.New(deadCoordinator{}, release.Options{RetryTime: time.Millisecond})
	_, err := r.Register(t.Context(), "blog", releasetest.Request(1, "web"))
	releasetest.WantFault(t, err, "release/coordinator-unavailable", fault.ExitTransient)
	_, err = r.List(t.Context(), "blog")
	releasetest.WantFault(t, err, "release/coordinator-unavailable", fault.ExitTransient)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = releasetest.New(deadCoordinator{}).Apps(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// busyCoordinator meets a conflict with every commit.
type busyCoordinator struct{ coordinator.Coordinator }

func (busyCoordinator) Commit(context.Context, []coordinator.Compare, []coordinator.Write) (int64, error) {
	return 0, coordinator.ErrConflict
}

func TestContended(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	r := releasetest.New(busyCoordinator{open(t, filepath.Join(t.TempDir(), "c.db"))})
	_, err := r.Register(ctx, "blog", releasetest.Request(1, "web"))
	releasetest.WantFault(t, err, "release/contended", fault.ExitTransient)
}

func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	r, ctx := newReleases(t), t.Context()
	for _, app := range []string{"", "Blog", "-blog", ".blog", "a/b", "a b", "ä", "a\n", strings.Repeat("a", 64)} {
		_, err := r.Register(ctx, app, releasetest.Request(1, "web"))
		releasetest.WantFault(t, err, "release/app-name", 2)
	}
	for _, app := range []string{"a", "0", "my-blog_2.x", strings.Repeat("a", 63), "a..b"} {
		releasetest.Must(r.Register(ctx, app, releasetest.Request(1, "web")))(t)
	}
	bad := releasetest.Request(1, "web")
	bad.Slug.Digest = "sha256:12"
	if _, err := r.Register(ctx, "blog", bad); err == nil {
		t.Error("a malformed digest is registered")
	}
	if _, err := r.Register(ctx, "blog", releasetest.Request(1, "web web")); err == nil {
		t.Error("a process type is registered twice")
	}
	large := releasetest.Request(1, "web")
	large.Processes[0].Command = strings.Repeat("x", coordinator.MaxValue)
	_, err := r.Register(ctx, "blog", large)
	releasetest.WantFault(t, err, "release/too-large", 72)
	if got := releasetest.Must(r.List(ctx, "blog"))(t); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestRollback(t *testing.T) {
	r, ctx := newReleases(t), t.Context()
	_, err := r.Rollback(ctx, "blog", 0, "", false)
	releasetest.WantRefusal(t, err, release.ErrNoReleases)
	q := releasetest.Request(1, "web worker")
	q.Addons = []string{"redis"}
	releasetest.Must(r.Register(ctx, "blog", q))(t)
	_, err = r.Rollback(ctx, "blog", 0, "", false)
	releasetest.WantRefusal(t, err, release.ErrNotRollbackable)
	releasetest.Must(r.Register(ctx, "blog", releasetest.Request(2, "web clock")))(t)
	for i, pending := 0, releasetest.Request(3, "web"); i < 3; i++ {
		pending.Pending = true
		releasetest.Must(r.Register(ctx, "blog", pending))(t)
	}
	releasetest.Must(r.Fail(ctx, "blog", 3))(t)
	releasetest.Must(r.Abandon(ctx, "blog", 4))(t)
	releasetest.Must(r.Scale(ctx, "blog", release.Change{Type: "web", Quantity: 5}))(t)

	for _, version := range []int{2, 3, 4, 5} {
		_, err := r.Rollback(ctx, "blog", version, "", false)
		releasetest.WantRefusal(t, err, release.ErrNotRollbackable)
	}
	for _, version := range []int{6, -1} {
		_, err := r.Rollback(ctx, "blog", version, "", false)
		releasetest.WantRefusal(t, err, release.ErrUnknownVersion)
	}
	got := releasetest.Must(r.Rollback(ctx, "blog", 1, "", false))(t)
	want := release.Release{
		Version: 6, Status: release.Current, Slug: releasetest.Slug(1), ProcessTypes: q.Processes,
		Addons: q.Addons, Commit: q.Commit,
		Description: "Rollback to v1", Actor: "ana", RollbackOf: 1,
		CreatedAt: releasetest.Epoch.UTC().Truncate(time.Second),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantFormation(t, r, release.Formation{"web": 5, "worker": 0})
	// Without a number, it goes to what was current before: v2, though v5 to v3 are newer.
	if got := releasetest.Must(r.Rollback(ctx, "blog", 0, "", false))(t); got.RollbackOf != 2 || got.Version != 7 {
		t.Errorf("got %+v", got)
	}
	wantVersions(t, r, "v7 current, v6 superseded, v5 pending, v4 abandoned, v3 failed, "+
		"v2 superseded, v1 superseded")
}

func TestConcurrentGoroutines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "c.db")
	const writers, each = 16, 5
	var wg sync.WaitGroup
	for range writers {
		r := releasetest.New(open(t, path))
		wg.Go(func() {
			for i := range each {
				if _, err := r.Register(t.Context(), "blog", releasetest.Request(i, "web")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	releasetest.CheckNumbers(t, releasetest.New(open(t, path)), "blog", writers*each)
}
