package push_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
	"slugc/compiler/release"
)

// TestPush pushes over every transport: accepted, rejected, refused by git itself before and after
// the build, forced, and what is not to be built.
func TestPush(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		t.Run(transport.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.must(t, "remote", "set-url", "origin", transport.url(t, s))
			s.accepts(t)
			s.rejects(t)
			s.refusedByGit(t)
			s.noBuild(t)
			s.fsck(t)
		})
	}
}

// says requires words of what the pusher reads, in their order.
func says(t *testing.T, o slugctest.Outcome, exit int, words ...string) {
	t.Helper()
	rest := o.Stderr
	for _, w := range words {
		_, after, ok := strings.Cut(rest, w)
		if !ok {
			t.Fatalf("%q is not said, or not there:\n%s", w, o.Stderr)
		}
		rest = after
	}
	if o.Exit != exit || strings.ContainsAny(o.Stderr, "\r\x1b\x07") {
		t.Fatalf("exit %d, want %d, and no control characters:\n%q", o.Exit, exit, o.Stderr)
	}
}

func (s *site) accepts(t *testing.T) {
	testkit.Tree(t, s.work, map[string]string{"Procfile": "web: hello --web\nworker: hello --work\n"})
	commit := s.commit(t, "second")
	says(
		t,
		s.git(t, "push", "origin", "main"),
		0,
		"-----> Go app detected",
		"Procfile -> web, worker",
		"-----> Released blog v2 (main "+commit[:7]+")",
		"       web, worker",
		"       changed: web: hello --web (before: ",
		"       new: worker: hello --work",
		" MB, ",
		" v1\n",
		"       sha256:",
		"main -> main",
	)
	s.inStep(t, 2)
	says(t, s.git(t, "push", "origin", "main"), 0, "Everything up-to-date")
	commit = s.commit(t, "nothing new")
	says(
		t,
		s.git(t, "push", "origin", "main"),
		0,
		"Nothing changed since the last build",
		"Released blog v3",
		"as large as v2",
	)
	s.inStep(t, 3)
	if current := s.releases(t)[0]; current.Commit != commit || current.Actor == "" {
		t.Errorf("current %+v", current)
	}
}

func (s *site) rejects(t *testing.T) {
	testkit.Tree(t, s.work, map[string]string{"main.go": "package main\n\nfunc main() { undefined() }\n"})
	s.commit(t, "broken")
	says(
		t,
		s.git(t, "push", "origin", "main"),
		1,
		"undefined: undefined",
		" !     main.go:3 does not compile",
		" !     [go/compile-failed]",
		"\n !     push rejected: nothing was released; blog v3 (",
		") stays current\n",
		"[remote rejected] main -> main (pre-receive hook declined)",
	)
	s.inStep(t, 3)
	s.must(t, "reset", "-q", "--hard", "HEAD~")
}

func (s *site) refusedByGit(t *testing.T) {
	update := filepath.Join(s.bare, "hooks/update")
	testkit.Tree(t, s.bare, map[string]string{"hooks/update": "#!/bin/sh\necho no update today\nexit 1\n"})
	if err := os.Chmod(update, 0o755); err != nil {
		t.Fatal(err)
	}
	s.commit(t, "refused by a later hook")
	says(t, s.git(t, "push", "origin", "main"), 1, "no update today", "[remote rejected] main -> main (hook declined)")
	s.inStep(t, 4)
	if last := s.releases(t)[0]; last.Status != release.Abandoned {
		t.Errorf("%+v", last)
	}
	if err := os.Remove(update); err != nil {
		t.Fatal(err)
	}
	says(t, s.git(t, "push", "origin", "main"), 0, "Released blog v5")
	s.inStep(t, 5)
	s.must(t, "reset", "-q", "--hard", "HEAD~")
	s.commit(t, "another way")
	s.run(t, "git", "--git-dir", s.bare, "config", "receive.denyNonFastForwards", "true")
	says(
		t,
		s.git(t, "push", "--force", "origin", "main"),
		1,
		"does not follow",
		"[push/non-fast-forward]",
		"nothing was released",
	)
	s.inStep(t, 5)
	s.run(t, "git", "--git-dir", s.bare, "config", "receive.denyNonFastForwards", "false")
	says(t, s.git(t, "push", "--force", "origin", "main"), 0, "Released blog v6")
	s.inStep(t, 6)
}

func (s *site) noBuild(t *testing.T) {
	says(t, s.git(t, "push", "origin", "main:dev"), 0, "       dev is not a deploy branch (main, master): no build\n")
	s.must(t, "tag", "-a", "-m", "one", "v1")
	says(t, s.git(t, "push", "origin", "v1"), 0, "       tag v1 is not a deploy branch")
	says(t, s.git(t, "push", "origin", ":dev"), 0, "dev is not a deploy branch")
	says(t, s.git(t, "push", "origin", ":main"), 1, `deleting "main": it is a deploy branch of blog`, "[push/delete]")
	says(
		t,
		s.git(t, "push", "-o", "slow", "origin", "main:dev"),
		1,
		`there is no option "slow"`,
		"[push/unknown-option]",
	)
	says(
		t,
		s.git(t, "push", "-o", "dry-run", "origin", "main~:main", "--force"),
		1,
		"it was built, and a dry run ends here",
		"[push/dry-run]",
		"nothing was released; blog v6",
	)
	s.inStep(t, 6)
	s.commit(t, "for two branches")
	s.must(t, "branch", "-f", "other", "HEAD~")
	says(t, s.git(t, "push", "origin", "main", "other:master"), 1, "name two commits", "[push/two-commits]")
	says(
		t,
		s.git(t, "push", "-o", "fresh", "origin", "main", "main:master", "main:dev", "v1^{}:refs/tags/light"),
		0,
		"dev is not",
		"tag light is not",
		"Released blog v7 (main ",
	)
	s.inStep(t, 7)
	says(t, s.git(t, "push", "origin", ":master"), 1, "[push/delete]")
}

// TestPushKinds pushes what is rare: an atomic push, very many refs, odd names, sha256, an
// annotated tag as a branch, one that git's fsck refuses.
func TestPushKinds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.commit(t, "atomic")
	s.must(t, "tag", "v1")
	says(t, s.git(t, "push", "--atomic", "origin", "main", "v1"), 0, "tag v1 is not", "Released blog v2")
	s.inStep(t, 2)
	commit := s.commit(t, "many")
	refs := []string{"push", "origin", "main"}
	for i := range 400 {
		refs = append(refs, fmt.Sprintf("main:refs/heads/many/%d", i))
	}
	says(t, s.git(t, refs...), 0, "400 refs are not deploy branches (main, master): no build", "Released blog v3")
	s.inStep(t, 3)
	for _, odd := range []string{
		"refs/heads/$(touch pwn)",
		"refs/heads/a;touch${IFS}pwn",
		"refs/heads/-x",
		"refs/slugc/x",
		"refs/heads/main/x'\"",
		"refs/heads/ma\u0456n",
	} {
		o := s.git(t, "push", "origin", commit+":"+strings.ReplaceAll(odd, " ", "_"))
		if strings.Contains(odd, "main/") {
			says(t, o, 1, "no build") // a branch and a directory of one name
		} else {
			says(t, o, 0, "no build")
		}
	}
	if _, err := os.Stat(filepath.Join(s.bare, "pwn")); err == nil {
		t.Error("a name was run")
	}
	s.must(t, "tag", "-a", "-m", "x", "annotated")
	says(
		t,
		s.git(t, "push", "--force", "origin", "annotated:refs/heads/main"),
		1,
		"a branch names a commit",
		"[push/not-a-commit]",
	)
	says(t, s.git(t, "push", "origin", ":many/1", ":many/2"), 0, "many/1 is not", "many/2 is not")
	s.inStep(t, 3)
	s.fsck(t)
}

// TestPushSHA256 pushes to a repository whose ids are sha256.
func TestPushSHA256(t *testing.T) {
	t.Parallel()
	s := bareSite(t, "--object-format=sha256")
	s.install(t)
	slugctest.GoApp(t, s.work, "sha256")
	if commit := s.commit(t, "first"); len(commit) != 64 {
		t.Fatalf("commit %s", commit)
	}
	says(t, s.git(t, "push", "origin", "main"), 0, "Released blog v1")
	s.inStep(t, 1)
}

// TestPushEnvironment plants secrets in the environment of the git server: the build, and what it
// asks, see none.
func TestPushEnvironment(t *testing.T) {
	t.Parallel()
	s := bareSite(t)
	s.install(t)
	testkit.Tree(t, s.work, map[string]string{
		"package.json": `{"name": "spy", "version": "1.0.0", "scripts": {"build": ` +
			`"env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; exit 1"}}`,
		"Procfile": "web: true\n",
	})
	s.commit(t, "spy")
	names := []string{
		"GIT_DIR_SECRET",
		"GIT_CONFIG_PARAMETERS",
		"SSH_CLIENT",
		"SSH_AUTH_SOCK",
		"SSH_ORIGINAL_COMMAND",
		"AWS_SECRET_ACCESS_KEY",
		"CONTROLLER_KEY",
		"HTTP_AUTHORIZATION",
		"HTTP_COOKIE",
		"HTTP_PROXY",
		"GITEA_TOKEN",
		"DATABASE_URL",
		"NPM_TOKEN",
		"GL_ID",
		"KRB5CCNAME",
	}
	env := s.env
	for _, n := range names {
		value := "planted-" + n
		if n == "GIT_CONFIG_PARAMETERS" {
			value = "'core.planted=planted'"
		}
		s.env = append(s.env, n+"="+value)
	}
	s.env = append(s.env, "GATEWAY_INTERFACE=CGI/1.1") // where HTTP_PROXY is a header
	o := s.git(t, "push", "origin", "main")
	s.env = env
	says(t, o, 1, "PATH=", "nothing was released; blog has no release yet")
	if strings.Contains(o.Stderr, "planted") || strings.Contains(o.Stderr, "GIT_DIR") ||
		strings.Contains(o.Stderr, "QUARANTINE") {
		t.Errorf("the build sees what it must not:\n%s", o.Stderr)
	}
}
