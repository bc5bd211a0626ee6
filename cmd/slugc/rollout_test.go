package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"slugc/compiler/release"
)

// statuses are an app's releases' statuses, the first release's first.
func statuses(t *testing.T, home, app string) string {
	t.Helper()
	var list []string
	for _, r := range decode[[]release.Release](t, slugc(t, home, "releases", app, "--json")) {
		list = append(list, string(r.Status))
	}
	slices.Reverse(list)
	return strings.Join(list, " ")
}

// TestReleaseProcess releases at each level of the sandbox: the process runs once before the
// release is current, with its own config vars and nothing else of this machine.
func TestReleaseProcess(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file := filepath.Join(t.TempDir(), "release.env")
	if err := os.WriteFile(file, []byte("FILE=from-file\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	good := smallSlug(
		t,
		"good",
		`cat hello.txt; echo "; $FLAG $FILE $DYNO ${PORT-no port} ${HOST_SECRET-no secret}"; touch ran.txt && cat "$SECRET" || echo hidden
exec 3<>/dev/tcp/127.0.0.1/$REACH && echo reached`,
	)
	bad := smallSlug(t, "bad", "echo before; test $FLAG = good")
	port := fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	for _, level := range []string{"bubblewrap", "landlock", "none"} {
		t.Run(level, func(t *testing.T) {
			home := state(t)
			secret := filepath.Join(home, "secret")
			if err := os.WriteFile(secret, []byte("not hidden\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			do := func(args ...string) outcome {
				t.Helper()
				return slugcIn(
					t,
					"",
					home,
					[]string{"HOST_SECRET=s3cret"},
					append(
						args,
						"--sandbox",
						level,
						"--release-env-file",
						file,
						"--release-env",
						"SECRET="+secret,
						"--release-env",
						"REACH="+port,
					)...)
			}
			o := do("register", good, "--app", "x", "--release-env", "FLAG=from-flag")
			if o.exit != 0 || !strings.Contains(o.stderr, "good; from-flag from-file release.1 no port no secret\n") ||
				!strings.Contains(o.stderr, "reached") {
				t.Fatalf("exit %d\n%s", o.exit, o.stderr)
			}
			if hidden := strings.Contains(o.stderr, "hidden\n") && !strings.Contains(o.stderr, "not hidden"); hidden != (level != "none") {
				t.Errorf("the host's files are hidden: %v\n%s", hidden, o.stderr)
			}
			if o := do("register", bad, "--app", "x", "--release-env", "FLAG=bad"); o.exit != 72 ||
				!strings.Contains(o.stderr, "before") ||
				!strings.Contains(o.stderr, "[release/phase-failed]") {
				t.Errorf("exit %d\n%s", o.exit, o.stderr)
			}
			if o := do("register", bad, "--app", "x", "--release-env", "FLAG=good"); o.exit != 0 {
				t.Errorf("exit %d\n%s", o.exit, o.stderr)
			}
			if o := do("rollback", "x", "--release-env", "FLAG=back"); o.exit != 0 ||
				!strings.Contains(o.stderr, "good; back from-file release.1") {
				t.Errorf("exit %d\n%s", o.exit, o.stderr)
			}
			if o := do("rollback", "x", "--release-env", "FLAG=bad"); o.exit != 72 ||
				!strings.Contains(o.stderr, "[release/phase-failed]") {
				t.Errorf("exit %d\n%s", o.exit, o.stderr)
			}
			if got := statuses(t, home, "x"); got != "superseded failed superseded current failed" {
				t.Errorf("releases are %s", got)
			}
			if left, _ := filepath.Glob(filepath.Join(home, "run", "*")); len(left) > 0 {
				t.Errorf("these are left: %v", left)
			}
		})
	}
}

// phaseApp writes a Go app with a release process.
func phaseApp(t *testing.T, dir, command string) {
	t.Helper()
	goApp(t, dir, "x")
	writeFiles(t, dir, map[string]string{"Procfile": "web: bin/hello\nrelease: " + command + "\n"})
}

// TestReleaseProcessOfBuild builds, builds again unchanged, fails, and is killed and interrupted in
// the release process; each next build works.
func TestReleaseProcessOfBuild(t *testing.T) {
	home, dir := state(t), t.TempDir()
	mark := fmt.Sprintf("%d.1", 2_000_000+os.Getpid())
	run := func() outcome {
		t.Helper()
		return slugc(t, home, "build", dir, "--app", "x")
	}
	phaseApp(t, dir, "echo migrated")
	if o := run(); o.exit != 0 || strings.Count(o.stderr, "       migrated\n") != 1 {
		t.Fatalf("exit %d\n%s", o.exit, o.stderr)
	}
	if o := run(); o.exit != 0 || strings.Contains(o.stderr, "migrated") ||
		!strings.Contains(o.stderr, "x v1 already is this slug") {
		t.Errorf("unchanged: exit %d\n%s", o.exit, o.stderr)
	}
	phaseApp(t, dir, "echo broken; exit 9")
	if o := run(); o.exit != 72 || !strings.Contains(o.stderr, "it ended with code 9") {
		t.Errorf("exit %d\n%s", o.exit, o.stderr)
	}
	if o := slugc(t, home, "build", dir, "--app", "x", "--json"); decode[struct{ Error struct{ ID string } }](
		t,
		o,
	).Error.ID != "release/phase-failed" {
		t.Errorf("exit %d\n%s", o.exit, o.stdout)
	}
	phaseApp(t, dir, "echo now it sleeps; sleep "+mark)
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		if code := stopPhase(t, home, sig, "build", dir, "--app", "x"); sig == syscall.SIGINT && code != 130 {
			t.Errorf("interrupted: exit %d", code)
		}
		noProcess(t, mark)
	}
	if got, want := statuses(t, home, "x"), "current failed failed abandoned failed"; got != want {
		t.Errorf("releases are %s, want %s", got, want)
	}
	phaseApp(t, dir, "true")
	if o := run(); o.exit != 0 {
		t.Errorf("exit %d\n%s", o.exit, o.stderr)
	}
	if got, want := statuses(t, home, "x"), "superseded failed failed abandoned failed current"; got != want {
		t.Errorf("releases are %s, want %s", got, want)
	}
}

// stopPhase runs slugc until its release process sleeps, sends it a signal and returns its exit
// code.
func stopPhase(t *testing.T, home string, sig syscall.Signal, args ...string) int {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = append([]string{"HOME=" + home, "SLUGC_HOME=" + home}, settings...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	untilSaid(t, stderr, "       now it sleeps")
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	var rest bytes.Buffer
	_, _ = rest.ReadFrom(stderr)
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// TestReleaseProcessKilled kills registrations and rollbacks in the release process: the next
// command of any kind leaves nothing pending, and a registration under a key of its own goes on
// where it was.
func TestReleaseProcessKilled(t *testing.T) {
	home := state(t)
	slow := smallSlug(t, "slow", "test -z $SLOW || { echo now it sleeps; sleep 1000; }")
	other := smallSlug(t, "other", "true")
	for _, file := range []string{slow, other} {
		if o := slugc(t, home, "register", file, "--app", "x"); o.exit != 0 {
			t.Fatalf("exit %d\n%s", o.exit, o.stderr)
		}
	}
	for _, step := range []struct {
		killed, next []string
		want         string
	}{
		{[]string{"register", slow, "--app", "x"}, []string{"register", other, "--app", "x"}, "abandoned current"},
		{[]string{"rollback", "x", "v1"}, []string{"register", other, "--app", "x"}, "abandoned current"},
		{[]string{"register", slow, "--app", "x"}, []string{"rollback", "x"}, "abandoned current"},
		{[]string{"register", slow, "--app", "x", "--key", "k"}, []string{"register", slow, "--app", "x", "--key", "k"}, "current"},
	} {
		before := statuses(t, home, "x")
		stopPhase(t, home, syscall.SIGKILL, append(step.killed, "--release-env", "SLOW=1")...)
		if got := statuses(t, home, "x"); got != before+" pending" {
			t.Fatalf("killed in %v: releases are %s", step.killed, got)
		}
		if o := slugc(t, home, step.next...); o.exit != 0 {
			t.Fatalf("%v: exit %d\n%s", step.next, o.exit, o.stderr)
		}
		if got, want := statuses(t, home, "x"), strings.Replace(before, "current", "superseded", 1)+" "+step.want; got != want {
			t.Errorf("after %v: releases are %s, want %s", step.next, got, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(home, "apps/x/registering/*")); len(left) != 1 {
		t.Errorf("notes are left: %v", left)
	}
}
