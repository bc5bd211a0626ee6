package deploy_test

import (
	"context"
	"strings"
	"testing"

	"slugc/compiler/deploy"
	"slugc/compiler/fault"
	"slugc/compiler/release"
)

// configured is a machine whose app has a release process that prints A and B, and ends with code 1 where A is bad.
func configured(t *testing.T) *machine {
	t.Helper()
	m := newMachine(t)
	m.Fetch = func(_ context.Context, _ string, r release.Release) (string, error) {
		return strings.TrimPrefix(r.Slug.URL, "file://"), nil
	}
	m.configures(release.Config{"A": "1"}, deploy.Options{}, 0)
	m.deploys("one", `echo "A=$A B=$B $SLUGC_RELEASE_VERSION"; test "$A" != bad`,
		deploy.Options{Env: map[string]string{"B": "flag"}}, 1, release.Current)
	m.printed("A=1 B=flag v1\n")
	return m
}

// configures sets config vars, which must end with a current release of this number.
func (m *machine) configures(vars release.Config, o deploy.Options, version int) {
	m.Helper()
	done, err := m.Configure(m.Context(), "hello", release.ConfigChange{Set: vars}, o)
	if err != nil || done.Release.Version != version {
		m.Errorf("got %+v, %v, want v%d", done, err, version)
	}
}

// printed requires what release processes printed since the last call.
func (m *machine) printed(want string) {
	m.Helper()
	if got := m.recorded.Out.String(); got != want {
		m.Errorf("printed %q, want %q", got, want)
	}
	m.recorded.Out.Reset()
}

// TestConfigure runs the release process with the config vars as they will be, before they are.
func TestConfigure(t *testing.T) {
	t.Parallel()
	m := configured(t)
	flag := deploy.Options{Env: map[string]string{"B": "flag"}}
	m.configures(release.Config{"A": "2"}, flag, 2)
	m.printed("A=2 B=flag v2\n")
	m.configures(release.Config{"A": "2"}, flag, 2)
	m.printed("")
	_, err := m.Configure(t.Context(), "hello", release.ConfigChange{Set: release.Config{"A": "3"}}, deploy.Options{})
	if f := fault.Of(err); f == nil || f.ID != "release/config-missing" || !strings.Contains(f.Error(), "vars B,") {
		t.Errorf("without a config var of the flags: %v", err)
	}
	_, err = m.Configure(t.Context(), "hello", release.ConfigChange{Set: release.Config{"A": "bad"}}, flag)
	if f := fault.Of(err); f == nil || f.ID != "release/phase-failed" {
		t.Errorf("got %v", err)
	}
	m.printed("A=bad B=flag v3\n")
	vars, err := m.Releases.Config(t.Context(), "hello")
	if err != nil || vars["A"] != "2" || m.statuses() != "superseded current failed" {
		t.Errorf("after a failure: %#v, %v, %s", vars, err, m.statuses())
	}
	m.configures(release.Config{"B": "kept"}, deploy.Options{}, 4)
	m.printed("A=2 B=kept v4\n")
	made, err := m.Rollback(t.Context(), "hello", 1, flag)
	if err != nil || made.Version != 5 {
		t.Fatalf("got %+v, %v", made, err)
	}
	m.printed("A=1 B=flag v5\n")
	made, err = m.Rollback(t.Context(), "hello", 4, deploy.Options{}) // all that it had is kept
	if err != nil || made.Version != 6 {
		t.Fatalf("got %+v, %v", made, err)
	}
	m.printed("A=2 B=kept v6\n")
	file, q := m.pack("two", "")
	if _, err := m.Deploy(t.Context(), "hello", file, q, deploy.Options{}); err != nil {
		t.Fatal(err)
	}
	m.configures(release.Config{"A": "bad"}, deploy.Options{}, 8) // no release process
}

// TestConfigureMoved leaves what became current while the release process ran.
func TestConfigureMoved(t *testing.T) {
	t.Parallel()
	m := configured(t)
	fetch := m.Fetch
	m.Fetch = func(ctx context.Context, app string, r release.Release) (string, error) {
		_, err := m.Releases.Configure(ctx, app, release.ConfigChange{Set: release.Config{"A": "other", "B": "other"}})
		if err != nil {
			t.Error(err)
		}
		return fetch(ctx, app, r)
	}
	_, err := m.Configure(t.Context(), "hello", release.ConfigChange{Set: release.Config{"A": "2", "B": ""}},
		deploy.Options{})
	if f := fault.Of(err); f == nil || f.ID != string(release.ErrConfigMoved) || f.Code != fault.ExitTransient {
		t.Errorf("got %v", err)
	}
	vars, err := m.Releases.Config(t.Context(), "hello")
	if err != nil || vars["A"] != "other" || m.statuses() != "superseded failed current" {
		t.Errorf("%#v, %v, %s", vars, err, m.statuses())
	}
}
