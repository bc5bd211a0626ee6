package deploy

import (
	"testing"

	"slugc/cache"
	"slugc/cache/digest"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
)

func newApp(t *testing.T) (*cache.Home, *cache.App) {
	t.Helper()
	home, err := cache.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	app, err := home.App("hello")
	if err != nil {
		t.Fatal(err)
	}
	return home, app
}

// TestKeyInUse records a key that another registration holds.
func TestKeyInUse(t *testing.T) {
	t.Parallel()
	_, app := newApp(t)
	k, err := recordKey(app, "key")
	if err != nil {
		t.Fatal(err)
	}
	_, err = recordKey(app, "key")
	f := fault.Of(err)
	if f == nil || f.ID != "release/in-progress" || f.Code != fault.ExitTransient || len(f.Hints) == 0 {
		t.Errorf("got %+v", f)
	}
	if err := k.remove(); err != nil {
		t.Fatal(err)
	}
	if k, err = recordKey(app, "key"); err != nil {
		t.Fatal(err)
	}
	k.unlock()
}

// TestCancelKilled cancels the pending release of a process that is gone, and no other.
func TestCancelKilled(t *testing.T) {
	t.Parallel()
	home, app := newApp(t)
	c, err := local.Open(home.Path("coordinator.db"), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	d := &Deployer{Home: home, Releases: release.New(c, release.Options{})}
	k, err := recordKey(app, "killed")
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Releases.Register(t.Context(), "hello", release.Request{
		Slug:      release.SlugRef{Digest: digest.Of([]byte("slug"))},
		Processes: procfile.ProcessMap{{Type: "release", Command: "true"}}, Key: "killed", Pending: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	status := func(what, except string, want release.Status) {
		t.Helper()
		if err := d.CancelKilled(t.Context(), "hello", except); err != nil {
			t.Fatal(err)
		}
		if r, err := d.Releases.Get(t.Context(), "hello", 1); err != nil || r.Status != want {
			t.Errorf("%s: got %s, %v, want %s", what, r.Status, err, want)
		}
	}
	status("its process lives", "other", release.Pending)
	k.unlock()
	status("it is registered again", "killed", release.Pending)
	status("its process is gone", "other", release.Abandoned)
	status("once more", "other", release.Abandoned)
}
