package golang_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/buildpacks/libcnb/v2"
	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/buildpacktest"
	"slugc/buildpacks/golang"
	"slugc/buildpacks/toolchain"
	"slugc/cache/testkit"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	for fixture, want := range map[string]bool{"go-work": true, "go-deps": true, "node-express-npm": false} {
		got, err := golang.Detect(libcnb.DetectContext{ApplicationPath: filepath.Join("../../fixtures", fixture)})
		if err != nil || got.Pass != want {
			t.Errorf("%s: got %v (%v), want %v", fixture, got.Pass, err, want)
		}
	}
	if _, err := golang.Detect(libcnb.DetectContext{ApplicationPath: "testdata/broken"}); err == nil {
		t.Error("a broken go.mod passes without an error")
	}
}

// greeting is a package of the fixture go-two-mains whose text ends in suffix.
func greeting(suffix string) string {
	return "package greeting\n\n// Text greets.\nfunc Text(who string) string { return who + \"" + suffix + "\" }\n"
}

// TestCostFollowsChange holds that a later build compiles only what changed and drops what is gone.
func TestCostFollowsChange(t *testing.T) {
	t.Parallel()
	b := newBench(t, "go-two-mains")
	first := b.build()
	again := b.build()
	buildpacktest.Equal(t, "the second build", again.files, first.files)
	want := []string{"-----> Compiling 2 packages with Go VERSION", "-----> Built bin/web, bin/worker"}
	if diff := cmp.Diff(want, b.log(again.Outcome)); diff != "" {
		t.Errorf("nothing changed (-want +got):\n%s", diff)
	}
	b.Write("internal/greeting/greeting.go", greeting(" "+unique()))
	want = []string{
		"       example.com/shop/cmd/web", "       example.com/shop/cmd/worker",
		"       example.com/shop/internal/greeting",
		"-----> Built bin/web, bin/worker", "-----> Compiling 2 packages with Go VERSION",
	}
	changed := b.log(b.MustBuild())
	slices.Sort(changed)
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("one file changed (-want +got):\n%s", diff)
	}
	b.Write("internal/greeting/greeting.go", greeting(""))
	must(t, os.RemoveAll(b.Source("cmd/worker")))
	got := b.build()
	if diff := cmp.Diff(map[string]string{"web": "bin/web"}, got.Processes()); diff != "" {
		t.Errorf("after a package is gone (-want +got):\n%s", diff)
	}
	if testkit.Exists(b.App, "bin/worker") {
		t.Error("bin/worker is still built")
	}
}

// TestOneBinary builds one app again and again and looks at what is added to it.
func TestOneBinary(t *testing.T) {
	t.Parallel()
	b := newBench(t, "go-v2")
	b.Write("bin/console", "#!/bin/sh\necho console\n")
	first := b.build()
	if testkit.Exists(b.Path("diagnosis.json")) {
		t.Error("a successful build wrote a diagnosis")
	}
	want := []string{".layers/profile/profile.d/go.sh", "bin/console", "bin/hello", "go.mod", "main.go", "want.json"}
	if diff := cmp.Diff(want, first.files.Names()); diff != "" {
		t.Errorf("the slug's files (-want +got):\n%s", diff)
	}
	if mode, _, _ := strings.Cut(first.files["bin/hello"], " "); mode != "-rwxr-xr-x" {
		t.Errorf("bin/hello is %s", mode)
	}
	kept := libcnb.LayerTypes{Cache: true}
	types := map[string]libcnb.LayerTypes{
		"binaries": kept, "build-cache": kept, "modules": kept, "profile": {Launch: true},
	}
	if diff := cmp.Diff(types, b.Layers()); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	if entries, err := os.ReadDir(b.Path("home")); err != nil || len(entries) > 0 {
		t.Errorf("the platform's home has %v (%v)", entries, err)
	}

	must(t, os.Truncate(b.Layer("binaries/hello"), 1<<20))
	buildpacktest.Equal(t, "after a kept binary was cut short", b.build().files, first.files)

	b.Write("bin/hello", "\x7fELF, of an older build")
	b.Config["GO_GIT_CRED__HTTPS__GIT__EXAMPLE__COM"] = "user:swordfish"
	b.Write("bin/go-post-compile", "#!/bin/sh\nenv\n")
	got := b.build()
	if status, _ := b.get("bin/hello", "/"); status != 200 {
		t.Errorf("the committed binary was not replaced: %d", status)
	}
	if strings.Contains(got.Log, "swordfish") || !strings.Contains(got.Log, "[secret]") {
		t.Errorf("the secret is in the log:\n%s", got.Log)
	}
	for _, name := range got.files.Names() {
		data, err := os.ReadFile(filepath.Join(b.App, name))
		if err == nil && bytes.Contains(data, []byte("swordfish")) {
			t.Errorf("%s contains the secret", name)
		}
	}
	if line := b.log(got.Outcome)[0]; line != "-----> Compiling 1 package with Go VERSION" {
		t.Errorf("the first line is %q", line)
	}
}

// TestSameBytesElsewhere builds in two places from different caches, with and without cgo.
func TestSameBytesElsewhere(t *testing.T) {
	t.Parallel()
	fresh := t.TempDir() // compiles everything from scratch
	for _, cgo := range []string{"0", "1"} {
		here, there := reproducible(t, cgo), reproducible(t, cgo)
		if cgo == "1" && !compilerFound() {
			t.Log("no C compiler is on this machine, so cgo builds are not compared")
			continue
		}
		must(t, os.Remove(there.Layer("build-cache")))
		must(t, os.MkdirAll(there.Path("another/and/deeper"), 0o755))
		must(t, os.Rename(there.App, there.Path("another/and/deeper/place")))
		there.App = there.Path("another/and/deeper/place")
		must(t, os.Symlink(fresh, there.Layer("build-cache")))
		there.Env = append(there.Env, "USER=somebody", "LOGNAME=somebody", "LANG=tr_TR.UTF-8", "TZ=Asia/Tokyo",
			"TMPDIR="+there.Path("home"))
		got := there.build().files
		buildpacktest.Equal(t, "CGO_ENABLED="+cgo, got, here.build().files)
		for name, text := range got {
			if strings.Contains(text, buildpacktest.NamesRoot) {
				t.Errorf("CGO_ENABLED=%s: %s %s", cgo, name, text)
			}
		}
	}
}

// reproducible is an app with a module from the cache and little of the standard library.
func reproducible(t *testing.T, cgo string) *bench {
	b := newBench(t, "go-vendored")
	b.Config["CGO_ENABLED"] = cgo
	must(t, os.RemoveAll(b.Source("vendor")))
	b.Write("main.go", `package main

import shellquote "github.com/kballard/go-shellquote"

func main() { println(shellquote.Join("a b")) }
`)
	b.Write("c/c.go", `package main

// int one(void) { return 1; }
import "C"

func main() { println(C.one()) }
`)
	return b
}

func compilerFound() bool {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if testkit.Exists(dir, "gcc") {
			return true
		}
	}
	return false
}

// TestOldRelease builds with a Go that knows fewer flags.
func TestOldRelease(t *testing.T) {
	t.Parallel()
	const release = "1.17.13"
	b := newApp(t, map[string]string{
		"go.mod":  "module example.com/app\n\ngo 1.17\n",
		"main.go": "package main\n\nfunc main() { println(\"old\") }\n",
	})
	dir := buildpacktest.CacheDir(t, "go", "toolchains")
	store, err := toolchain.Open(dir, toolchain.Settings{
		GoDist: "off", GoProxy: goEnv(t).proxy, GoSumDB: goEnv(t).sumDB,
	})
	must(t, err)
	found, err := store.Ensure(t.Context(), []toolchain.Request{{Tool: "go", Constraint: release}}, silent{})
	must(t, err)
	b.Toolchains, b.Config["GOFLAGS"] = found, "-buildvcs=false"
	b.build()
	if got := b.runs("app"); got != "old" {
		t.Errorf("it prints %q", got)
	}
}

// silent shows no progress.
type silent struct{}

func (silent) Fetch(string, string, int64, int64) {}
func (silent) Note(string)                        {}

// TestAsides leaves out examples and helpers, unless the app speaks of them or has nothing else.
func TestAsides(t *testing.T) {
	t.Parallel()
	const program = "package main\n\nfunc main() {}\n"
	b := newApp(t, map[string]string{
		"main.go": program, "cmd/worker/main.go": program, "examples/hello/main.go": program,
		"scripts/gen/main.go": program, "pkg/x/example/main.go": program, "internal/tools/lint/main.go": program,
		"Procfile": "web: bin/app\nx: bin/gen --all\n",
	})
	got := b.build()
	if names := binaries(got); names != "app gen worker" {
		t.Errorf("it builds %q", names)
	}
	const left = "Not compiled: ./examples/hello, ./internal/tools/lint, ./pkg/x/example."
	if !strings.Contains(got.Log, left) {
		t.Errorf("the log is %q", got.Log)
	}
	b.Config["GO_INSTALL_PACKAGE_SPEC"] = "./examples/..."
	if names := binaries(b.build()); names != "hello" {
		t.Errorf("named, it builds %q", names)
	}
	b = newApp(t, map[string]string{"examples/hello/main.go": program})
	if names := binaries(b.build()); names != "hello" {
		t.Errorf("where there is nothing else, it builds %q", names)
	}
}

// binaries returns the names of what is in the slug's bin.
func binaries(o outcome) string {
	var names []string
	for name := range o.files {
		if name, ok := strings.CutPrefix(name, "bin/"); ok && name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// TestFrontend says how to make what is embedded.
func TestFrontend(t *testing.T) {
	t.Parallel()
	b := newApp(t, map[string]string{
		"web/web.go": "package web\n\nimport \"embed\"\n\n" +
			"//go:embed all:frontend/dist\nvar Files embed.FS\n",
		"main.go":                   "package main\n\nimport _ \"example.com/app/web\"\n\nfunc main() {}\n",
		"web/frontend/package.json": "{}",
	})
	hint := b.MustFail("go/embed-missing").Diagnosis.Hints[0]
	if !strings.HasPrefix(hint, "web/frontend has a package.json") {
		t.Errorf("the hint is %q", hint)
	}
}
