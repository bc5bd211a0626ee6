package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"slugc/compiler"
	"slugc/compiler/release"
)

// writeFiles writes files below dir.
func writeFiles(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// goApp writes a Go app that prints a word.
func goApp(t testing.TB, dir, word string) {
	t.Helper()
	writeFiles(t, dir, map[string]string{
		"go.mod":  "module example.com/hello\n\ngo 1.25\n",
		"main.go": fmt.Sprintf("package main\n\nfunc main() { println(%q) }\n", word),
	})
}

func build(t testing.TB, home, dir string, more ...string) compiler.Result {
	t.Helper()
	o := slugc(t, home, append([]string{"build", dir, "--json"}, more...)...)
	if o.exit != 0 {
		t.Fatalf("exit %d\n%s", o.exit, o.stderr)
	}
	return decode[compiler.Result](t, o)
}

// TestKilledAnywhere kills builds at random moments. After each kill the current release's slug is
// whole, and at the end a build gives the same bytes as one from nothing elsewhere: nothing of a
// killed build is ever used.
func TestKilledAnywhere(t *testing.T) {
	home, dir := state(t), t.TempDir()
	goApp(t, dir, "start")
	first := build(t, home, dir, "--app", "victim")
	start := time.Now()
	goApp(t, dir, "again")
	build(t, home, dir, "--app", "victim")
	took := time.Since(start)
	for i := range 25 {
		goApp(t, dir, fmt.Sprintf("round %d", i))
		cmd := exec.Command(binary, "build", dir, "--app", "victim")
		cmd.Env = append([]string{"HOME=" + home, "SLUGC_HOME=" + home}, settings...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(took + took/10))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		list := decode[[]release.Release](t, slugc(t, home, "releases", "victim", "--json"))
		if len(list) == 0 || list[0].Status != release.Current {
			t.Fatalf("after kill %d there is no current release: %+v", i, list)
		}
		path := strings.TrimPrefix(list[0].Slug.URL, "file://")
		if v := slugc(t, home, "verify", path, "--digest", string(list[0].Slug.Digest)); v.exit != 0 {
			t.Fatalf("after kill %d the current slug is damaged: %s", i, v.stderr)
		}
	}
	if v := slugc(t, home, "cache", "verify"); v.exit != 0 {
		t.Errorf("the cache is damaged: %s", v.stderr)
	}
	goApp(t, dir, "end")
	here, elsewhere := build(t, home, dir, "--app", "victim"), build(t, state(t), dir, "--app", "other")
	if here.Slug.Digest != elsewhere.Slug.Digest || here.Slug.Digest == first.Slug.Digest {
		t.Errorf(
			"after kills %s, from nothing %s, first %s",
			here.Slug.Digest,
			elsewhere.Slug.Digest,
			first.Slug.Digest,
		)
	}
	noProcess(t, home)
}

// noProcess requires that no process with the state directory in its environment or arguments is
// left.
func noProcess(t *testing.T, mark string) {
	t.Helper()
	var found []string
	for range 50 {
		found = nil
		files, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, f := range files {
			environ, _ := os.ReadFile(f)
			args, _ := os.ReadFile(filepath.Join(filepath.Dir(f), "cmdline"))
			if filepath.Base(filepath.Dir(f)) != fmt.Sprint(os.Getpid()) &&
				strings.Contains(string(environ)+string(args), mark) {
				found = append(found, filepath.Base(filepath.Dir(f))+" "+strings.ReplaceAll(string(args), "\x00", " "))
			}
		}
		if len(found) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("processes are left: %v", found)
}

// TestConcurrentRegistrations registers one slug from fifty processes at once.
func TestConcurrentRegistrations(t *testing.T) {
	home, dir := state(t), t.TempDir()
	goApp(t, dir, "x")
	file := filepath.Join(t.TempDir(), "x.tgz")
	build(t, home, dir, "--no-register", "--output", file)
	const n = 50
	versions := make([]int, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			o := slugc(t, home, "register", file, "--app", "many", "--json")
			if o.exit != 0 {
				t.Errorf("exit %d: %s", o.exit, o.stderr)
				return
			}
			versions[i] = decode[release.Release](t, o).Version
		})
	}
	wg.Wait()
	slices.Sort(versions)
	for i, v := range versions {
		if v != i+1 {
			t.Fatalf("versions are not 1 to %d: %v", n, versions)
		}
	}
}

// TestConcurrentBuilds builds one app from four processes at once: they queue.
func TestConcurrentBuilds(t *testing.T) {
	home := state(t)
	var wg sync.WaitGroup
	for i := range 4 {
		dir := t.TempDir()
		goApp(t, dir, fmt.Sprint(i))
		wg.Go(func() { build(t, home, dir, "--app", "shared") })
	}
	wg.Wait()
	list := decode[[]release.Release](t, slugc(t, home, "releases", "shared", "--json"))
	if len(list) != 4 {
		t.Errorf("%d releases, want 4", len(list))
	}
}

// TestReproducible builds the same source from two directories, as two users, under two umasks and
// time zones, with empty caches.
func TestReproducible(t *testing.T) {
	for _, name := range []string{"go-deps", "node-express-npm"} {
		t.Run(name, func(t *testing.T) {
			one := build(t, state(t), filepath.Join("../../fixtures", name), "--no-register")
			home, dir := nobody(t), filepath.Join(t.TempDir(), "some", "other dir")
			copyTree(t, filepath.Join("../../fixtures", name), dir)
			open(t, dir)
			cmd := exec.Command(
				"sh",
				"-c",
				`umask 077; exec "$@"`,
				"sh",
				binary,
				"build",
				dir,
				"--app",
				"elsewhere",
				"--json",
				"--no-register",
			)
			cmd.Env = append(
				[]string{"HOME=" + home, "SLUGC_HOME=" + home, "TZ=Pacific/Auckland", "LC_ALL=tr_TR.UTF-8"},
				settings...)
			if os.Getuid() == 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			} else {
				t.Logf("not root: both builds ran as uid %d", os.Getuid())
			}
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, stderr.String())
			}
			two := decode[compiler.Result](t, outcome{stdout: string(out)})
			if one.Slug.Digest != two.Slug.Digest {
				t.Errorf("%s and %s", one.Slug.Digest, two.Slug.Digest)
				differ(t, one.Slug.Path, two.Slug.Path)
			}
		})
	}
}

// nobody returns a state directory of the user nobody's, with a toolchain store of its own.
func nobody(t *testing.T) string {
	t.Helper()
	home := filepath.Join(t.TempDir(), "state")
	store := toolchains + "-nobody"
	for _, d := range []string{home, store} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if os.Getuid() == 0 {
			if err := os.Lchown(d, 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
	}
	open(t, home)
	open(t, store)
	if err := os.Symlink(store, filepath.Join(home, "toolchains")); err != nil {
		t.Fatal(err)
	}
	return home
}

// open lets everybody pass through the directories above path.
func open(t *testing.T, path string) {
	t.Helper()
	for dir := filepath.Dir(path); dir != "/"; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&0o055 != 0o055 && os.Getuid() == 0 {
			mode := info.Mode().Perm()
			if err := os.Chmod(dir, mode|0o011); err != nil {
				t.Fatal(err)
			}
			if mode&0o011 == 0 && !strings.HasPrefix(dir, os.TempDir()) {
				t.Cleanup(func() { _ = os.Chmod(dir, mode) })
			}
		}
	}
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// differ logs which entries of two slugs differ.
func differ(t *testing.T, one, two string) {
	t.Helper()
	script := `set -e; for f in "$1" "$2"; do d=$(mktemp -d); tar xzf "$f" -C "$d"; (cd "$d" && find . -type f -exec sha256sum {} + | sort -k2) >"$d.txt"; echo "$d.txt"; done | xargs diff | head -20`
	out, _ := exec.Command("sh", "-c", script, "sh", one, two).CombinedOutput()
	t.Logf("differing files:\n%s", out)
}

// TestNoNetwork builds an app whose modules cannot be reached: a transient error that says so, and
// the former release stays.
func TestNoNetwork(t *testing.T) {
	home, dir := state(t), t.TempDir()
	goApp(t, dir, "x")
	build(t, home, dir, "--app", "net")
	writeFiles(t, dir, map[string]string{
		"go.mod":  "module example.com/hello\n\ngo 1.25\n\nrequire github.com/pkg/errors v0.9.1\n",
		"go.sum":  "github.com/pkg/errors v0.9.1 h1:FEBLx1zS214owpjy7qsBeixbURkuhQAwrK5UwLGTwt4=\ngithub.com/pkg/errors v0.9.1/go.mod h1:bwawxfHBFNV+L2hUp1rHADufV3IMtnDRdf1r5NINEl0=\n",
		"main.go": "package main\n\nimport \"github.com/pkg/errors\"\n\nfunc main() { println(errors.New(\"x\").Error()) }\n",
	})
	o := slugcIn(t, "", home, []string{"GOPROXY=http://127.0.0.1:1"}, "build", dir, "--app", "net", "--json")
	checkError(t, "go/proxy-unreachable", 75, o)
	list := decode[[]release.Release](t, slugc(t, home, "releases", "net", "--json"))
	if len(list) != 1 || list[0].Status != release.Current {
		t.Errorf("releases %+v", list)
	}
}

// TestFullDisk builds in a state directory of 8 MB: one clear error, and what was there before
// stays.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("this test mounts a small file system and needs root")
	}
	home, dir := state(t), t.TempDir()
	goApp(t, dir, "x")
	script := `set -e
mount -t tmpfs -o size=8m tmpfs "$HOME"
ln -s "$TOOLCHAINS" "$HOME/toolchains"
code=0; "$SLUGC" build "$DIR" --app full --json >"$OUT" || code=$?
"$SLUGC" cache verify >&2
exit $code`
	out := filepath.Join(t.TempDir(), "out.json")
	cmd := exec.Command("unshare", "-m", "sh", "-c", script)
	cmd.Env = append(
		[]string{
			"HOME=" + home,
			"SLUGC_HOME=" + home,
			"TOOLCHAINS=" + toolchains,
			"SLUGC=" + binary,
			"DIR=" + dir,
			"OUT=" + out,
		},
		settings...)
	log, _ := cmd.CombinedOutput()
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	doc := decode[struct{ Error struct{ ID, Message string } }](t, outcome{stdout: string(data), stderr: string(log)})
	if cmd.ProcessState.ExitCode() == 0 ||
		!strings.Contains(strings.ToLower(doc.Error.Message+string(log)), "no space left on device") {
		t.Errorf("exit %d, error %+v\n%s", cmd.ProcessState.ExitCode(), doc.Error, log)
	}
}
