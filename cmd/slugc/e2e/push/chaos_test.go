package push_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
	"slugc/compiler/release"
)

var (
	kills   = flag.Int("kills", 2, "how often TestPushKilled kills at each place")
	pushers = flag.Int("pushers", 8, "how many push at once in TestPushRace")
)

// lostRace matches what slugc or git says to a pusher who was too late.
var lostRace = regexp.MustCompile(`\[push/moved\]|failed to update ref|failed to lock|fetch first`)

// TestPushRace has many push different commits on the same base at once: in every round exactly one
// of them wins.
func TestPushRace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for round := range 2 {
		base := s.must(t, "rev-parse", "HEAD")
		commits := make([]string, *pushers)
		for i := range commits {
			s.must(t, "reset", "-q", "--hard", base)
			commits[i] = s.commit(t, fmt.Sprintf("round %d pusher %d", round, i))
		}
		var wg sync.WaitGroup
		results := make([]slugctest.Outcome, *pushers)
		for i, commit := range commits {
			wg.Go(func() { results[i] = s.git(t, "push", s.bare, commit+":refs/heads/main") })
		}
		wg.Wait()
		won := -1
		for i, o := range results {
			if o.Exit == 0 {
				if won >= 0 {
					t.Fatalf("%d and %d both won:\n%s\n%s", won, i, results[won].Stderr, o.Stderr)
				}
				won = i
			} else if !lostRace.MatchString(o.Stderr) {
				t.Errorf("lost for another reason:\n%s", o.Stderr)
			}
		}
		if won < 0 || s.ref(t, "refs/heads/main") != commits[won] {
			t.Fatalf("nobody won, or main is not the winner's: %+v", results)
		}
		s.inStep(t, -1)
		s.must(t, "reset", "-q", "--hard", commits[won])
	}
	s.fsck(t)
	current := 0
	for _, r := range s.releases(t) {
		if r.Status == release.Current || r.Status == release.Superseded {
			current++
		}
	}
	if current != 3 {
		t.Errorf("%d releases were current at a time, want 3", current)
	}
}

// TestPushSameCommit has many push the same commit at once, and back again: the current release is
// always of the commit that main names.
func TestPushSameCommit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	one := s.must(t, "rev-parse", "HEAD")
	two := s.commit(t, "two")
	for _, commit := range []string{two, one, two} {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { s.git(t, "push", "--force", s.bare, commit+":refs/heads/main") })
		}
		wg.Wait()
		if got := s.ref(t, "refs/heads/main"); got != commit {
			t.Fatalf("main is %s, want %s", got, commit)
		}
		s.inStep(t, -1)
	}
}

// victim finds the processes of a push to kill; none while there are none.
type victim struct {
	name string
	find func(s *site, client int) []int
}

var victims = []victim{
	{"client", func(_ *site, client int) []int { return []int{client} }},
	{"receive-pack", func(s *site, _ int) []int { return s.processes("git-receive-pack", s.bare) }},
	{"hook", func(s *site, _ int) []int { return s.processes(s.binary, "hook\x00run") }},
	{"settler and hook", func(s *site, _ int) []int {
		return append(s.processes(s.binary, "hook\x00settle"), s.processes(s.binary, "hook\x00run")...)
	}},
}

// processes returns the processes of this site whose command line starts with a program and holds
// some words.
func (s *site) processes(program, words string) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		args, _ := os.ReadFile(f)
		environ, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "environ"))
		if strings.HasPrefix(string(args), program) && strings.Contains(string(args), words) &&
			strings.Contains(string(environ), "HOME="+s.home+"\x00") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestPushKilled kills one of a push's processes at random moments. Whatever was killed, the
// current release is of the commit that main names, nothing is left of the push, and the next push
// works. With -kills 50 -v it prints how the pushes ended.
func TestPushKilled(t *testing.T) {
	t.Parallel()
	for _, v := range victims {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			took := s.pushTime(t)
			ends := map[string]int{}
			for i := range *kills {
				ends[s.killOnce(t, v, i, took)]++
			}
			s.fsck(t)
			slugctest.NoProcess(t, s.home)
			t.Logf("%s, %d kills within %v: %v", v.name, *kills, took.Round(time.Millisecond), ends)
		})
	}
}

// change commits other files in every second push, so that there is something to build.
func (s *site) change(t *testing.T, i int) string {
	if i%2 == 0 {
		slugctest.GoApp(t, s.work, fmt.Sprintf("change %d of %d", i, os.Getpid()))
	}
	return s.commit(t, fmt.Sprintf("change %d", i))
}

// pushTime is how long a push with a build takes.
func (s *site) pushTime(t *testing.T) time.Duration {
	s.change(t, 1000)
	start := time.Now()
	says(t, s.git(t, "push", "origin", "main"), 0)
	return time.Since(start)
}

// killOnce pushes, kills, and returns how the push ended.
func (s *site) killOnce(t *testing.T, v victim, i int, took time.Duration) string {
	t.Helper()
	before, commit := s.ref(t, "refs/heads/main"), s.change(t, i)
	cmd := s.command("git", "-C", s.work, "push", "origin", "main")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	timer := time.NewTimer(rand.N(took))
	killed := false
	for !killed {
		select {
		case err := <-ended:
			ended <- err
			killed = true // it was over before there was anything to kill
		case <-timer.C:
			timer.Reset(time.Millisecond)
			for _, pid := range v.find(s, cmd.Process.Pid) {
				if err := syscall.Kill(pid, syscall.SIGKILL); err == nil {
					killed = true
				}
			}
		}
	}
	exit, _ := errors.AsType[*exec.ExitError](<-ended)
	end := "push failed"
	if exit == nil {
		end = "push succeeded"
	}
	// A push that is killed before its settler has started can't move main. The next command settles it.
	noSettler := v.name == "hook" && s.ref(t, "refs/heads/main") == before
	// The server goes on when a client is killed: its hook may only be about to start.
	if v.name == "client" || v.name == "settler and hook" || noSettler {
		testkit.Eventually(t, "the push has no process", func() bool {
			return len(s.processes("git", "receive-pack")) == 0 && len(s.processes(s.binary, "hook")) == 0
		})
		s.status(t)
	}
	s.inStep(t, -1)
	switch s.ref(t, "refs/heads/main") {
	case before:
		end += ", main stayed"
	case commit:
		end += ", main moved"
	default:
		t.Fatal("main is neither the former commit nor the new one")
	}
	if exit == nil && strings.HasSuffix(end, "stayed") {
		t.Fatal("the push succeeded and main stayed")
	}
	next := s.commit(t, "next")
	says(t, s.git(t, "push", "origin", "main"), 0, "Released blog v", next[:7])
	s.inStep(t, -1)
	return end
}

// TestPushClientGone ends the client of a push, over every transport, in the middle of a build that
// would never end: the build ends, nothing is released, and the branch stays.
func TestPushClientGone(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		t.Run(transport.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.must(t, "remote", "set-url", "origin", transport.url(t, s))
			s.must(t, "rm", "-q", "go.mod", "main.go")
			testkit.Tree(
				t,
				s.work,
				map[string]string{
					"package.json": `{"name":"slow","version":"1.0.0","scripts":{"build":"sleep 86400.25"}}`,
					"Procfile":     "web: true\n",
				},
			)
			s.commit(t, "slow")
			cmd := s.command("git", "-C", s.work, "push", "origin", "main")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with ssh or git-remote-http
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			sleeping := func() bool { return len(sleepers(t, s)) > 0 }
			testkit.Eventually(t, "the build sleeps", sleeping)
			if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			killed := time.Now()
			testkit.Eventually(t, "the build has ended", func() bool { return !sleeping() })
			t.Logf(
				"%s: the build ended %v after its client",
				transport.name,
				time.Since(killed).Round(10*time.Millisecond),
			)
			s.inStep(t, 1)
			s.must(t, "reset", "-q", "--hard", "HEAD~")
			s.commit(t, "after")
			says(t, s.git(t, "push", "origin", "main"), 0, "Released blog v2")
			s.fsck(t)
		})
	}
}

// sleepers are the build's processes of this site that sleep. What a build's sandbox has mounted names
// the site's directory, from the top of its file system.
func sleepers(t *testing.T, s *site) (pids []string) {
	home := strings.TrimPrefix(s.home, os.TempDir())
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		args, _ := os.ReadFile(f)
		if string(args) != "sleep\x0086400.25\x00" {
			continue
		}
		if of, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "mountinfo")); strings.Contains(string(of), home) {
			pids = append(pids, filepath.Base(filepath.Dir(f)))
		}
	}
	return pids
}
