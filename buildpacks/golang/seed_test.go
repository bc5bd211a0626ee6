package golang_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/golang"
	"slugc/buildpacks/toolchain"
)

// seeds are the seeds that this process has made, by cgo: the go command may touch one when it is
// made again.
var seeds = map[string]func(t *testing.T, tool toolchain.Toolchain) string{"0": seedOnce("0"), "1": seedOnce("1")}

func seedOnce(cgo string) func(t *testing.T, tool toolchain.Toolchain) string {
	var once sync.Once
	var dir string
	return func(t *testing.T, tool toolchain.Toolchain) string {
		t.Helper()
		once.Do(func() { dir = makeSeed(t, tool, cgo) })
		return dir
	}
}

// makeSeed makes a seed as the platform does, but of one package and what it imports, into a
// directory that outlives the tests.
func makeSeed(t *testing.T, tool toolchain.Toolchain, cgo string) string {
	t.Helper()
	base := map[string]string{"PATH": os.Getenv("PATH")}
	if cgo == "0" {
		base["PATH"] = ""
	}
	dir := shared(t, "seed-"+tool.Version+"-"+cgo)
	must(t, os.MkdirAll(dir, 0o755))
	seed := golang.NewSeed(tool.Dir, dir, "", "", base)
	n := len(seed.Args) - 1
	if seed.Args[n] != "std" || seed.Env["CGO_ENABLED"] != cgo {
		t.Fatalf("the seed is %+v, want std with cgo %s", seed, cgo)
	}
	cmd := exec.Command(seed.Args[0], append(slices.Clone(seed.Args[1:n]), "os/user")...)
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + t.TempDir()}
	for name, value := range seed.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// newSeeded is a bench whose compiler's cache is its own, for an app that imports what the seed
// holds: a package with C in it, where cgo is on.
func newSeeded(t *testing.T, cgo string) *bench {
	t.Helper()
	b := newBench(t, "")
	b.write("go.mod", "module example.com/seeded\n\ngo 1.24\n")
	b.write(
		"main.go",
		"package main\n\nimport \"os/user\"\n\nfunc main() { u, err := user.Current(); println(u, err) }\n",
	)
	must(t, os.Remove(b.path("kept/build-cache")))
	if delete(b.env, "CGO_ENABLED"); cgo == "0" {
		b.env["CGO_ENABLED"] = "0"
	}
	b.env["GOFLAGS"] = "-x" // the log shows what is compiled
	b.goTool.Derived = map[string]string{golang.SeedName: seeds[cgo](t, b.goTool)}
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

// state is every file of a tree: its inode, size and time.
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

// TestSeed builds with a seed: nothing of the standard library is compiled, the seed stays as it
// is, and the slug is that of a build without.
func TestSeed(t *testing.T) {
	t.Parallel()
	for _, cgo := range []string{"0", "1"} {
		t.Run("cgo "+cgo, func(t *testing.T) {
			t.Parallel()
			b := newSeeded(t, cgo)
			seed := b.goTool.Derived[golang.SeedName]
			before := state(t, seed)
			first := b.build()
			if got := compiled(first.log); !slices.Equal(got, []string{"main"}) {
				t.Errorf("a build with a seed compiled %q", got)
			}
			if diff := cmp.Diff(before, state(t, seed)); diff != "" {
				t.Errorf("the seed changed (-before +after):\n%s", diff)
			}
			state(t, filepath.Join(first.layers, "build-cache"))

			// A second build does not look at the seed.
			b.goTool.Derived[golang.SeedName] = filepath.Join(b.root, "gone", filepath.Base(seed))
			if again := b.build(); strings.Contains(again.log, "can't be copied") || len(compiled(again.log)) != 0 {
				t.Errorf("the second build:\n%s", again.log)
			}

			b.goTool.Derived = nil
			must(t, os.RemoveAll(b.app)) // and with it the layers
			must(t, os.RemoveAll(b.path("kept")))
			must(t, os.Mkdir(b.path("kept"), 0o755))
			must(t, os.Symlink(shared(t, "build-cache"), b.path("kept/build-cache"))) // which has seen no seed
			without := b.build()
			if !strings.Contains(without.log, "/link ") {
				t.Errorf("a build without a seed linked nothing:\n%s", without.log)
			}
			if diff := cmp.Diff(without.files, first.files); diff != "" {
				t.Errorf("the slug differs (-without a seed +with):\n%s", diff)
			}
			if diff := cmp.Diff(without.processes, first.processes); diff != "" {
				t.Errorf("the processes differ (-without a seed +with):\n%s", diff)
			}
		})
	}
}

// TestDamagedSeed cuts outputs short and mangles an entry, as a copy that was broken off leaves
// them: the go command makes them anew.
func TestDamagedSeed(t *testing.T) {
	t.Parallel()
	b := newSeeded(t, "0")
	seed := filepath.Join(b.root, "seed")
	must(t, os.CopyFS(seed, os.DirFS(b.goTool.Derived[golang.SeedName])))
	b.goTool.Derived[golang.SeedName] = seed
	outputs, err := filepath.Glob(filepath.Join(seed, "??", "*-d"))
	must(t, err)
	cut := 0
	for _, output := range outputs {
		if info, err := os.Stat(output); err == nil && info.Size() < 40_000 { // packages that compile fast
			must(t, os.Truncate(output, info.Size()/2))
			cut++
		}
	}
	must(t, os.WriteFile(strings.TrimSuffix(outputs[0], "-d")+"-a", []byte("v1 "), 0o644))
	must(t, os.Symlink("/etc/passwd", filepath.Join(seed, "00", "link-d")))
	damaged := b.build()
	if _, err := os.Lstat(filepath.Join(damaged.layers, "build-cache/00/link-d")); err == nil {
		t.Error("a link was copied")
	}
	if got := compiled(damaged.log); !slices.Contains(got, "internal/goarch") || slices.Contains(got, "runtime") {
		t.Errorf("with %d of %d outputs cut short it compiled %q", cut, len(outputs), got)
	}
	if out, err := exec.Command(filepath.Join(b.app, "bin/seeded")).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestSeedThatIsGone has the seed pruned before the build: it is said, and the build goes on.
func TestSeedThatIsGone(t *testing.T) {
	t.Parallel()
	b := newBench(t, "go-v2")
	b.goTool.Derived = map[string]string{golang.SeedName: filepath.Join(b.root, "gone")}
	if got := b.build(); !strings.Contains(got.log, " !     The compiled standard library can't be copied (") {
		t.Errorf("the log does not say so:\n%s", got.log)
	}
}

func TestSeedNames(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	name := func(goarch, path, cc string) string {
		t.Helper()
		must(t, os.WriteFile(filepath.Join(bin, "gcc"), []byte(cc), 0o755))
		seed := golang.NewSeed("/go", "/cache", "linux", goarch, map[string]string{"PATH": path, "HTTPS_PROXY": path})
		if seed.Env["GOARCH"] != goarch || seed.Env["GOTOOLCHAIN"] != "local" || seed.Env["GOENV"] != "off" ||
			seed.Env["GOROOT"] != "/go" ||
			seed.Env["GOCACHE"] != "/cache" {
			t.Errorf("its environment: %v", seed.Env)
		}
		return seed.Name
	}
	names := []string{
		name("amd64", "", ""),
		name("arm64", "", ""),
		name("amd64", bin, "one"),
		name("amd64", bin, "another"),
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
