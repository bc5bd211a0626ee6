package follow_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"slugc/cache/digest"
	"slugc/cache/testkit"
	"slugc/compiler/follow"
	"slugc/compiler/launch"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
	"slugc/compiler/slug"
)

// testFollower is a call of follow.Run under test.
type testFollower struct {
	*testing.T
	o       follow.Options
	updates chan release.Update
	out     *testkit.Buffer
	slugs   string
	mounts  []string // of the slugs
	address string
	cancel  func()
	ended   chan error
}

var listens = regexp.MustCompile(`web is on (\S+)`)

// start starts a follower of the app blog. change changes its options and may be nil.
func start(t *testing.T, change func(*follow.Options)) *testFollower {
	t.Helper()
	f := &testFollower{
		T:       t,
		updates: make(chan release.Update),
		out:     &testkit.Buffer{},
		slugs:   t.TempDir(),
		ended:   make(chan error, 1),
	}
	f.o = follow.Options{
		App:       "blog",
		Self:      testkit.Program(t, program),
		Updates:   f.updates,
		Runs:      t.TempDir(),
		Listen:    "127.0.0.1",
		Env:       []string{"COLOUR=green"},
		Console:   launch.NewConsole(f.out, false, false),
		Backoff:   time.Millisecond,
		MinUptime: time.Millisecond,
		Fetch:     func(_ context.Context, _ string, r release.Release) (string, error) { return r.Slug.URL, nil },
	}
	if change != nil {
		change(&f.o)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	go func() { f.ended <- follow.Run(ctx, f.o) }()
	t.Cleanup(func() {
		cancel()
		if f.ended != nil {
			<-f.ended
		}
		if t.Failed() {
			t.Log(f.out)
		}
	})
	f.awaitLine("web is on ")
	f.address = listens.FindStringSubmatch(f.out.String())[1]
	return f
}

// stop stops the follower. The test fails when it leaves directories.
func (f *testFollower) stop() {
	f.Helper()
	f.cancel()
	if err := <-f.ended; err != nil {
		f.Error(err)
	}
	f.ended = nil
	if left, err := os.ReadDir(f.o.Runs); err != nil || len(left) > 0 {
		f.Errorf("these are left: %v, %v", left, err)
	}
}

// release packs a slug with these process types and returns a snapshot in which it is current.
func (f *testFollower) release(version int, formation release.Formation, pairs ...string) release.Snapshot {
	f.Helper()
	var types procfile.ProcessMap
	for i := 0; i < len(pairs); i += 2 {
		types = append(types, procfile.Process{Type: pairs[i], Command: pairs[i+1]})
	}
	app := f.TempDir()
	if err := os.WriteFile(filepath.Join(app, "version"), []byte(fmt.Sprint(version)), 0o644); err != nil {
		f.Fatal(err)
	}
	file := filepath.Join(f.slugs, fmt.Sprint(version, ".tgz"))
	_, err := slug.Pack(
		f.Context(),
		slug.PackOptions{
			Output:   file,
			Sections: []slug.Section{{Name: "app", Dir: app}},
			Manifest: slug.Manifest{ProcessTypes: types, Target: "linux/amd64", Mounts: f.mounts},
		},
	)
	if err != nil {
		f.Fatal(err)
	}
	is, size, err := digest.File(file)
	if err != nil {
		f.Fatal(err)
	}
	return release.Snapshot{
		Formation: formation,
		Current: release.Release{
			Version:      version,
			ProcessTypes: types,
			Slug:         release.SlugRef{Digest: is, Size: size, URL: file},
		},
	}
}

// program stands for the slugc binary and for the processes of apps.
const program = "../launch/testdata/child"

// serve is the command of a web process that answers with a text.
func serve(t *testing.T, text string) string { return testkit.Program(t, program) + " serve " + text }

// send sends the follower a snapshot, as the coordinator does.
func (f *testFollower) send(s release.Snapshot) {
	f.Helper()
	select {
	case f.updates <- release.Update{Snapshot: s}:
	case err := <-f.ended:
		f.ended = nil
		f.Fatalf("the follower has ended: %v", err)
	}
}

// awaitLine waits for text on the console.
func (f *testFollower) awaitLine(text string) {
	f.Helper()
	testkit.Eventually(f, fmt.Sprintf("%q", text), func() bool { return f.out.Contains(text) })
}

// get sends the app a request on a connection of its own.
func (f *testFollower) get(path string) (string, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	response, err := client.Get("http://" + f.address + path)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return strings.TrimSpace(string(body)), err
}

// awaitAnswer waits until the app answers so.
func (f *testFollower) awaitAnswer(want string) {
	f.Helper()
	testkit.Eventually(f, "the answer "+want, func() bool { got, err := f.get("/"); return err == nil && got == want })
}

// awaitNoAnswer waits until new connections are closed without an answer.
func (f *testFollower) awaitNoAnswer() {
	f.Helper()
	testkit.Eventually(f, "no answer", func() bool {
		_, err := f.get("/")
		timeout, ok := errors.AsType[net.Error](err)
		return err != nil && !(ok && timeout.Timeout())
	})
}

// releaseDirs returns how many releases are unpacked.
func (f *testFollower) releaseDirs() int {
	entries, _ := os.ReadDir(f.o.Runs)
	return len(entries)
}

// pids returns the ids that a process was started with.
func (f *testFollower) pids(name string) (list []int) {
	line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` +\| started with pid (\d+)$`)
	for _, m := range line.FindAllStringSubmatch(f.out.String(), -1) {
		pid, _ := strconv.Atoi(m[1])
		list = append(list, pid)
	}
	return list
}
