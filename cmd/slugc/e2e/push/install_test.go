package push_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// TestHookInstall installs, installs again, and uninstalls: hooks and settings that were there run
// first, and are back at the end.
func TestHookInstall(t *testing.T) {
	t.Parallel()
	s := bareSite(t)
	s.writeEarlierHooks(t)
	s.run(t, "git", "--git-dir", s.bare, "config", "receive.keepAlive", "7")
	before := s.files(t)
	for _, branches := range [][]string{{"--branch", "old"}, {"--branch", "main", "--branch", "release"}} {
		o := s.run(t, slugctest.Binary(t), append([]string{"hook", "install", s.bare, "--app", "blog"}, branches...)...)
		if o.Exit != 0 || !strings.Contains(o.Stderr, "the pre-receive hook that was there is kept") {
			t.Fatalf("exit %d: %s", o.Exit, o.Stderr)
		}
	}
	got := s.run(t, "git", "--git-dir", s.bare, "config", "--get-all", "slugc.branch").Stdout
	if got != "main\nrelease\n" {
		t.Errorf("branches %q", got)
	}
	slugctest.GoApp(t, s.work, "x")
	s.commit(t, "first")
	says(t, s.git(t, "push", "origin", "main", "main:old"), 0, "earlier .\n", "refs/heads/main\n",
		"old is not a deploy branch (main, release)", "Released blog v1")
	s.inStep(t, 1)
	moves, _ := os.ReadFile(filepath.Join(s.bare, "moves"))
	if !strings.Contains(string(moves), "prepared 0") || !strings.Contains(string(moves), "committed 0") ||
		!strings.Contains(string(moves), " refs/heads/old\n") {
		t.Errorf("the earlier hook saw %s", moves)
	}
	s.commit(t, "second")
	o := s.git(t, "push", "-o", "fresh", "origin", "main")
	says(t, o, 1, "earlier .\n", "pre-receive hook declined")
	if strings.Contains(o.Stderr, "----->") {
		t.Errorf("a push that an earlier hook rejects is built:\n%s", o.Stderr)
	}
	text := s.run(t, slugctest.Binary(t), "hook", "status", s.bare).Stdout
	for _, want := range []string{
		"releases blog",
		"hook pre-receive: installed",
		"hook reference-transaction: installed",
		"branch main: ",
		"current release: v1 (",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the status does not say %q:\n%s", want, text)
		}
	}
	if o := s.run(t, slugctest.Binary(t), "hook", "uninstall", s.bare); o.Exit != 0 ||
		!strings.Contains(o.Stderr, "the pre-receive hook that was there before is back") {
		t.Fatalf("uninstalling: exit %d: %s", o.Exit, o.Stderr)
	}
	if after := s.files(t); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if status := s.status(t); status.Installed || status.Hooks["pre-receive"] != "foreign" {
		t.Errorf("%+v", status)
	}
	says(t, s.git(t, "push", "origin", "main"), 0, "main -> main")
}

// writeEarlierHooks gives the repository hooks of its own.
func (s *site) writeEarlierHooks(t *testing.T) {
	t.Helper()
	testkit.Tree(t, s.bare, map[string]string{
		"hooks/pre-receive":           "#!/bin/sh\necho earlier $GIT_DIR; cat; [ -z \"$GIT_PUSH_OPTION_0\" ]\n",
		"hooks/reference-transaction": "#!/bin/sh\nsed \"s/^/$1 /\" >>moves\n",
	})
	for _, hook := range []string{"pre-receive", "reference-transaction"} {
		if err := os.Chmod(filepath.Join(s.bare, "hooks", hook), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// files are the repository's hooks and configuration.
func (s *site) files(t *testing.T) string {
	t.Helper()
	return slugctest.Shell(
		t,
		s.bare,
		s.env,
		`ls -d slugc 2>/dev/null; cat config
for f in hooks/*; do case $f in *.sample) ;; *) ls -l $f | cut -c1-10; echo $f; cat $f; esac; done`,
	).Stdout
}

// TestHookOwner installs as root for another user, who then pushes.
func TestHookOwner(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Fatal("this test sets up a repository of another user and needs root")
	}
	s := bareSite(t)
	s.install(t)
	slugctest.Shell(t, s.bare, s.env, "chown -R 65534:65534 .")
	s.install(t, "--branch", "main")
	for _, name := range []string{
		"config", "slugc", "slugc/pushes", "slugc/refs", "hooks/pre-receive", "hooks/reference-transaction",
	} {
		info, err := os.Stat(filepath.Join(s.bare, name))
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Uid != 65534 || st.Gid != 65534 {
			t.Errorf("%s belongs to %d:%d", name, st.Uid, st.Gid)
		}
	}
}

// TestHooksPath installs where core.hooksPath leads, and keeps out of other repositories that use
// the same directory.
func TestHooksPath(t *testing.T) {
	t.Parallel()
	s, other := bareSite(t), bareSite(t)
	shared := t.TempDir()
	for _, one := range []*site{s, other} {
		one.run(t, "git", "--git-dir", one.bare, "config", "core.hooksPath", shared)
		slugctest.GoApp(t, one.work, "x")
		one.commit(t, "first")
	}
	s.install(t)
	says(t, other.git(t, "push", "origin", "main"), 0, "main -> main")
	says(t, s.git(t, "push", "origin", "main"), 0, "Released blog v1")
	s.inStep(t, 1)
	if o := s.run(t, slugctest.Binary(t), "hook", "uninstall", s.bare); o.Exit != 0 {
		t.Fatal(o.Stderr)
	}
	s.commit(t, "second")
	says(t, s.git(t, "push", "origin", "main"), 0, "main -> main")
}

// TestPushWithoutTransactions pushes to a repository whose git, or whose administrator, has no
// reference-transaction hook: post-receive releases.
func TestPushWithoutTransactions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if err := os.Remove(filepath.Join(s.bare, "hooks/reference-transaction")); err != nil {
		t.Fatal(err)
	}
	s.commit(t, "second")
	says(t, s.git(t, "push", "origin", "main"), 0, "Released blog v2")
	s.inStep(t, 2)
}

// TestPushNoCoordinator pushes while the coordinator cannot be used: nothing is released, and the
// next push works.
func TestPushNoCoordinator(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	file := filepath.Join(s.home, "coordinator.db")
	if err := os.Rename(file, file+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	s.commit(t, "second")
	says(t, s.git(t, "push", "origin", "main"), 1, "push rejected: nothing was released\n")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	s.settled(t)
	s.inStep(t, 1)
	says(t, s.git(t, "push", "origin", "main"), 0, "Released blog v2")
	s.inStep(t, 2)
}
