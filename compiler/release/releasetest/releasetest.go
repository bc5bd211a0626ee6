// Package releasetest holds what the tests of releases over a file and over a cluster share:
// requests, checks, and tests that run over both.
//
//	r := releasetest.New(c)
//	releasetest.Must(r.Register(ctx, "blog", releasetest.Request(1, "web worker")))(t)
//	releasetest.CheckNumbers(t, r, "blog", 1)
package releasetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"slugc/cache/digest"
	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
)

// Epoch is when all releases of [New] are registered.
var Epoch = time.Date(2026, 11, 23, 8, 10, 11, 999, time.FixedZone("", 3600))

// New returns the releases in c, registered by "ana" at [Epoch].
func New(c coordinator.Coordinator) *release.Releases {
	return release.New(c, release.Options{Now: func() time.Time { return Epoch }, Actor: "ana"})
}

// Request is a request to release slug n with process types such as "web worker".
func Request(n int, types string) release.Request {
	q := release.Request{Slug: Slug(n), Commit: "0123456789abcdef"}
	for name := range strings.FieldsSeq(types) {
		q.Processes = append(q.Processes, procfile.Process{Type: name, Command: "run " + name})
	}
	return q
}

// PendingRequest is a [Request] for a pending release under a key.
func PendingRequest(n int, types, key string) release.Request {
	q := Request(n, types)
	q.Key, q.Pending = key, true
	return q
}

// Slug is a reference to a slug that does not exist.
func Slug(n int) release.SlugRef {
	return release.SlugRef{
		Digest:  digest.Digest(fmt.Sprintf("sha256:%064x", n)),
		Content: digest.Digest(fmt.Sprintf("sha256:%064x", n+1)),
		Size:    int64(n),
		URL:     "file:///s",
	}
}

// Must ends the test on an error: Must(r.Get(ctx, "blog", 1))(t).
func Must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// WantFault requires a fault with an id and an exit code.
func WantFault(t testing.TB, err error, id string, code int) {
	t.Helper()
	mark, ok := errors.AsType[*fault.Error](err)
	if !ok || mark.ID != id || mark.Code != code {
		t.Errorf("got %v (%+v), want %s, exit %d", err, mark, id, code)
	}
}

// WantRefusal requires a refusal: a fault of its id with exit code 72.
func WantRefusal(t testing.TB, err error, want release.Refusal) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %s", err, want)
	}
	WantFault(t, err, string(want), fault.ExitRelease)
}

// Versions renders an app's releases, the newest first: "v2 current, v1 superseded".
func Versions(t testing.TB, r *release.Releases, app string) string {
	t.Helper()
	var out []string
	for _, one := range Must(r.List(t.Context(), app))(t) {
		out = append(out, fmt.Sprintf("v%d %s", one.Version, one.Status))
	}
	return strings.Join(out, ", ")
}

// CheckNumbers requires that an app has total releases, as [Count] does.
func CheckNumbers(t testing.TB, r *release.Releases, app string, total int) {
	t.Helper()
	if got := Count(t, r, app); got != total {
		t.Errorf("%d releases, want %d", got, total)
	}
}

// Count returns how many releases an app has. It requires that their versions are that number to 1,
// the newest current and all others superseded.
func Count(t testing.TB, r *release.Releases, app string) int {
	t.Helper()
	got := Must(r.List(t.Context(), app))(t)
	for i, rel := range got {
		want := release.Superseded
		if i == 0 {
			want = release.Current
		}
		if rel.Version != len(got)-i || rel.Status != want {
			t.Fatalf("place %d has v%d %s", i, rel.Version, rel.Status)
		}
	}
	return len(got)
}
