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

// following is a follower under test.
type following struct {
	*testing.T
	o       follow.Options
	updates chan release.Update
	out     *testkit.Buffer
	slugs   string
	address string
	cancel  func()
	ended   chan error
}

var listens = regexp.MustCompile(`web is on (\S+)`)

// start starts a follower of an app that tells it what the test says.
func start(t *testing.T, change func(*follow.Options)) *following {
	t.Helper()
	f := &following{
		T:       t,
		updates: make(chan release.Update),
		out:     &testkit.Buffer{},
		slugs:   t.TempDir(),
		ended:   make(chan error, 1),
	}
	f.o = follow.Options{
		App:     "blog",
		Self:    testkit.Program(t, program),
		Updates: f.updates,
		Runs:    t.TempDir(),
		Listen:  "127.0.0.1",
		Env:     []string{"COLOUR=green"},
		Console: launch.NewConsole(f.out, false, false),
		Backoff: time.Millisecond,
		Settle:  time.Millisecond,
		Fetch:   func(_ context.Context, app string, rel release.Release) (string, error) { return rel.Slug.URL, nil },
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
	f.says("web is on ")
	f.address = listens.FindStringSubmatch(f.out.String())[1]
	return f
}

// stop stops the follower and holds it to leaving nothing.
func (f *following) stop() {
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
func (f *following) release(version int, formation release.Formation, pairs ...string) release.Snapshot {
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
			Manifest: slug.Manifest{ProcessTypes: types, Target: "linux/amd64"},
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

// tell tells the follower.
func (f *following) tell(s release.Snapshot) {
	f.Helper()
	select {
	case f.updates <- release.Update{Snapshot: s}:
	case err := <-f.ended:
		f.ended = nil
		f.Fatalf("the follower has ended: %v", err)
	}
}

// wait waits for a condition.
func (f *following) wait(what string, done func() bool) {
	f.Helper()
	testkit.Eventually(f, what, done)
}

// says waits for words of the console's.
func (f *following) says(words string) {
	f.Helper()
	f.wait(fmt.Sprintf("%q", words), func() bool { return strings.Contains(f.out.String(), words) })
}

// get asks the app on a connection of its own.
func (f *following) get(path string) (string, error) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	response, err := client.Get("http://" + f.address + path)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return strings.TrimSpace(string(body)), err
}

// answers waits for an answer.
func (f *following) answers(want string) {
	f.Helper()
	f.wait("the answer "+want, func() bool { got, err := f.get("/"); return err == nil && got == want })
}

// refuses waits until connections are closed.
func (f *following) refuses() {
	f.Helper()
	f.wait("no answer", func() bool {
		_, err := f.get("/")
		return err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !isTimeout(err)
	})
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}
