// Package hostile_test builds apps that attack the machine they are built on, at each level of the sandbox, as
// root and as an ordinary user.
package hostile_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"slugc/cache/disk"
	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// reached is what an app's build script prints when its attack succeeds.
const reached = "REACHED"

const nobody = 65534

// place is a machine for the builds of one user at one level.
type place struct {
	dir, state string
	self       string // slugc
	level      string
	uid        int
	env        []string
	variables  string // of the build scripts, as a shell sets them
}

// world is one app in a place.
type world struct {
	place *place
	app   string // its name
	args  []string
	mark  string
}

// TestHostileBuilds runs every build at each level and as each user, and holds whether it gets what it wants.
func TestHostileBuilds(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"bubblewrap", "landlock", "none"} {
		for _, uid := range users() {
			t.Run(fmt.Sprintf("%s as %d", level, uid), func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, level, uid)
				for i, b := range builds {
					t.Run(b.name, func(t *testing.T) { p.try(t, fmt.Sprintf("app%d", i), b) })
				}
			})
		}
	}
}

// try builds the app of b.
func (p *place) try(t *testing.T, app string, b build) {
	w := &world{place: p, app: app, args: b.args, mark: testkit.Marker()}
	source := filepath.Join(p.dir, "source", app)
	slugctest.ToyApp(t, source, 0)
	testkit.Write(t, filepath.Join(source, "build.sh"), "MARK="+w.mark+"\n"+p.variables+b.script+"\ntrue\n")
	o := w.run(t)
	prevents := strings.Contains(b.levels, p.level[:1])
	if got := strings.Contains(o.Stderr, reached); got == prevents {
		t.Errorf("it gets what it wants: %t", got)
	}
	if (o.Exit != b.exit && (b.or == 0 || o.Exit != b.or)) || !strings.Contains(o.Stderr, b.says) {
		t.Errorf("exit %d, want %d and %q", o.Exit, b.exit, b.says)
	}
	if b.check != nil {
		b.check(t, w, o)
	}
	if t.Failed() {
		t.Logf("slugc says:\n%s", o.Stderr[max(0, len(o.Stderr)-4000):])
	}
}

// run builds the app.
func (w *world) run(t *testing.T) slugctest.Outcome {
	t.Helper()
	p := w.place
	args := append([]string{
		"build", filepath.Join(p.dir, "source", w.app), "--app", w.app, "--sandbox", p.level, "--no-register",
		"--output", w.slug(),
	}, w.args...)
	return slugctest.Wait(t, p.command(append([]string{p.self}, args...)...))
}

func (w *world) slug() string { return filepath.Join(w.place.state, w.app+".tgz") }

// command prepares a program of the place's user. No test may take all processes of the machine, whatever the
// sandbox does.
func (p *place) command(args ...string) *exec.Cmd {
	cmd := exec.Command("/usr/bin/prlimit", append([]string{"--nproc=1000"}, args...)...)
	cmd.Dir, cmd.Env = "/", p.env
	if p.uid != os.Getuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}

// copyProgram copies a file that is run later. A process that another test started meanwhile would hold the copy open
// for writing until it runs its own program, and the kernel runs no such file (https://go.dev/issue/22315).
func copyProgram(from, to string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return disk.CopyFile(from, to, 0o755)
}

// newPlace makes a place that its user can enter; t.TempDir is in one that other users cannot.
func newPlace(t *testing.T, level string, uid int) *place {
	t.Helper()
	dir, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := disk.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	p := &place{dir: dir, state: filepath.Join(dir, "state"), self: filepath.Join(dir, "slugc"), level: level, uid: uid}
	secret, neighbour := filepath.Join(dir, "secret"), filepath.Join(p.state, "apps", "neighbour", "kept")
	testkit.Write(t, secret, reached+"\n")
	testkit.Write(t, neighbour, "neighbour\n")
	for _, err := range []error{os.Chmod(dir, 0o755), copyProgram(slugctest.Binary(t), p.self)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	apps := filepath.Dir(filepath.Dir(neighbour))
	for _, path := range []string{p.state, apps, filepath.Dir(neighbour), neighbour, secret} {
		if err := os.Chown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	p.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.state, "TERM=dumb", "SLUGC_HOME=" + p.state, "CANARY=" + reached,
		"SLUGC_NPM_REGISTRY=http://127.0.0.1:9/",
		"SLUGC_NODE_MIRROR=file://" + slugctest.ToyMirror(t, filepath.Join(dir, "m")),
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	other := p.command("/bin/sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Process.Kill(); other.Wait() })
	p.variables = fmt.Sprintf("STATE=%s SECRET=%s PORT=%d OTHER=%d\n", p.state, secret,
		server.Addr().(*net.TCPAddr).Port, other.Process.Pid)
	return p
}
