package sandbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/testkit"
	"slugc/compiler/sandbox"
)

func TestBinds(t *testing.T) {
	t.Parallel()
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		dir := t.TempDir()
		app := sandbox.Bind{Host: dir, Inside: "/app", Writable: true}
		layers := sandbox.Bind{Host: t.TempDir(), Inside: "/app/.layers", Writable: true}
		spec, out := sh(fmt.Sprintf("echo made > file; echo made > %s/file; pwd", box.Path(layers)), app, layers)
		spec.Dir = box.Path(app)
		if err := box.Run(t.Context(), spec); err != nil || out.String() != box.Path(app)+"\n" {
			t.Fatalf("%v\n%s", err, out)
		}
		for _, path := range []string{dir, layers.Host} {
			ownedBy(t, filepath.Join(path, "file"), os.Getuid())
		}
	})
}

// ownedBy fails the test when the file is not there or is another user's.
func ownedBy(t *testing.T, file string, uid int) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != uid {
		t.Errorf("%s: %v, %v; want it to be of user %d", file, info, err, uid)
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		home := sandbox.Bind{Host: t.TempDir(), Inside: "/home/app", Writable: true}
		spec, out := sh("", home)
		want := []string{
			"HOME=" + box.Path(home),
			"ODD=a b\n\"$x",
			"PATH=/usr/bin",
			"PWD=/usr",
			"TMPDIR=" + box.Path(home),
		}
		spec.Args, spec.Dir = []string{"/usr/bin/env", "-0"}, "/usr"
		spec.Env = append([]string{"ODD=first"}, want[0], want[1], want[2], want[4])
		if err := box.Run(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimRight(out.String(), "\x00"), "\x00")
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestEnvironmentIsOnNoCommandLine looks for a value of the environment where every user could read it.
func TestEnvironmentIsOnNoCommandLine(t *testing.T) {
	t.Parallel()
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		value := testkit.Marker()
		spec, out := sh("echo started; cat")
		spec.Env = append(spec.Env, "TOKEN="+value)
		in, feed, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		spec.Stdin = in
		ended := start(t, box, spec)
		testkit.Eventually(t, "the child", func() bool { return out.Contains("started") })
		if lines := testkit.Processes(t, value); len(lines) > 0 {
			t.Errorf("it is on these command lines: %q", lines)
		}
		feed.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestPrivateDirectories holds that a child can write its private directories, and that they are removed.
func TestPrivateDirectories(t *testing.T) {
	t.Parallel()
	script := `for d in "${TMPDIR:-/tmp}" "$HOME"; do mkdir -p $d/a/b && chmod 0 $d/a && echo $d; done; cd ~ && pwd`
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		temp := t.TempDir()
		options := sandbox.ProbeOptions{Want: box.Level(), Self: child(t), Temp: temp}
		box, err := sandbox.Probe(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		if got := output(t, box, script); len(strings.Fields(got)) != 3 {
			t.Errorf("the child wrote %q", got)
		}
		if left := glob(t, temp+"/*"); len(left) > 0 {
			t.Errorf("these are left: %v", left)
		}
	})
}

func TestBubblewrapView(t *testing.T) {
	t.Parallel()
	got := output(t, at(t, sandbox.Bubblewrap), "id -un; hostname; getent hosts slugc >/dev/null && echo known; "+
		"ls /tmp /var/tmp/; touch /dev/shm/x; echo > /dev/null")
	if got != "slugc\nslugc\nknown\n/tmp:\n\n/var/tmp/:" {
		t.Errorf("the child wrote %q", got)
	}
}

// TestUnprivileged runs slugc as an ordinary user, which is how it should be run.
func TestUnprivileged(t *testing.T) {
	t.Parallel()
	each(t, allLevels, func(t *testing.T, box *sandbox.Sandbox) {
		dir, self := forNobody(t)
		work := filepath.Join(dir, "work")
		marker := testkit.Marker()
		script := fmt.Sprintf("cd %s && echo made > file && cat file && (setsid sleep %s &) && "+
			"ls -l /proc/$$/fd | wc -l", work, marker)
		cmd := sandboxed(t, self, box.Level(), "", script, sandbox.Bind{Host: work, Inside: work, Writable: true})
		uid := os.Getuid()
		if uid == 0 {
			uid = nobody
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "made\n") {
			t.Fatalf("%v\n%s", err, out)
		}
		ownedBy(t, filepath.Join(work, "file"), uid)
		testkit.NoProcess(t, marker)
	})
}
