package push_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
	"slugc/compiler/push"
	"slugc/compiler/release"
)

// site is a bare repository with slugc's hooks and a clone of it to push from.
type site struct {
	home, bare, work string
	binary           string
	env              []string // of git, on both sides of a local push
}

// newSite installs the hooks for the app "blog" and pushes a first commit of an app. Later commits
// without a change of files need no build.
func newSite(t *testing.T, more ...string) *site {
	t.Helper()
	s := bareSite(t)
	s.install(t, more...)
	slugctest.GoApp(t, s.work, "first")
	s.commit(t, "first")
	if o := s.git(t, "push", "origin", "main"); o.Exit != 0 {
		t.Fatalf("the first push: exit %d\n%s", o.Exit, o.Stderr)
	}
	s.inStep(t, 1)
	return s
}

// bareSite is one without hooks and commits.
func bareSite(t *testing.T, initArgs ...string) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{
		binary: slugctest.Binary(t),
		home:   slugctest.WarmHome(t, "go", "blog"),
		bare:   filepath.Join(dir, "blog.git"),
		work:   filepath.Join(dir, "work"),
	}
	s.env = slugctest.Env(t, s.home, "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	for _, args := range [][]string{
		slices.Concat([]string{"init", "-q", "--bare", "-b", "main"}, initArgs, []string{s.bare}),
		slices.Concat([]string{"init", "-q", "-b", "main"}, initArgs, []string{s.work}),
		{"-C", s.work, "remote", "add", "origin", s.bare},
	} {
		if o := s.run(t, "git", args...); o.Exit != 0 {
			t.Fatalf("git %v: %s", args, o.Stderr)
		}
	}
	return s
}

func (s *site) install(t *testing.T, more ...string) {
	t.Helper()
	args := append([]string{"hook", "install", s.bare, "--app", "blog"}, more...)
	if o := s.run(t, s.binary, args...); o.Exit != 0 {
		t.Fatalf("installing: %s", o.Stderr)
	}
}

// command prepares a child with the site's environment.
func (s *site) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = s.env
	return cmd
}

func (s *site) run(t testing.TB, name string, args ...string) slugctest.Outcome {
	t.Helper()
	return slugctest.Wait(t, s.command(name, args...))
}

// git runs git in the clone; "remote: " and the spaces that git pads lines with are taken away.
func (s *site) git(t testing.TB, args ...string) slugctest.Outcome {
	t.Helper()
	o := s.run(t, "git", append([]string{"-C", s.work}, args...)...)
	o.Stderr = plainRemote(o.Stderr)
	return o
}

func plainRemote(text string) string {
	var lines []string
	for l := range strings.Lines(text) {
		lines = append(lines, strings.TrimRight(strings.TrimPrefix(l, "remote: "), " \n"))
	}
	return strings.Join(lines, "\n") + "\n"
}

// must runs git in the clone and returns what it prints.
func (s *site) must(t testing.TB, args ...string) string {
	t.Helper()
	o := s.git(t, args...)
	if o.Exit != 0 {
		t.Fatalf("git %v: exit %d\n%s", args, o.Exit, o.Stderr)
	}
	return strings.TrimSpace(o.Stdout)
}

// commit commits everything, or nothing, and returns the commit.
func (s *site) commit(t testing.TB, message string) string {
	t.Helper()
	s.must(t, "add", "-A")
	s.must(t, "commit", "-q", "--allow-empty", "-m", message)
	return s.must(t, "rev-parse", "HEAD")
}

func (s *site) ref(t testing.TB, ref string) string {
	t.Helper()
	return strings.TrimSpace(s.run(t, "git", "--git-dir", s.bare, "rev-parse", "--verify", "--quiet", ref).Stdout)
}

func (s *site) releases(t testing.TB) []release.Release {
	t.Helper()
	return slugctest.Releases(t, s.home, "blog")
}

func (s *site) status(t testing.TB) push.Status {
	t.Helper()
	o := s.run(t, slugctest.Binary(t), "hook", "status", s.bare, "--json")
	if o.Exit != 0 {
		t.Fatalf("hook status: exit %d\n%s", o.Exit, o.Stderr)
	}
	return slugctest.Decode[push.Status](t, o)
}

// settled waits until no push is under way, by what settles pushes by itself.
func (s *site) settled(t testing.TB) {
	t.Helper()
	testkit.Eventually(t, "the pushes are settled", func() bool {
		left, _ := filepath.Glob(filepath.Join(s.bare, "slugc/pushes/*"))
		return len(left) == 0
	})
}

// inStep requires that the current release is the commit that main names, that nothing is under way
// or pending, and how many releases there are (-1: any number).
func (s *site) inStep(t testing.TB, releases int) {
	t.Helper()
	s.settled(t)
	status, list := s.status(t), s.releases(t)
	if main := s.ref(t, "refs/heads/main"); main != status.Commit || status.Error != "" {
		t.Fatalf("main is %s, the current release v%d of %s: %s", main, status.Current, status.Commit, status.Error)
	}
	for _, r := range list {
		if r.Status == release.Pending {
			t.Fatalf("v%d is pending", r.Version)
		}
	}
	if releases >= 0 && len(list) != releases {
		t.Fatalf("%d releases, want %d: %+v", len(list), releases, list)
	}
}

// fsck requires a whole repository without garbage.
func (s *site) fsck(t testing.TB) {
	t.Helper()
	if o := s.run(t, "git", "--git-dir", s.bare, "fsck", "--strict", "--no-dangling"); o.Exit != 0 {
		t.Errorf("git fsck: %s%s", o.Stdout, o.Stderr)
	}
	for _, pattern := range []string{"objects/*incoming-*", "*.lock", "refs/heads/*.lock"} {
		if left, _ := filepath.Glob(filepath.Join(s.bare, pattern)); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// transports are the ways to push; each returns the URL of the site's repository.
var transports = []struct {
	name string
	url  func(t *testing.T, s *site) string
}{
	{"local", func(_ *testing.T, s *site) string { return s.bare }},
	{"daemon", gitDaemon},
	{"http", httpBackend},
	{"ssh", sshServer},
}

// serve runs a server until the test ends, and waits until it answers.
func serve(t *testing.T, cmd *exec.Cmd, port string) {
	t.Helper()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said: %s", cmd.Path, log.String())
		}
	})
	testkit.Eventually(t, cmd.Path+" answers", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func gitDaemon(t *testing.T, s *site) string {
	port := strconv.Itoa(testkit.FreePort(t))
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	// Not through the git wrapper, whose child would outlive it.
	serve(
		t,
		s.command(
			filepath.Join(strings.TrimSpace(string(out)), "git-daemon"),
			"--reuseaddr",
			"--listen=127.0.0.1",
			"--port="+port,
			"--export-all",
			"--enable=receive-pack",
			"--base-path="+filepath.Dir(s.bare),
		),
		port,
	)
	return "git://127.0.0.1:" + port + "/blog.git"
}

// httpBackend serves the repository by git-http-backend behind a CGI server that passes on what it
// reads at once, and gives up its program with its client.
func httpBackend(t *testing.T, s *site) string {
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	handler := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"), Stderr: io.Discard,
		Env: append(
			[]string{"GIT_PROJECT_ROOT=" + filepath.Dir(s.bare), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=carol"},
			s.env...)}
	server := httptest.NewServer(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(flushed{w}, r) }),
	)
	t.Cleanup(server.Close)
	return server.URL + "/blog.git"
}

type flushed struct{ http.ResponseWriter }

func (f flushed) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	if err == nil {
		err = http.NewResponseController(f.ResponseWriter).Flush()
	}
	return n, err
}

// sshServer runs an sshd of its own for the user who runs the test.
func sshServer(t *testing.T, s *site) string {
	dir, port := t.TempDir(), strconv.Itoa(testkit.FreePort(t))
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		if sshd, err = exec.LookPath("/usr/sbin/sshd"); err != nil {
			t.Fatal("sshd is not installed")
		}
	}
	for _, key := range []string{"host", "user"} {
		generate := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key))
		if out, err := generate.CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v %s", err, out)
		}
	}
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where sshd locks its unprivileged half up
			t.Fatal(err)
		}
	}
	path, _ := strings.CutPrefix(slugctest.Settings(t)[0], "PATH=")
	testkit.Write(t, filepath.Join(dir, "sshd_config"), fmt.Sprintf(`ListenAddress 127.0.0.1
Port %[1]s
HostKey %[2]s/host
AuthorizedKeysFile %[2]s/user.pub
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
PasswordAuthentication no
SetEnv PATH=%[3]s
`, port, dir, path))
	serve(t, s.command(sshd, "-D", "-e", "-f", filepath.Join(dir, "sshd_config")), port)
	s.env = append(s.env, fmt.Sprintf("GIT_SSH_COMMAND=ssh -F /dev/null -i %s/user -o StrictHostKeyChecking=no "+
		"-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -p %s", dir, port))
	return "ssh://127.0.0.1" + s.bare
}
