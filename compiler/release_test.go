package compiler

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"slugc/cache/digest"
	"slugc/compiler/artifact/blobstore"
	"slugc/compiler/coordinator"
	"slugc/compiler/deploy"
	"slugc/compiler/fault"
	"slugc/compiler/release"
)

// TestRelease releases a new slug once, however often it is built.
func TestRelease(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.req.Register, m.req.Output = true, filepath.Join(t.TempDir(), "out.tgz")
	m.req.Deploy.Actor = "ann"
	first := m.build()
	if first.Release == nil || *first.Release != (Release{App: "hello", Version: 1, Status: "current", New: true}) {
		t.Fatalf("got %+v", first.Release)
	}
	if first.Slug.Path != m.req.Output {
		t.Errorf("the slug is at %q", first.Slug.Path)
	}
	if d, _, err := digest.File(m.req.Output); err != nil || d != first.Slug.Digest {
		t.Errorf("the copy is %s, %v", d, err)
	}
	again := m.build()
	if !again.Unchanged || *again.Release != (Release{App: "hello", Version: 1, Status: "current"}) {
		t.Errorf("the same again: %+v", again.Release)
	}
	m.req.Deploy.Pending = true
	if pending := m.build(); *pending.Release != (Release{App: "hello", Version: 2, Status: "pending", New: true}) {
		t.Errorf("the same, pending: %+v", pending.Release)
	}
	list := m.releases()
	if len(list) != 2 || list[1].Actor != "ann" || list[1].Description != "Build "+first.Slug.Digest.Hex()[:8] {
		t.Errorf("releases %+v", list)
	}
}

// TestOutputFails writes to a directory that does not exist. The slug is kept and nothing released.
func TestOutputFails(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.req.Register, m.req.Output = true, filepath.Join(t.TempDir(), "none", "out.tgz")
	m.fails("slug/output")
	if list := m.releases(); len(list) > 0 || m.app().Record() == nil {
		t.Errorf("releases %+v, record %+v", list, m.app().Record())
	}
}

// TestPostponed registers while a service is down: the slug is kept, and a hint says how to
// register it later.
func TestPostponed(t *testing.T) {
	t.Parallel()
	down := fault.TransientError("test/down", errors.New("down"), "try again")
	for name, test := range map[string]struct {
		alter func(m *machine)
		hint  string
	}{
		"coordinator": {func(m *machine) {
			m.Coordinator = func(context.Context) (coordinator.Coordinator, error) { return nil, down }
		}, "register it later with `slugc register SLUG --app hello`"},
		"store": {func(m *machine) {
			m.OpenStore = func(string) (blobstore.Store, error) { return nil, down }
		}, "register it later with `slugc register SLUG --app hello`"},
		"store, pending": {func(m *machine) {
			m.req.Deploy.Pending = true
			m.OpenStore = func(string) (blobstore.Store, error) { return nil, down }
		}, "the same source need not be built again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, t.TempDir())
			m.req.Register = true
			up := *m.Engine
			test.alter(m)
			r, err := m.change(nil)
			f := fault.Of(err)
			if r == nil || f == nil || f.ID != "test/down" || f.Code != fault.ExitTransient ||
				f.Hints[0] != "try again" {
				t.Fatalf("got %+v, %+v", r, f)
			}
			want := strings.ReplaceAll(test.hint, "SLUG", r.Slug.Path)
			if hint := f.Hints[len(f.Hints)-1]; !strings.HasSuffix(hint, want) {
				t.Errorf("the last hint is %q, want %q", hint, want)
			}
			if _, err := os.Stat(r.Slug.Path); err != nil || r.Release != nil {
				t.Errorf("the slug: %v, the release: %+v", err, r.Release)
			}
			m.Engine = &up
			if list := m.releases(); len(list) > 0 {
				t.Errorf("releases %+v", list)
			}
			if later := m.build(); !later.Unchanged || !later.Release.New {
				t.Errorf("later: %+v", later)
			}
		})
	}
}

// TestStoredBeforeReleased releases a slug that other machines can fetch. A current release that
// names a file of this machine is stored when there is a store.
func TestStoredBeforeReleased(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.req.Register = true
	r := m.build()
	if url := m.releases()[0].Slug.URL; url != "file://"+r.Slug.Path {
		t.Errorf("without a store the release names %q", url)
	}
	dir := filepath.Join(t.TempDir(), "slugs")
	m.OpenStore = storeAt(dir)
	m.build()
	if !m.recorded.Has("step: Storing the slug") {
		t.Errorf("it reports %q", m.recorded.Lines)
	}
	m.write("version", "2")
	r = m.build()
	url := m.releases()[0].Slug.URL
	store, err := m.OpenStore("")
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Stat(t.Context(), url, r.Slug.Digest); err != nil || !strings.HasPrefix(url, "file://"+dir+"/") {
		t.Errorf("the release names %q: %v", url, err)
	}
	// The same again puts back what the store lacks, and does not need the store.
	if err := os.RemoveAll(filepath.Join(dir, "parts")); err != nil {
		t.Fatal(err)
	}
	if r := m.build(); r.Release.New || store.Stat(t.Context(), url, r.Slug.Digest) != nil {
		t.Errorf("the store is not repaired: %q", m.recorded.Lines)
	}
	m.OpenStore = func(string) (blobstore.Store, error) { return nil, errors.New("down") }
	if r := m.build(); r.Release.New {
		t.Errorf("got %+v", r.Release)
	}
}

// TestReleaseProcessFails keeps the slug without the hint to register it: the same command would
// run again.
func TestReleaseProcessFails(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.req.Register = true
	m.write("Procfile", "web: x\nrelease: exit 3\n")
	f := m.fails("release/phase-failed")
	failed, ok := errors.AsType[*deploy.PhaseError](f)
	later := slices.ContainsFunc(f.Hints, func(h string) bool { return strings.Contains(h, "slugc register") })
	if !ok || failed.Version != 1 || later {
		t.Errorf("got %+v", f)
	}
	if list := m.releases(); len(list) != 1 || list[0].Status != release.Failed {
		t.Errorf("releases %+v", list)
	}
}

// silentLocker never answers.
type silentLocker struct{}

func (silentLocker) Lock(ctx context.Context, _ coordinator.Lock) (<-chan struct{}, func(), error) {
	<-ctx.Done()
	return nil, nil, ctx.Err()
}

// TestBuilderLock builds without the builder machines' lock if it cannot be had, and takes it only
// for builds that register.
func TestBuilderLock(t *testing.T) {
	t.Parallel()
	m := newMachine(t, t.TempDir())
	m.Builders = func(context.Context) (coordinator.Locker, error) { return silentLocker{}, nil }
	const without = "detail: building without the lock that builder machines share: "
	m.build()
	if m.recorded.Has(without + "the coordinator did not answer within 1.5s") {
		t.Errorf("a build that does not register: it reports %q", m.recorded.Lines)
	}
	m.req.Register = true
	m.write("version", "2")
	m.build()
	if !m.recorded.Has(without + "the coordinator did not answer within 1.5s") {
		t.Errorf("it reports %q", m.recorded.Lines)
	}
	m.Builders = func(context.Context) (coordinator.Locker, error) { return nil, errors.New("no such cluster") }
	m.write("version", "3")
	m.build()
	if !m.recorded.Has(without + "no such cluster") {
		t.Errorf("it reports %q", m.recorded.Lines)
	}
}
