package deploy_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// statuses returns the statuses of an app's releases, the oldest first.
func statuses(t *testing.T, home, app string) string {
	t.Helper()
	var list []string
	for _, r := range slugctest.Releases(t, home, app) {
		list = append(list, string(r.Status))
	}
	slices.Reverse(list)
	return strings.Join(list, " ")
}

// TestReleaseProcess releases at each level of the sandbox: the process runs once before the release
// is current, and sees its own config vars and nothing else of this machine.
func TestReleaseProcess(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	file := filepath.Join(t.TempDir(), "release.env")
	if err := os.WriteFile(file, []byte("FILE=from-file\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	good := slugctest.SmallSlug(t, "good",
		`cat hello.txt; echo "; $FLAG $FILE $DYNO ${PORT-no port} ${HOST_SECRET-no secret}"
touch ran.txt && cat "$SECRET" || echo hidden
exec 3<>/dev/tcp/127.0.0.1/$REACH && echo reached`)
	bad := slugctest.SmallSlug(t, "bad", "echo before; test $FLAG = good")
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	for _, level := range []string{"bubblewrap", "landlock", "none"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			releaseAt(t, level, file, port, good, bad)
		})
	}
}

// releaseAt releases two slugs at a level of the sandbox and rolls back. file holds config vars, port
// is one of this machine that the release process can reach.
func releaseAt(t *testing.T, level, file, port, good, bad string) {
	t.Helper()
	home := slugctest.Home(t)
	secret := filepath.Join(home, "secret")
	if err := os.WriteFile(secret, []byte("not hidden\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	do := func(args ...string) slugctest.Outcome {
		t.Helper()
		args = append(args, "--sandbox", level, "--release-env-file", file,
			"--release-env", "SECRET="+secret, "--release-env", "REACH="+port)
		return slugctest.RunIn(t, "", home, []string{"HOST_SECRET=s3cret"}, args...)
	}
	o := do("register", good, "--app", "x", "--release-env", "FLAG=from-flag")
	if o.Exit != 0 || !strings.Contains(o.Stderr, "good; from-flag from-file release.1 no port no secret\n") ||
		!strings.Contains(o.Stderr, "reached") {
		t.Fatalf("exit %d\n%s", o.Exit, o.Stderr)
	}
	hidden := strings.Contains(o.Stderr, "hidden\n") && !strings.Contains(o.Stderr, "not hidden")
	if hidden != (level != "none") {
		t.Errorf("the host's files are hidden: %v\n%s", hidden, o.Stderr)
	}
	if o := do("register", bad, "--app", "x", "--release-env", "FLAG=bad"); o.Exit != 72 ||
		!strings.Contains(o.Stderr, "before") ||
		!strings.Contains(o.Stderr, "[release/phase-failed]") {
		t.Errorf("exit %d\n%s", o.Exit, o.Stderr)
	}
	if o := do("register", bad, "--app", "x", "--release-env", "FLAG=good"); o.Exit != 0 {
		t.Errorf("exit %d\n%s", o.Exit, o.Stderr)
	}
	if o := do("rollback", "x", "--release-env", "FLAG=back"); o.Exit != 0 ||
		!strings.Contains(o.Stderr, "good; back from-file release.1") {
		t.Errorf("exit %d\n%s", o.Exit, o.Stderr)
	}
	if o := do("rollback", "x", "--release-env", "FLAG=bad"); o.Exit != 72 ||
		!strings.Contains(o.Stderr, "[release/phase-failed]") {
		t.Errorf("exit %d\n%s", o.Exit, o.Stderr)
	}
	if got := statuses(t, home, "x"); got != "superseded failed superseded current failed" {
		t.Errorf("releases are %s", got)
	}
	if left, _ := filepath.Glob(filepath.Join(home, "run", "*")); len(left) > 0 {
		t.Errorf("these are left: %v", left)
	}
}

// phaseApp writes a Go app with a release process.
func phaseApp(t *testing.T, dir, command string) {
	t.Helper()
	slugctest.GoApp(t, dir, "x")
	testkit.Tree(t, dir, map[string]string{"Procfile": "web: bin/hello\nrelease: " + command + "\n"})
}

// TestReleaseProcessOfBuild builds, builds again unchanged, fails, and is killed and interrupted in
// the release process; each next build works.
func TestReleaseProcessOfBuild(t *testing.T) {
	t.Parallel()
	home, dir := slugctest.WarmHome(t, "go", "x"), t.TempDir()
	mark := fmt.Sprintf("%d.1", 2_000_000+os.Getpid())
	run := func() slugctest.Outcome {
		t.Helper()
		return slugctest.Run(t, home, "build", dir, "--app", "x")
	}
	phaseApp(t, dir, "echo migrated")
	if o := run(); o.Exit != 0 || strings.Count(o.Stderr, "       migrated\n") != 1 {
		t.Fatalf("exit %d\n%s", o.Exit, o.Stderr)
	}
	if o := run(); o.Exit != 0 || strings.Contains(o.Stderr, "migrated") ||
		!strings.Contains(o.Stderr, "x v1 already is this slug") {
		t.Errorf("unchanged: exit %d\n%s", o.Exit, o.Stderr)
	}
	phaseApp(t, dir, "echo broken; exit 9")
	if o := run(); o.Exit != 72 || !strings.Contains(o.Stderr, "it ended with code 9") {
		t.Errorf("exit %d\n%s", o.Exit, o.Stderr)
	}
	slugctest.CheckError(t, "release/phase-failed", 72,
		slugctest.Run(t, home, "build", dir, "--app", "x", "--json"))
	phaseApp(t, dir, "echo now it sleeps; sleep "+mark)
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		if code := stopPhase(t, home, sig, "build", dir, "--app", "x"); sig == syscall.SIGINT && code != 130 {
			t.Errorf("interrupted: exit %d", code)
		}
		slugctest.NoProcess(t, mark)
	}
	if got, want := statuses(t, home, "x"), "current failed failed abandoned failed"; got != want {
		t.Errorf("releases are %s, want %s", got, want)
	}
	phaseApp(t, dir, "true")
	if o := run(); o.Exit != 0 {
		t.Errorf("exit %d\n%s", o.Exit, o.Stderr)
	}
	if got, want := statuses(t, home, "x"), "superseded failed failed abandoned failed current"; got != want {
		t.Errorf("releases are %s, want %s", got, want)
	}
}

// stopPhase runs slugc until its release process sleeps, sends it a signal and returns its exit
// code.
func stopPhase(t *testing.T, home string, sig syscall.Signal, args ...string) int {
	t.Helper()
	cmd := slugctest.Command(t, home, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slugctest.ReadUntil(t, stderr, "       now it sleeps")
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	var rest bytes.Buffer
	_, _ = rest.ReadFrom(stderr)
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// TestReleaseProcessKilled kills registrations and rollbacks in the release process: the next
// command of any kind leaves nothing pending, and a registration with the same key continues.
func TestReleaseProcessKilled(t *testing.T) {
	t.Parallel()
	home := slugctest.Home(t)
	slow := slugctest.SmallSlug(t, "slow", "test -z $SLOW || { echo now it sleeps; sleep 1000; }")
	other := slugctest.SmallSlug(t, "other", "true")
	for _, file := range []string{slow, other} {
		if o := slugctest.Run(t, home, "register", file, "--app", "x"); o.Exit != 0 {
			t.Fatalf("exit %d\n%s", o.Exit, o.Stderr)
		}
	}
	keyed := []string{"register", slow, "--app", "x", "--key", "k"}
	for _, step := range []struct {
		killed, next []string
		want         string
	}{
		{[]string{"register", slow, "--app", "x"}, []string{"register", other, "--app", "x"}, "abandoned current"},
		{[]string{"rollback", "x", "v1"}, []string{"register", other, "--app", "x"}, "abandoned current"},
		{[]string{"register", slow, "--app", "x"}, []string{"rollback", "x"}, "abandoned current"},
		{keyed, keyed, "current"},
	} {
		before := statuses(t, home, "x")
		stopPhase(t, home, syscall.SIGKILL, slices.Concat(step.killed, []string{"--release-env", "SLOW=1"})...)
		if got := statuses(t, home, "x"); got != before+" pending" {
			t.Fatalf("killed in %v: releases are %s", step.killed, got)
		}
		if o := slugctest.Run(t, home, step.next...); o.Exit != 0 {
			t.Fatalf("%v: exit %d\n%s", step.next, o.Exit, o.Stderr)
		}
		want := strings.Replace(before, "current", "superseded", 1) + " " + step.want
		if got := statuses(t, home, "x"); got != want {
			t.Errorf("after %v: releases are %s, want %s", step.next, got, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(home, "apps/x/registering/*")); len(left) != 1 {
		t.Errorf("notes are left: %v", left)
	}
}
