package deploy_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slugc/cache"
	"slugc/cache/testkit"
	"slugc/compiler/artifact/blobstore"
	"slugc/compiler/coordinator/local"
	"slugc/compiler/deploy"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
	"slugc/compiler/report/reporttest"
	"slugc/compiler/sandbox"
	"slugc/compiler/slug"
)

// machine deploys an app on a machine of its own, whose sandbox contains nothing.
type machine struct {
	*testing.T
	*deploy.Deployer
	recorded *reporttest.Recorder
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	home, err := cache.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := local.Open(home.Path("coordinator.db"), local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	recorded := &reporttest.Recorder{}
	return &machine{T: t, recorded: recorded, Deployer: &deploy.Deployer{
		Home: home, Report: recorded, Releases: release.New(c, release.Options{}),
		Sandbox: func(ctx context.Context) (*sandbox.Sandbox, error) {
			return sandbox.Probe(ctx, sandbox.ProbeOptions{Want: sandbox.None})
		},
	}}
}

// pack packs a slug whose release process is a command, "" for none.
func (m *machine) pack(text, command string) (file string, q release.Request) {
	m.Helper()
	dir := testkit.Tree(m, m.TempDir(), map[string]string{"app/hello.txt": text})
	q.Processes = procfile.ProcessMap{{Type: "web", Command: "cat hello.txt"}}
	if command != "" {
		q.Processes = append(q.Processes, procfile.Process{Type: "release", Command: command})
	}
	file = filepath.Join(dir, "hello.tgz")
	p, err := slug.Pack(m.Context(), slug.PackOptions{
		Output: file, Manifest: slug.Manifest{ProcessTypes: q.Processes},
		Sections: []slug.Section{{Name: "app", Dir: filepath.Join(dir, "app")}},
	})
	if err != nil {
		m.Fatal(err)
	}
	q.Slug = release.SlugRef{Digest: p.Digest, Content: p.Content, Size: p.Size, URL: "file://" + file}
	return file, q
}

// deploys deploys a new slug, which must make a release of this number and status.
func (m *machine) deploys(text, command string, o deploy.Options, version int, status release.Status) {
	m.Helper()
	file, q := m.pack(text, command)
	made, err := m.Deploy(m.Context(), "hello", file, q, o)
	if err != nil || made.Version != version || made.Status != status {
		m.Fatalf("got %+v, %v, want v%d %s", made, err, version, status)
	}
}

// statuses are the statuses of all releases, the first one first.
func (m *machine) statuses() string {
	m.Helper()
	list, err := m.Releases.List(m.Context(), "hello")
	if err != nil {
		m.Fatal(err)
	}
	var statuses []string
	for _, r := range slices.Backward(list) {
		statuses = append(statuses, string(r.Status))
	}
	return strings.Join(statuses, " ")
}

// TestReleaseProcess runs the release process in the slug, before the release is current.
func TestReleaseProcess(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	env := map[string]string{"DATABASE": "db1"}
	m.deploys("one", "", deploy.Options{}, 1, release.Current)
	if len(m.recorded.Lines) > 0 {
		t.Errorf("without a release process it reports %q", m.recorded.Lines)
	}
	const phase = `cat hello.txt; echo " $DATABASE $DYNO $HEROKU_RELEASE_VERSION"`
	m.deploys("two", phase, deploy.Options{Env: env}, 2, release.Current)
	if out := m.recorded.Out.String(); out != "two db1 release.1 v2\n" {
		t.Errorf("the release process says %q", out)
	}
	if !m.recorded.Has("step: Running the release process of hello v2") {
		t.Errorf("it reports %q", m.recorded.Lines)
	}
	m.deploys("three", "true", deploy.Options{Pending: true, Env: env}, 3, release.Pending)
	m.deploys("four", "", deploy.Options{Pending: true}, 4, release.Pending)
	if got := m.statuses(); got != "superseded current pending pending" {
		t.Errorf("releases %s", got)
	}
	// A pending release is the caller's: the next deployment leaves it alone.
	m.deploys("five", "true", deploy.Options{Env: env}, 5, release.Current)
	if got := m.statuses(); got != "superseded superseded pending pending current" {
		t.Errorf("releases %s", got)
	}
}

// TestReleaseProcessConfig refuses to run a release process without the config vars that the current release's, or
// the one that is rolled back to, had. Nothing runs and nothing is registered.
func TestReleaseProcessConfig(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	env := map[string]string{"DATABASE_URL": "postgres://u:hunter2@h/d", "A": ""}
	m.deploys("one", "echo one", deploy.Options{Env: env}, 1, release.Current)
	refused := func(want string, do func() (release.Release, error)) {
		t.Helper()
		m.recorded.Out.Reset()
		_, err := do()
		f := fault.Of(err)
		if f == nil || f.ID != "release/config-missing" || f.Error() != want || m.recorded.Out.Len() > 0 {
			t.Errorf("got %v; output %q", err, m.recorded.Out.String())
		}
	}
	file, q := m.pack("two", "echo two")
	refused("releasing hello: the release process of v1 had the config vars A, DATABASE_URL, and now they are not set",
		func() (release.Release, error) { return m.Deploy(t.Context(), "hello", file, q, deploy.Options{}) })
	m.deploys("two", "", deploy.Options{}, 2, release.Current)
	few := deploy.Options{Env: map[string]string{"A": "1"}}
	refused("rolling hello back: the release process of v1 had the config vars DATABASE_URL, and now they are not set",
		func() (release.Release, error) { return m.Rollback(t.Context(), "hello", 1, few) })
	if got := m.statuses(); got != "superseded current" {
		t.Errorf("releases %s", got)
	}
	m.Fetch = func(_ context.Context, _ string, r release.Release) (string, error) {
		return strings.TrimPrefix(r.Slug.URL, "file://"), nil
	}
	made, err := m.Rollback(t.Context(), "hello", 1, deploy.Options{Env: env})
	if err != nil || made.Version != 3 || !slices.Equal(made.ConfigVars, []string{"A", "DATABASE_URL"}) {
		t.Errorf("got %+v, %v", made, err)
	}
}

// TestReleaseProcessFails leaves the current release as it is, whatever goes wrong.
func TestReleaseProcessFails(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		command string
		limits  sandbox.Limits
		why     string
		hint    string
	}{
		"code": {command: "exit 3", why: "it ended with code 3", hint: "fix the command"},
		"time": {
			command: "sleep 100", limits: sandbox.Limits{Deadline: 100 * time.Millisecond}, why: "stopped after 100ms",
			hint: "--release-timeout",
		},
		"disk": {
			command: "head -c 60000000 /dev/zero >big; sleep 60", limits: sandbox.Limits{Disk: 20e6},
			why: "wrote ", hint: "--disk",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			m.deploys("one", "", deploy.Options{}, 1, release.Current)
			file, q := m.pack("two", test.command)
			var hints []string
			for _, why := range []string{test.why, "it failed under this key before"} {
				why = "running the release process of v2: " + why
				made, err := m.Deploy(t.Context(), "hello", file, q, deploy.Options{Key: "k", Limits: test.limits})
				failed, ok := errors.AsType[*deploy.PhaseError](err)
				if !ok || failed.Version != 2 || !strings.HasPrefix(err.Error(), why) || made.Status != release.Failed {
					t.Errorf("got %+v, %v", made, err)
				}
				f := fault.Of(err)
				if f.ID != "release/phase-failed" || f.Owner != fault.App || f.Code != fault.ExitRelease {
					t.Errorf("got %+v", f)
				}
				hints = append(hints, f.Hints...)
			}
			if !strings.Contains(hints[0], test.hint) {
				t.Errorf("the hint is %q", hints[0])
			}
			if got := m.statuses(); got != "current failed" {
				t.Errorf("releases %s", got)
			}
		})
	}
}

// TestSetup sets an app up: once, before its first release is current, and again until that succeeds.
func TestSetup(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	env := map[string]string{"DATABASE": "db1"}
	file, q := m.pack("one", "echo migrated")
	_, err := m.Deploy(t.Context(), "hello", file, q, deploy.Options{Env: env, Setup: "exit 3"})
	f := fault.Of(err)
	const failed = "running scripts.postdeploy of v1: it ended with code 3"
	if f == nil || f.ID != "release/phase-failed" || f.Error() != failed ||
		!strings.HasPrefix(f.Hints[0], "the app has no release yet; fix scripts.postdeploy in app.json") {
		t.Errorf("got %+v", f)
	}
	m.recorded.Out.Reset()
	const seed = `echo "seeds $(cat hello.txt) in $DATABASE as $DYNO"`
	m.deploys("one", "echo migrated", deploy.Options{Env: env, Setup: seed}, 2, release.Current)
	if out := m.recorded.Out.String(); out != "migrated\nseeds one in db1 as postdeploy.1\n" {
		t.Errorf("the first release says %q", out)
	}
	if !m.recorded.Has("step: Running scripts.postdeploy of hello v2") {
		t.Errorf("it reports %q", m.recorded.Lines)
	}
	m.recorded.Out.Reset()
	m.deploys("two", "", deploy.Options{Setup: seed}, 3, release.Current)
	if out := m.recorded.Out.String(); out != "" || m.statuses() != "failed superseded current" {
		t.Errorf("the next one says %q; releases %s", out, m.statuses())
	}
}

// TestSetupOfPending sets an app up whose first release somebody else will promote, and that has no release process.
func TestSetupOfPending(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.deploys("one", "", deploy.Options{Pending: true, Setup: "echo seeded"}, 1, release.Pending)
	if out := m.recorded.Out.String(); out != "seeded\n" {
		t.Errorf("it says %q", out)
	}
}

// TestCancelledDuringProcess ends the deployment while the release process runs.
func TestCancelledDuringProcess(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	file, q := m.pack("one", "sleep 100")
	m.Report = stepFunc{m.Report.(*reporttest.Recorder), func() { cancel(gone) }}
	if _, err := m.Deploy(ctx, "hello", file, q, deploy.Options{}); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	if got := m.statuses(); got != "failed" {
		t.Errorf("releases %s", got)
	}
}

// stepFunc is a reporter that calls a function at every step.
type stepFunc struct {
	*reporttest.Recorder
	step func()
}

func (s stepFunc) Step(string) { s.step() }

// TestKey deploys twice under one key.
func TestKey(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	file, q := m.pack("one", "echo ran")
	for range 2 {
		made, err := m.Deploy(t.Context(), "hello", file, q, deploy.Options{Key: "k"})
		if err != nil || made.Version != 1 || made.Status != release.Current {
			t.Errorf("got %+v, %v", made, err)
		}
	}
	if out := m.recorded.Out.String(); out != "ran\n" {
		t.Errorf("the release process says %q", out)
	}
}

// TestBeforeRegister ends a deployment before anything is registered.
func TestBeforeRegister(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	late := errors.New("too late")
	for _, command := range []string{"", "true"} {
		file, q := m.pack("one", command)
		_, err := m.Deploy(t.Context(), "hello", file, q, deploy.Options{BeforeRegister: func() error { return late }})
		if !errors.Is(err, late) || m.statuses() != "" {
			t.Errorf("got %v, releases %s", err, m.statuses())
		}
	}
}

// TestRollback runs the release process of the slug that it goes back to, which it fetches.
func TestRollback(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	files := map[int]string{}
	for version, command := range []string{"", "echo to two; test ! -e /tmp/no-such", ""} {
		file, q := m.pack(command, command)
		if _, err := m.Deploy(t.Context(), "hello", file, q, deploy.Options{}); err != nil {
			t.Fatal(err)
		}
		files[version+1] = file
	}
	m.recorded.Out.Reset()
	var fetched []int
	m.Fetch = func(_ context.Context, app string, r release.Release) (string, error) {
		fetched = append(fetched, r.RollbackOf)
		return files[r.RollbackOf], nil
	}
	for _, to := range []int{1, 2} {
		made, err := m.Rollback(t.Context(), "hello", to, deploy.Options{})
		if err != nil || made.RollbackOf != to || made.Status != release.Current {
			t.Fatalf("got %+v, %v", made, err)
		}
	}
	if out := m.recorded.Out.String(); out != "to two\n" || !slices.Equal(fetched, []int{2}) {
		t.Errorf("the release process says %q; fetched the slugs of %v", out, fetched)
	}
	missing := errors.New("no such slug")
	m.Fetch = func(context.Context, string, release.Release) (string, error) { return "", missing }
	m.deploys("last", "", deploy.Options{}, 6, release.Current)
	if _, err := m.Rollback(t.Context(), "hello", 2, deploy.Options{}); !errors.Is(err, missing) {
		t.Errorf("got %v", err)
	}
	if got := m.statuses(); got != "superseded superseded superseded superseded superseded current failed" {
		t.Errorf("releases %s", got)
	}
}

// TestRollbackToNothing refuses a release whose slug is gone or damaged, registers nothing and names
// the releases that can be rolled back to.
func TestRollbackToNothing(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	files := map[int]string{}
	for version := 1; version <= 4; version++ {
		file, q := m.pack(strings.Repeat("x", version), "")
		if _, err := m.Deploy(t.Context(), "hello", file, q, deploy.Options{}); err != nil {
			t.Fatal(err)
		}
		files[version] = file
	}
	m.OpenStore = func(string) (blobstore.Store, error) { return nil, nil }
	if err := errors.Join(os.Truncate(files[1], 40), os.Remove(files[2])); err != nil {
		t.Fatal(err)
	}
	for version, id := range map[int]string{1: "release/slug-damaged", 2: "release/slug-missing"} {
		_, err := m.Rollback(t.Context(), "hello", version, deploy.Options{})
		f := fault.Of(err)
		if f == nil || f.ID != id || f.Code != fault.ExitRelease || !strings.Contains(f.Error(), files[version]) ||
			f.Hints[0] != "these releases can be rolled back to: v3" {
			t.Errorf("rolling back to v%d: got %+v", version, f)
		}
	}
	if got := m.statuses(); got != "superseded superseded superseded current" {
		t.Errorf("releases %s", got)
	}
	if made, err := m.Rollback(t.Context(), "hello", 0, deploy.Options{}); err != nil || made.RollbackOf != 3 {
		t.Errorf("got %+v, %v", made, err)
	}
}

// TestRollbackWaits does not roll back while another process, which may prune, has the app's lock.
func TestRollbackWaits(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.deploys("one", "", deploy.Options{}, 1, release.Current)
	m.deploys("two", "", deploy.Options{}, 2, release.Current)
	app, err := m.Home.App("hello")
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := app.Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	m.Report = stepFunc{m.Report.(*reporttest.Recorder), cancel}
	if _, err := m.Rollback(ctx, "hello", 1, deploy.Options{}); !errors.Is(err, cache.ErrLocked) {
		t.Errorf("got %v", err)
	}
	if got := m.statuses(); got != "superseded current" {
		t.Errorf("releases %s", got)
	}
}
