package push_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cmd/slugc/slugctest"
)

// TestKnownRefusals pushes what git would refuse after the build: it is refused before anything is built, with
// the reason.
func TestKnownRefusals(t *testing.T) {
	t.Parallel()
	s := bareSite(t)
	s.install(t, "--branch", "main", "--branch", "feature/x")
	slugctest.GoApp(t, s.work, "first")
	s.commit(t, "zero")
	s.commit(t, "first")
	refused := func(o slugctest.Outcome, want ...string) {
		t.Helper()
		says(t, o, 1, append(want, "push rejected: nothing was released")...)
		if strings.Contains(o.Stderr, "----->") {
			t.Errorf("something was built:\n%s", o.Stderr)
		}
	}
	shallow := s.clone(t, "--depth", "1")
	refused(shallow.git(t, "push", s.bare, "HEAD:main"), "git fetch --unshallow", "fetch-depth: 0", "[push/shallow]")
	s.must(t, "push", "origin", "main~1:refs/heads/feature")
	refused(s.git(t, "push", "origin", "main:feature/x"), "--delete feature`", "[push/branch-in-the-way]")
	s.must(t, "push", "origin", "--delete", "feature")

	says(t, s.git(t, "push", "origin", "main"), 0, "Released blog v1")
	s.inStep(t, 1)
	s.commit(t, "second")
	says(t, s.clone(t, "--depth", "2").git(t, "push", s.bare, "HEAD:main"), 0, "Released blog v2")
	s.commit(t, "third")
	tree := filepath.Join(t.TempDir(), "checkout")
	s.run(t, "git", "--git-dir", s.bare, "worktree", "add", tree, "main")
	refused(s.git(t, "push", "origin", "main"), `it is checked out in "`+tree+`"`, "[push/checked-out]")
	s.run(t, "git", "--git-dir", s.bare, "worktree", "remove", "--force", tree)

	s.run(t, "git", "--git-dir", s.bare, "config", "receive.shallowUpdate", "true")
	for range 2 {
		s.commit(t, "more")
	}
	says(t, s.clone(t, "--depth", "1").git(t, "push", "-f", s.bare, "HEAD:main"), 0, "Released blog v3")
	s.inStep(t, 3)
}

// clone returns the site with a new clone in the place of its own.
func (s *site) clone(t *testing.T, args ...string) *site {
	t.Helper()
	other := *s
	other.work = filepath.Join(t.TempDir(), "clone")
	args = append(append([]string{"clone", "-q"}, args...), "file://"+s.work, other.work)
	if o := s.run(t, "git", args...); o.Exit != 0 {
		t.Fatal(o.Stderr)
	}
	return &other
}

// TestLegacyHistory pushes a history with what old programs have written, which a plain repository takes, and
// then a tree that is an attack, to a repository whose HEAD names a branch of its own, which is deployed.
func TestLegacyHistory(t *testing.T) {
	t.Parallel()
	s := bareSite(t)
	s.run(t, "git", "--git-dir", s.bare, "symbolic-ref", "HEAD", "refs/heads/trunk")
	s.run(t, "git", "--git-dir", s.bare, "config", "receive.fsck.multipleAuthors", "error")
	before := s.files(t)
	for range 2 {
		o := s.run(t, s.binary, "hook", "install", s.bare, "--app", "blog")
		for _, want := range []string{
			"A push to trunk, main, master releases blog", "git remote add slugc " + s.bare,
			"git push slugc trunk", "ssh://",
		} {
			if !strings.Contains(o.Stderr, want) {
				t.Errorf("no %q in\n%s", want, o.Stderr)
			}
		}
		// An earlier version has not set all of it.
		s.run(t, "git", "--git-dir", s.bare, "config", "--unset", "receive.fsck.badTimezone")
		s.run(t, "git", "--git-dir", s.bare, "config", "--unset", "slugc.before.fsck.badTimezone")
	}
	s.install(t)
	slugctest.GoApp(t, s.work, "first")
	parent := s.commit(t, "first")
	blob := s.must(t, "hash-object", "-w", "go.mod")
	inner := s.object(t, "tree", "100664 a\x00"+raw(blob))
	trees := []string{s.object(t, "tree", "040000 old\x00"+raw(inner)), s.must(t, "rev-parse", "HEAD^{tree}")}
	for _, author := range []string{
		"A <a@b> 1313584730 +051800", "A <a@b>1313584730 +0000", "A <a@b> 0001 +0000", "A b> 1 +0000", "A 1 +0000",
		"A<a@b> 1 +0000", "A <a@b> x +0000", "A <a@b> 18446744073709551617 +0000",
	} {
		for _, tree := range trees {
			parent = s.object(t, "commit", fmt.Sprintf("tree %s\nparent %s\nauthor %s\ncommitter %[3]s\n\nold\n",
				tree, parent, author))
		}
	}
	last := s.must(t, "commit-tree", "-p", parent, "-m", "new", trees[1])
	says(t, s.git(t, "push", "origin", last+":refs/heads/trunk"), 0, "Released blog v1")
	evil := s.object(t, "tree", "100644 .GIT\x00"+raw(blob))
	evil = s.must(t, "commit-tree", "-p", last, "-m", "evil", evil)
	says(t, s.git(t, "push", "origin", evil+":refs/heads/trunk"), 1, "hasDotgit")
	if o := s.run(t, s.binary, "hook", "uninstall", s.bare); o.Exit != 0 {
		t.Fatal(o.Stderr)
	}
	if after := s.files(t); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// object writes an object as it is, right or not.
func (s *site) object(t *testing.T, kind, data string) string {
	t.Helper()
	cmd := s.command("git", "-C", s.work, "hash-object", "-t", kind, "-w", "--stdin", "--literally")
	cmd.Stdin = strings.NewReader(data)
	o := slugctest.Wait(t, cmd)
	if o.Exit != 0 {
		t.Fatal(o.Stderr)
	}
	return strings.TrimSpace(o.Stdout)
}

// raw is an object's id as a tree holds it.
func raw(id string) string {
	var b []byte
	_, _ = fmt.Sscanf(id, "%x", &b)
	return string(b)
}
