package golang_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/buildpacks/libcnb/v2"
	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/golang"
)

// steps are the lines of a log that are of the build itself, without versions.
func steps(b *bench, log string) []string {
	log = strings.ReplaceAll(log, b.goTool.Version, "VERSION")
	return strings.Split(strings.TrimRight(log, "\n"), "\n")
}

func TestCostFollowsChange(t *testing.T) {
	t.Parallel()
	b := newBench(t, "go-two-mains")
	first := b.build()
	again := b.build()
	if diff := cmp.Diff(first.files, again.files); diff != "" {
		t.Errorf("the second build's slug differs (-first +second):\n%s", diff)
	}
	want := []string{"-----> Compiling 2 packages with Go VERSION", "-----> Built bin/web, bin/worker"}
	if diff := cmp.Diff(want, steps(b, again.log)); diff != "" {
		t.Errorf("nothing changed (-want +got):\n%s", diff)
	}
	b.write(
		"internal/greeting/greeting.go",
		"package greeting\n\n// Text greets.\nfunc Text(who string) string { return who + \" "+unique()+"\" }\n",
	)
	want = []string{
		"-----> Compiling 2 packages with Go VERSION",
		"       example.com/shop/internal/greeting", "       example.com/shop/cmd/web", "       example.com/shop/cmd/worker",
		"-----> Built bin/web, bin/worker",
	}
	changed := steps(b, b.build().log)
	slices.Sort(changed)
	slices.Sort(want)
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Errorf("one file changed (-want +got):\n%s", diff)
	}
	b.write(
		"internal/greeting/greeting.go",
		"package greeting\n\n// Text greets.\nfunc Text(who string) string { return who }\n",
	)
	must(t, os.RemoveAll(b.path("source/cmd/worker")))
	got := b.build()
	if diff := cmp.Diff(map[string]string{"web": "bin/web"}, got.processes); diff != "" {
		t.Errorf("after a package is gone (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(b.app, "bin/worker")); err == nil {
		t.Error("bin/worker is still built")
	}
}

func TestABinaryThatWasCutShortIsLinkedAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t, "go-v2")
	first := b.build()
	must(t, os.Truncate(filepath.Join(first.layers, "binaries/hello"), 1<<20))
	if diff := cmp.Diff(first.files, b.build().files); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
}

func TestSameBytesElsewhere(t *testing.T) {
	t.Parallel()
	for _, cgo := range []string{"0", "1"} {
		here, there := reproducible(t, cgo), reproducible(t, cgo)
		there.app = there.path("another/and/deeper/place")
		there.process = []string{
			"USER=somebody",
			"LOGNAME=somebody",
			"LANG=tr_TR.UTF-8",
			"TZ=Asia/Tokyo",
			"TMPDIR=" + there.path("home"),
		}
		must(t, os.MkdirAll(there.path("another/and/deeper"), 0o755))
		must(t, os.Remove(there.path("kept/build-cache"))) // compiles everything anew
		if cgo == "1" && !there.compilerFound() {
			t.Log("no C compiler is on this machine, so cgo builds are not compared")
			continue
		}
		got := there.build().files
		if diff := cmp.Diff(here.build().files, got); diff != "" {
			t.Errorf("CGO_ENABLED=%s (-here +there):\n%s", cgo, diff)
		}
		for name, text := range got {
			if strings.Contains(text, "names the build's directory") {
				t.Errorf("CGO_ENABLED=%s: %s %s", cgo, name, text)
			}
		}
	}
}

// reproducible is an app with a module from the cache and little of the standard library, which its
// second build compiles from nothing.
func reproducible(t *testing.T, cgo string) *bench {
	b := newBench(t, "go-vendored")
	b.env["CGO_ENABLED"] = cgo
	must(t, os.RemoveAll(b.path("source/vendor")))
	b.write(
		"main.go",
		"package main\n\nimport shellquote \"github.com/kballard/go-shellquote\"\n\nfunc main() { println(shellquote.Join(\"a b\")) }\n",
	)
	b.write(
		"c/c.go",
		"package main\n\n// int one(void) { return 1; }\nimport \"C\"\n\nfunc main() { println(C.one()) }\n",
	)
	return b
}

func (b *bench) compilerFound() bool {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, "gcc")); err == nil {
			return true
		}
	}
	return false
}

func TestOnlyBinariesAndTheProfileAreAdded(t *testing.T) {
	t.Parallel()
	b := newBench(t, "go-v2")
	b.write("bin/console", "#!/bin/sh\necho console\n")
	got := b.build()
	want := []string{".layers/profile/profile.d/go.sh", "bin/console", "bin/hello", "go.mod", "main.go", "want.json"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got.files))); diff != "" {
		t.Errorf("the slug's files (-want +got):\n%s", diff)
	}
	if mode, _, _ := strings.Cut(got.files["bin/hello"], " "); mode != "-rwxr-xr-x" {
		t.Errorf("bin/hello is %s", mode)
	}
	types := map[string]libcnb.LayerTypes{}
	for _, layer := range b.layersOf(got.layers) {
		types[layer.Name] = layer.LayerTypes
	}
	kept := libcnb.LayerTypes{Cache: true}
	wantTypes := map[string]libcnb.LayerTypes{
		"binaries":    kept,
		"build-cache": kept,
		"modules":     kept,
		"profile":     {Launch: true},
	}
	if diff := cmp.Diff(wantTypes, types); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	if entries, err := os.ReadDir(b.path("home")); err != nil || len(entries) > 0 {
		t.Errorf("the platform's home holds %v (%v)", entries, err)
	}
}

const program = "package main\n\nvar version = \"none\"\n\nfunc main() { println(version) }\n"

func TestProcesses(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		files  []string // main packages
		more   map[string]string
		config map[string]string
		want   map[string]string
		web    string
		log    string
	}{
		{name: "the only one", files: []string{"cmd/api"}, want: map[string]string{"web": "bin/api"}, web: "web"},
		{
			name:  "one called web",
			files: []string{".", "cmd/web"},
			want:  map[string]string{"app": "bin/app", "web": "bin/web"},
			web:   "web",
		},
		{
			name:  "one at the root",
			files: []string{".", "cmd/worker"},
			want:  map[string]string{"web": "bin/app", "worker": "bin/worker"},
			web:   "web",
		},
		{
			name:  "neither",
			files: []string{"cmd/api", "cmd/worker"},
			want:  map[string]string{"api": "bin/api", "worker": "bin/worker"},
			log:   " !     No package is called web, so there is no web process. A Procfile can name one: `web: bin/api`.",
		},
		{
			name:  "a name that is no process",
			files: []string{"cmd/web", "cmd/x.y"},
			want:  map[string]string{"web": "bin/web"},
			web:   "web",
			log:   ` !     "x.y" can't be the name of a process.`,
		},
		{
			name:  "a Procfile",
			files: []string{"cmd/web"},
			more:  map[string]string{"Procfile": "web: bin/web -v\n"},
			want:  map[string]string{},
		},
		{
			name:   "a spec",
			files:  []string{".", "cmd/web", "cmd/worker"},
			config: map[string]string{"GO_INSTALL_PACKAGE_SPEC": "./cmd/..."},
			want:   map[string]string{"web": "bin/web", "worker": "bin/worker"},
			web:    "web",
		},
		{
			name:  "a line in go.mod",
			files: []string{".", "cmd/web", "other"},
			more: map[string]string{
				"go.mod": "module example.com/app\n\n// +heroku install ./cmd/... ./other\n\ngo 1.26\n",
			},
			want: map[string]string{"other": "bin/other", "web": "bin/web"},
			web:  "web",
		},
		{
			name:  "a module without a slash",
			files: []string{"."},
			more:  map[string]string{"go.mod": "module web\n\ngo 1.26\n"},
			want:  map[string]string{"web": "bin/web"},
			web:   "web",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, "")
			b.write("go.mod", "module example.com/app\n\ngo 1.26\n")
			for name, text := range c.more {
				b.write(name, text)
			}
			for _, dir := range c.files {
				b.write(filepath.Join(dir, "main.go"), program)
			}
			maps.Copy(b.env, c.config)
			got := b.build()
			if diff := cmp.Diff(c.want, got.processes); diff != "" {
				t.Errorf("processes (-want +got):\n%s", diff)
			}
			if got.web != c.web || !strings.Contains(got.log, c.log) {
				t.Errorf("got default %q, want %q, and %q in:\n%s", got.web, c.web, c.log, got.log)
			}
		})
	}
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for fixture, want := range map[string]bool{"go-work": true, "go-deps": true, "node-express-npm": false} {
		got, err := golang.Detect(libcnb.DetectContext{ApplicationPath: filepath.Join("../../fixtures", fixture)})
		if err != nil || got.Pass != want {
			t.Errorf("%s: got %v (%v), want %v", fixture, got.Pass, err, want)
		}
	}
	if _, err := golang.Detect(libcnb.DetectContext{ApplicationPath: "testdata/broken"}); err == nil {
		t.Error("a broken go.mod passes in silence")
	}
}
