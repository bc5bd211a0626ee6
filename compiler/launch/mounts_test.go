package launch_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/cache/disk"
	"slugc/cache/testkit"
	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/sandbox"
	"slugc/compiler/slug"
)

var allMounts = []string{"/app", "/workspace", "/layers"}

// mounted is a slug in dir that is to be seen at mounts.
func mounted(t *testing.T, dir string, mounts []string) (file string) {
	t.Helper()
	app := testkit.Tree(t, filepath.Join(dir, "app"), map[string]string{
		"server": "one", ".profile.d/a.sh": "export SOURCED=$PWD", ".layers/bp/tool/bin/x": "tool",
	})
	file = filepath.Join(dir, "slug.tgz")
	if _, err := slug.Pack(t.Context(), slug.PackOptions{
		Output: file, Manifest: slug.Manifest{Mounts: mounts},
		Sections: []slug.Section{
			{Name: "layer:bp:tool", Dir: filepath.Join(app, ".layers/bp/tool"), Prefix: ".layers/bp/tool"},
			{Name: "app", Dir: app, Exclude: []string{".layers"}},
		},
	}); err != nil {
		t.Fatal(err)
	}
	return file
}

// look prints what a process sees at its mounts, and that what it writes at one place is at the others.
const look = `
echo "$HOME $PWD $SOURCED" $(cat /app/server /workspace/server /layers/bp/tool/bin/x .layers/bp/tool/bin/x)
echo two >/workspace/server && cat server
: >/layers/new && ls .layers
test ! -e tmp/mine && : >tmp/mine && ls /app/tmp
test -x "$SLUGC_LAUNCHER" && echo launcher
test -e /proc/self/exe && : </dev/null && test -d /tmp && test -e /etc/passwd && echo host
mkdir /slugc-new 2>/dev/null || echo fixed; ls -d /app /bin /usr /proc /dev /tmp | tr '\n' ' '`

const looked = "/app /app /app oneonetooltool\ntwo\nbp\nnew\nmine\nlauncher\nhost\nfixed\n" +
	"/app /bin /dev /proc /tmp /usr "

// TestMounts runs an app that must be at fixed paths, put together from kept sections and unpacked as a whole.
func TestMounts(t *testing.T) {
	t.Parallel()
	for name, kept := range map[string]bool{"kept sections": true, "unpacked": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			o := launch.UnpackOptions{Runs: filepath.Join(dir, "run"), Self: child(t)}
			if kept {
				o.Trees = filepath.Join(dir, "trees")
			}
			u := unpack(t, mounted(t, dir, allMounts), o)
			if diff := cmp.Diff(allMounts, u.Mounts); diff != "" || (u.Layers != nil) != kept {
				t.Fatalf("layers %v, mounts: %s", u.Layers, diff)
			}
			code, out := run(t, launch.RunOptions{
				Dir: u.Dir, Mounts: u.Mounts, Layers: u.Layers, Tmp: filepath.Join(u.Tmp, "web.1"), Command: look,
			})
			if code != 0 || out != looked {
				t.Errorf("ended with %d: %s", code, cmp.Diff(looked, out))
			}
			if testkit.Exists("/slugc-new") || testkit.Exists("/app/server") {
				t.Error("the host sees what the process has mounted or made")
			}
		})
	}
}

// TestMountsOfAnOrdinaryUser runs the same as a user who may mount only in a user namespace.
func TestMountsOfAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "launch-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.RemoveAll(dir) })
	const nobody = 65534
	self, work := filepath.Join(dir, "child"), filepath.Join(dir, "work")
	err = errors.Join(os.Chmod(dir, 0o755), os.Mkdir(work, 0o755), disk.CopyFile(child(t), self, 0o755))
	if err == nil && os.Getuid() == 0 {
		err = os.Chown(work, nobody, nobody)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "slug", self, mounted(t, dir, allMounts), work, look)
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	cmd.Dir, cmd.Env = "/", []string{}
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != looked {
		t.Errorf("ended with %v: %s", err, cmp.Diff(looked, string(out)))
	}
}

// TestMountsStart starts a formation: each process has its own app at the same paths.
func TestMountsStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	u := unpack(t, mounted(t, dir, allMounts), launch.UnpackOptions{
		Runs: filepath.Join(dir, "run"), Trees: filepath.Join(dir, "trees"), Self: child(t),
	})
	meet := t.TempDir()
	command := "echo $DYNO >/app/mine; : >" + meet + "/$DYNO; n=0\n" +
		"while test $(ls " + meet + " | wc -l) != 2 -a $n -lt 100; do sleep .1; n=$((n+1)); done\n" +
		"echo read $(cat /workspace/mine)"
	out := &testkit.Buffer{}
	code, err := launch.Start(t.Context(), launch.StartOptions{
		Self: child(t), Dir: u.Dir, Mounts: u.Mounts, Layers: u.Layers, Tmp: u.Tmp, Out: out,
		Processes: processes("web", strings.ReplaceAll(command, "\\n", "\n")), Formation: map[string]int{"web": 2},
		CanDie: []string{"all"},
	})
	if code != 0 || err != nil || !out.Contains("read web.1") || !out.Contains("read web.2") {
		t.Errorf("ended with %d, %v\n%s", code, err, out)
	}
}

// TestMountsRefused names the paths where the kernel permits no mount, or slugc does not know how to make one.
func TestMountsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	u := unpack(t, mounted(t, dir, allMounts), launch.UnpackOptions{Runs: filepath.Join(dir, "run")})
	out := &testkit.Buffer{}
	_, err := launch.Run(t.Context(), launch.RunOptions{
		Dir: u.Dir, Mounts: u.Mounts, Command: "echo ran", Stdout: out, Stderr: out,
	})
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.ID != "launch/no-mounts" || f.Code != fault.ExitLaunch || out.String() != "" {
		t.Errorf("it says %v, %q", err, out)
	}
	if !strings.Contains(err.Error(), "/app, /workspace, /layers") {
		t.Errorf("it does not name the paths: %v", err)
	}
	for _, mounts := range [][]string{{"/etc"}, {"/workspace"}, {"/app", "/proc"}, {"/app", "/app"}, {"/app", ""}} {
		dir := t.TempDir()
		_, err := launch.Unpack(t.Context(), mounted(t, dir, mounts), launch.UnpackOptions{Runs: dir})
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.ID != "launch/mounts" {
			t.Errorf("%q: %v", mounts, err)
		}
	}
}

// within runs the child, at self, in a root directory of its own, into which more options of bubblewrap put something.
// It is root there, as in a container.
func within(t *testing.T, dir, self string, more []string, args ...string) (out string, err error) {
	t.Helper()
	testkit.NeedsTools(t, "bubblewrap")
	options := []string{
		"--unshare-user", "--uid", "0", "--gid", "0", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp",
		"--bind", dir, dir, "--ro-bind", child(t), self,
	}
	for _, name := range []string{"/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64"} {
		if target, err := os.Readlink(name); err == nil {
			options = append(options, "--symlink", target, name)
		} else {
			options = append(options, "--ro-bind-try", name, name)
		}
	}
	cmd := exec.Command("bwrap", slices.Concat(options, more, []string{"--", self}, args)...)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// TestMountsInAContainer runs slugc itself, and keeps its state, below /app, which its processes do not see.
func TestMountsInAContainer(t *testing.T) {
	t.Parallel()
	dir, self := t.TempDir(), "/app/bin/slugc"
	file := mounted(t, dir, allMounts)
	privileged := []string{"--cap-add", "ALL", "--dir", "/app/state", "--dir", "/workspace"}
	out, err := within(t, dir, self, privileged, "slug", self, file, "/app/state", look)
	if err != nil || out != looked {
		t.Errorf("it ends with %v: %s", err, cmp.Diff(looked, out))
	}
}

// TestMountsByLinks runs an app that must be at fixed paths where nothing can be mounted. Links lead to it, unless
// something is in their way, and go with it.
func TestMountsByLinks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		more []string
		want string // what is said of it, "" for nothing
	}{
		"free":                  {nil, ""},
		"a killed process's":    {[]string{"--symlink", "/tmp/gone", "/workspace"}, ""},
		"another app's":         {[]string{"--symlink", "/usr", "/workspace"}, "/workspace leads to /usr"},
		"a directory":           {[]string{"--dir", "/app"}, "something else at /app"},
		"a read-only directory": {[]string{"--remount-ro", "/"}, "read-only file system"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			const command = `echo "$HOME $(cat /app/server /workspace/server /layers/bp/tool/bin/x) $(pwd -P)"
test -x "$SLUGC_LAUNCHER" && readlink /app`
			more := append([]string{"--disable-userns", "--cap-drop", "ALL"}, test.more...)
			out, err := within(t, dir, child(t), more, "slug", child(t), mounted(t, dir, allMounts), dir, command)
			if test.want != "" {
				if err == nil || !strings.Contains(out, test.want) {
					t.Errorf("it ends with %v: %s", err, out)
				}
				return
			}
			lines := strings.Split(out, "\n")
			if err != nil || len(lines) != 3 || lines[0] != "/app oneonetool "+lines[1] {
				t.Errorf("it ends with %v: %s", err, out)
			}
		})
	}
}

// TestMountsSandboxedByLinks runs a release process where nothing can be mounted.
func TestMountsSandboxedByLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const command = `cat /app/server /workspace/server /layers/bp/tool/bin/x && : >"$HOME/new" && ls /app/new &&
test -x "$SLUGC_LAUNCHER"`
	unprivileged := []string{"--disable-userns", "--cap-drop", "ALL"}
	out, err := within(t, dir, child(t), unprivileged, "release", child(t), mounted(t, dir, allMounts), dir, command)
	level, out, _ := strings.Cut(out, "\n")
	if err != nil || level == string(sandbox.Bubblewrap) || out != "oneonetool/app/new\n" {
		t.Errorf("at level %s it ends with %v: %s", level, err, out)
	}
}

// TestMountsSandboxed runs a release process, which sees the app at the same paths.
func TestMountsSandboxed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	box, err := sandbox.Probe(t.Context(), sandbox.ProbeOptions{Want: sandbox.Bubblewrap, Self: child(t)})
	if err != nil {
		t.Fatal(err)
	}
	u := unpack(t, mounted(t, dir, allMounts), launch.UnpackOptions{Runs: filepath.Join(dir, "run")})
	out := &testkit.Buffer{}
	command := strings.Join(slices.Collect(strings.SplitSeq(look, "\n"))[:5], "\n") + `; test -x "$SLUGC_LAUNCHER"`
	code, err := launch.RunSandboxed(context.Background(), box, launch.RunOptions{
		Dir: u.Dir, Mounts: u.Mounts, Command: "mkdir tmp\n" + command, Stdout: out, Stderr: out,
	}, sandbox.Limits{})
	if err != nil || code != 0 || !strings.HasPrefix(looked, out.String()) || !out.Contains("mine") {
		t.Errorf("ended with %d, %v: %s", code, err, out)
	}
}
