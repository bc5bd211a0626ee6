package faults_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
	"slugc/compiler"
	"slugc/compiler/fault"
	"slugc/compiler/release"
)

// TestKilledAnywhere kills builds at random moments. After each kill the current release's slug is
// whole, and at the end a build makes the same bytes as one from scratch elsewhere: nothing of a
// killed build is ever used.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	home, dir := slugctest.WarmHome(t, "go", "victim"), t.TempDir()
	slugctest.GoApp(t, dir, "start")
	first := slugctest.Build(t, home, dir, "--app", "victim")
	start := time.Now()
	slugctest.GoApp(t, dir, "again")
	slugctest.Build(t, home, dir, "--app", "victim")
	took := time.Since(start)
	for i := range 25 {
		slugctest.GoApp(t, dir, fmt.Sprintf("round %d", i))
		cmd := slugctest.Command(t, home, "build", dir, "--app", "victim")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(took + took/10))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		list := slugctest.Releases(t, home, "victim")
		if len(list) == 0 || list[0].Status != release.Current {
			t.Fatalf("after kill %d there is no current release: %+v", i, list)
		}
		path := strings.TrimPrefix(list[0].Slug.URL, "file://")
		if v := slugctest.Run(t, home, "verify", path, "--digest", string(list[0].Slug.Digest)); v.Exit != 0 {
			t.Fatalf("after kill %d the current slug is damaged: %s", i, v.Stderr)
		}
	}
	slugctest.VerifyCache(t, home)
	slugctest.GoApp(t, dir, "end")
	here := slugctest.Build(t, home, dir, "--app", "victim").Slug.Digest
	elsewhere := slugctest.Build(t, slugctest.Home(t), dir, "--app", "other").Slug.Digest
	if here != elsewhere || here == first.Slug.Digest {
		t.Errorf("after kills %s, from scratch %s, first %s", here, elsewhere, first.Slug.Digest)
	}
	slugctest.NoProcess(t, home)
}

// TestConcurrentRegistrations registers one slug from fifty processes at once.
func TestConcurrentRegistrations(t *testing.T) {
	t.Parallel()
	home, dir := slugctest.WarmHome(t, "go", "many"), t.TempDir()
	slugctest.GoApp(t, dir, "x")
	file := filepath.Join(t.TempDir(), "x.tgz")
	slugctest.Build(t, home, dir, "--app", "many", "--no-register", "--output", file)
	const n = 50
	versions := make([]int, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			o := slugctest.Run(t, home, "register", file, "--app", "many", "--json")
			if o.Exit != 0 {
				t.Errorf("exit %d: %s", o.Exit, o.Stderr)
				return
			}
			versions[i] = slugctest.Decode[release.Release](t, o).Version
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
	t.Parallel()
	home := slugctest.WarmHome(t, "go", "shared")
	var wg sync.WaitGroup
	for i := range 4 {
		dir := t.TempDir()
		slugctest.GoApp(t, dir, fmt.Sprint(i))
		wg.Go(func() { slugctest.Build(t, home, dir, "--app", "shared") })
	}
	wg.Wait()
	list := slugctest.Releases(t, home, "shared")
	if len(list) != 4 {
		t.Errorf("%d releases, want 4", len(list))
	}
}

// TestNoNetwork builds an app whose modules cannot be reached: a transient error says so, and the
// release before stays current.
func TestNoNetwork(t *testing.T) {
	t.Parallel()
	home, dir := slugctest.WarmHome(t, "go", "net"), t.TempDir()
	slugctest.GoApp(t, dir, "x")
	slugctest.Build(t, home, dir, "--app", "net")
	testkit.Tree(t, dir, map[string]string{
		"go.mod": "module example.com/hello\n\ngo 1.25\n\nrequire github.com/pkg/errors v0.9.1\n",
		"go.sum": "github.com/pkg/errors v0.9.1 h1:FEBLx1zS214owpjy7qsBeixbURkuhQAwrK5UwLGTwt4=\n" +
			"github.com/pkg/errors v0.9.1/go.mod h1:bwawxfHBFNV+L2hUp1rHADufV3IMtnDRdf1r5NINEl0=\n",
		"main.go": "package main\n\nimport \"github.com/pkg/errors\"\n\n" +
			"func main() { println(errors.New(\"x\").Error()) }\n",
	})
	o := slugctest.RunIn(t, "", home, []string{"GOPROXY=http://127.0.0.1:1"}, "build", dir, "--app", "net", "--json")
	slugctest.CheckError(t, "go/proxy-unreachable", 75, o)
	list := slugctest.Releases(t, home, "net")
	if len(list) != 1 || list[0].Status != release.Current {
		t.Errorf("releases %+v", list)
	}
}

// TestMachinesGo builds with the Go of this machine where no module proxy and no distribution answer.
func TestMachinesGo(t *testing.T) {
	t.Parallel()
	home, dir := t.TempDir(), t.TempDir()
	slugctest.GoApp(t, dir, "x")
	version := strings.TrimPrefix(runtime.Version(), "go")
	testkit.Write(t, filepath.Join(dir, "go.mod"), "module example.com/hello\n\ngo "+version+"\n")
	offline := []string{"GOPROXY=off", "GOSUMDB=off", "SLUGC_GO_MIRROR=http://127.0.0.1:1"}
	o := slugctest.RunIn(t, "", home, offline, "build", dir, "--app", "alone", "--json")
	if o.Exit != 0 {
		t.Fatalf("exit %d\n%s", o.Exit, o.Stderr)
	}
	built := slugctest.Decode[compiler.Result](t, o)
	if len(built.Runtimes) != 1 || built.Runtimes[0].Source != "this machine" || built.Runtimes[0].Version != version {
		t.Errorf("it was built with %+v", built.Runtimes)
	}
}

// TestFullDisk builds in a state directory of 8 MB: there is one clear error, which is not the app's, and
// the cache stays whole.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Fatal("this test mounts a small file system and needs root")
	}
	home, dir := slugctest.Home(t), t.TempDir()
	slugctest.GoApp(t, dir, "x")
	script := `set -e
mount -t tmpfs -o size=8m tmpfs "$HOME"
ln -s "$TOOLCHAINS" "$HOME/toolchains"
code=0; "$SLUGC" build "$DIR" --app full --json >"$OUT" || code=$?
rm "$HOME/toolchains"
"$SLUGC" cache verify >&2
exit $code`
	out := filepath.Join(t.TempDir(), "out.json")
	cmd := exec.Command("unshare", "-m", "sh", "-c", script)
	cmd.Env = slugctest.Env(t, home, "TOOLCHAINS="+slugctest.Toolchains(t), "SLUGC="+slugctest.Binary(t),
		"DIR="+dir, "OUT="+out)
	log, _ := cmd.CombinedOutput()
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	doc := slugctest.Decode[struct{ Error struct{ ID, Message string } }](t,
		slugctest.Outcome{Stdout: string(data), Stderr: string(log)})
	if cmd.ProcessState.ExitCode() != fault.ExitTransient || doc.Error.ID != "disk/full" {
		t.Errorf("exit %d, error %+v\n%s", cmd.ProcessState.ExitCode(), doc.Error, log)
	}
}
