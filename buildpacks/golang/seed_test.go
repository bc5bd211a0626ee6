package golang_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"slugc/buildpacks/buildpacktest"
	"slugc/buildpacks/golang"
	"slugc/cache/testkit"
)

// seedDir returns the directory of the seeds that this process makes, for cgo "0" and then "1".
// They share one directory, which outlives the tests: most packages are the same for both.
func seedDir(t *testing.T) string {
	return buildpacktest.CacheDir(t, "go", "seed-"+machineGo(t).Version)
}

// makeSeed makes a seed as the platform does, but of one package and its imports.
func makeSeed(t *testing.T, cgo string) {
	t.Helper()
	base := map[string]string{"PATH": os.Getenv("PATH")}
	if cgo == "0" {
		base["PATH"] = ""
	}
	dir := seedDir(t)
	seed := golang.NewSeed(machineGo(t).Version, machineGo(t).Dir, dir, "", "", base)
	n := slices.Index(seed.Args, "net/http")
	if n < 0 || seed.Env["CGO_ENABLED"] != cgo {
		t.Fatalf("the seed is %+v, want net/http with cgo %s", seed, cgo)
	}
	cmd := exec.Command(seed.Args[0], append(slices.Clone(seed.Args[1:n]), "os/user")...)
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + t.TempDir()}
	for name, value := range seed.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// newSeeded returns a bench with a compiler's cache of its own, for an app that imports what the
// seed has: a package with C in it, where cgo is on.
func newSeeded(t *testing.T, cgo string) *bench {
	t.Helper()
	b := newBench(t, "")
	b.Write("go.mod", "module example.com/seeded\n\ngo 1.24\n")
	b.Write("main.go", `package main

import "os/user"

func main() { u, err := user.Current(); println(u, err) }
`)
	must(t, os.Remove(b.Layer("build-cache")))
	if delete(b.Config, "CGO_ENABLED"); cgo == "0" {
		b.Config["CGO_ENABLED"] = "0"
	}
	b.Config["GOFLAGS"] = "-x" // the log shows what is compiled
	b.goTool().Derived = map[string]string{golang.SeedName: seedDir(t)}
	return b
}

var compiles = regexp.MustCompile(`/compile .* -p (\S+)`)

// compiled lists the packages that a build's log says were compiled.
func compiled(log string) (list []string) {
	for _, m := range compiles.FindAllStringSubmatch(log, -1) {
		list = append(list, m[1])
	}
	return list
}

// state returns the mode and the time of each file of a tree, none of which may have a second name.
func state(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			rel, _ := filepath.Rel(dir, path)
			files[rel] = info.ModTime().String() + " " + info.Mode().String()
			if links := info.Sys().(*syscall.Stat_t).Nlink; links != 1 {
				t.Errorf("%s has %d names", path, links)
			}
		}
		return err
	}))
	return files
}

// TestSeed builds with a seed: nothing of the standard library is compiled, the seed does not
// change, and the slug is that of a build without a seed.
func TestSeed(t *testing.T) {
	t.Parallel()
	testkit.NeedsTools(t, "language toolchains")
	for _, cgo := range []string{"0", "1"} {
		t.Run("cgo "+cgo, func(t *testing.T) { // one after the other: the second seed adds to the first
			makeSeed(t, cgo)
			b := newSeeded(t, cgo)
			seed := b.goTool().Derived[golang.SeedName]
			before := state(t, seed)
			first := b.build()
			if got := compiled(first.Log); !slices.Equal(got, []string{"main"}) {
				t.Errorf("a build with a seed compiled %q", got)
			}
			if diff := cmp.Diff(before, state(t, seed)); diff != "" {
				t.Errorf("the seed changed (-before +after):\n%s", diff)
			}
			state(t, b.Layer("build-cache"))

			// A second build does not read the seed.
			b.goTool().Derived[golang.SeedName] = filepath.Join(b.Root, "gone", filepath.Base(seed))
			if again := b.build(); strings.Contains(again.Log, "can't be copied") || len(compiled(again.Log)) != 0 {
				t.Errorf("the second build:\n%s", again.Log)
			}

			b.goTool().Derived = nil
			b.Restore()
			must(t, os.RemoveAll(b.Layer("")))
			must(t, os.Mkdir(b.Layer(""), 0o755))
			b.share("build-cache") // which no seed was copied into
			without := b.build()
			if !strings.Contains(without.Log, "/link ") {
				t.Errorf("a build without a seed linked nothing:\n%s", without.Log)
			}
			buildpacktest.Equal(t, "with a seed, compared with a build without", first.files, without.files)
			if diff := cmp.Diff(without.Processes(), first.Processes()); diff != "" {
				t.Errorf("the processes differ (-without a seed +with):\n%s", diff)
			}
		})
	}
	t.Run("linked", testLinkedSeed)
	t.Run("damaged", testDamagedSeed)
}

// testLinkedSeed links a seed that nothing can write to, also in place of copies, and again what is missing after
// the go command has trimmed its cache. No link is left that leads elsewhere.
func testLinkedSeed(t *testing.T) {
	b := newSeeded(t, "0")
	seed, fixed := b.goTool().Derived[golang.SeedName], b.Path("fixed")
	must(t, os.Mkdir(fixed, 0o755))
	if err := unix.Mount(seed, fixed, "", unix.MS_BIND, ""); err != nil {
		t.Fatalf("this test mounts a directory and needs root: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(fixed, unix.MNT_DETACH)) })
	must(t, unix.Mount("", fixed, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	outputs, err := filepath.Glob(filepath.Join(seed, "??", "*-d"))
	must(t, err)
	links := func() (list []string) {
		for _, output := range outputs {
			rel, _ := filepath.Rel(seed, output)
			if target, err := os.Readlink(filepath.Join(b.Layer("build-cache"), rel)); err == nil {
				if target != filepath.Join(fixed, rel) {
					t.Errorf("%s is a link to %s", rel, target)
				}
				list = append(list, filepath.Join(b.Layer("build-cache"), rel))
			}
		}
		return list
	}
	build := func(seed string, want int) {
		t.Helper()
		b.goTool().Derived[golang.SeedName] = seed
		if got := compiled(b.build().Log); len(got) > 1 || len(got) == 1 && got[0] != "main" {
			t.Errorf("it compiled %q", got)
		}
		if n := len(links()); n != want {
			t.Errorf("%d of %d outputs are links, want %d", n, len(outputs), want)
		}
	}
	before := state(t, seed)
	build(seed, 0)
	build(fixed, len(outputs))
	if diff := cmp.Diff(before, state(t, seed)); diff != "" {
		t.Errorf("the seed changed (-before +after):\n%s", diff)
	}
	b.Restore()
	for _, link := range links() {
		must(t, os.Remove(link))
	}
	must(t, os.WriteFile(filepath.Join(b.Layer("build-cache"), "trim.txt"), []byte("1795000000"), 0o644))
	build(fixed, len(outputs))
	build(seed, 0)
}

// testDamagedSeed cuts outputs short and mangles an entry, as a copy that was interrupted leaves
// them: the go command makes them again.
func testDamagedSeed(t *testing.T) {
	b := newSeeded(t, "0")
	seed := b.Path("seed")
	must(t, os.CopyFS(seed, os.DirFS(b.goTool().Derived[golang.SeedName])))
	b.goTool().Derived[golang.SeedName] = seed
	outputs, err := filepath.Glob(filepath.Join(seed, "??", "*-d"))
	must(t, err)
	cut := 0
	for _, output := range outputs {
		if info, err := os.Stat(output); err == nil && info.Size() < 10_000 { // packages that compile fast
			must(t, os.Truncate(output, info.Size()/2))
			cut++
		}
	}
	must(t, os.WriteFile(strings.TrimSuffix(outputs[0], "-d")+"-a", []byte("v1 "), 0o644))
	must(t, os.Symlink("/etc/passwd", filepath.Join(seed, "00", "link-d")))
	damaged := b.MustBuild()
	if testkit.Exists(b.Layer("build-cache/00/link-d")) {
		t.Error("a link was copied")
	}
	if got := compiled(damaged.Log); !slices.Contains(got, "internal/goarch") || slices.Contains(got, "runtime") {
		t.Errorf("with %d of %d outputs cut short it compiled %q", cut, len(outputs), got)
	}
	b.runs("seeded")
}

// TestSeedThatIsGone removes the seed before the build: the build warns and goes on.
func TestSeedThatIsGone(t *testing.T) {
	t.Parallel()
	b := newBench(t, "go-v2")
	b.goTool().Derived = map[string]string{golang.SeedName: b.Path("gone")}
	b.MustBuild().Says(t, " !     The compiled standard library can't be copied (")
}

func TestSeedNames(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	name := func(goarch, path, cc string) string {
		t.Helper()
		must(t, os.WriteFile(filepath.Join(bin, "gcc"), []byte(cc), 0o755))
		base := map[string]string{"PATH": path, "HTTPS_PROXY": path}
		seed := golang.NewSeed("1.26.1", "/go", "/cache", "linux", goarch, base)
		if seed.Env["GOARCH"] != goarch || seed.Env["GOTOOLCHAIN"] != "local" || seed.Env["GOENV"] != "off" ||
			seed.Env["GOROOT"] != "/go" || seed.Env["GOCACHE"] != "/cache" {
			t.Errorf("its environment: %v", seed.Env)
		}
		return seed.Name
	}
	names := []string{
		name("amd64", "", ""), name("arm64", "", ""), name("amd64", bin, "one"), name("amd64", bin, "another"),
	}
	for i, n := range names {
		if !strings.HasPrefix(n, "build-cache-") || slices.Index(names, n) != i {
			t.Errorf("names: %q", names)
		}
	}
	if again := name("amd64", "", "whatever"); again != names[0] {
		t.Errorf("without a C compiler: %q, then %q", names[0], again)
	}
}
