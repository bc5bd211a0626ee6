package golang_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/golang"
	"slugc/buildpacks/toolchain"
)

// runsBuild makes the test binary the buildpack's bin/build: libcnb reads the process's directory
// and environment, and exits.
const runsBuild = "GO_TEST_RUNS_BUILD"

func TestMain(m *testing.M) {
	if os.Getenv(runsBuild) != "" {
		libcnb.BuildpackMain(golang.Detect, golang.Build, libcnb.WithArguments([]string{"build"}))
		return
	}
	os.Exit(m.Run())
}

// bench is a small platform: it builds one app again and again and keeps cache layers between
// builds. The compiler's and the module cache are shared by all tests and runs: a first build
// compiles the standard library.
type bench struct {
	t       *testing.T
	root    string            // holds source, app, platform, buildpack, home
	env     map[string]string // user configuration
	process []string          // more of the process's environment
	goTool  toolchain.Toolchain
	app     string // where the app is built
}

// outcome is what one build gave.
type outcome struct {
	log       string
	ok        bool
	wrong     *diagnosis.Diagnosis
	processes map[string]string // type to command line
	web       string            // the default type
	files     map[string]string // the slug: path to mode and digest
	layers    string
}

func newBench(t *testing.T, fixture string) *bench {
	t.Helper()
	b := &bench{t: t, root: t.TempDir(), env: map[string]string{"CGO_ENABLED": "0"}, goTool: machineGo(t)}
	b.app = b.path("app")
	for _, dir := range []string{"platform", "buildpack", "home", "kept"} {
		must(t, os.MkdirAll(b.path(dir), 0o755))
	}
	for _, name := range []string{"build-cache", "modules"} {
		must(t, os.MkdirAll(shared(t, name), 0o755))
		must(t, os.Symlink(shared(t, name), b.path("kept/"+name)))
	}
	text := fmt.Sprintf(
		"api = %q\n[buildpack]\nid = %q\nversion = %q\nsbom-formats = [\"application/vnd.cyclonedx+json\"]\n",
		golang.API,
		golang.ID,
		golang.Version,
	)
	must(t, os.WriteFile(b.path("buildpack/buildpack.toml"), []byte(text), 0o644))
	if fixture != "" {
		must(t, os.CopyFS(b.path("source"), os.DirFS(filepath.Join("../../fixtures", fixture))))
	}
	return b
}

// shared is a directory that outlives the tests.
func shared(t *testing.T, name string) string {
	dir, err := os.UserCacheDir()
	must(t, err)
	return filepath.Join(dir, "slugc-test", "go", name)
}

// machineGo is the Go that runs the tests.
func machineGo(t *testing.T) toolchain.Toolchain {
	t.Helper()
	return toolchain.Toolchain{
		Tool:    "go",
		Version: strings.TrimPrefix(goEnv(t, "GOVERSION"), "go"),
		Source:  "machine",
		Dir:     goEnv(t, "GOROOT"),
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	must(t, err)
	return strings.TrimSpace(string(out))
}

// fetch takes the toolchain from the machine's Go proxy, into a store that outlives the tests.
func (b *bench) fetch(constraint string) {
	b.t.Helper()
	store, err := toolchain.Open(
		shared(b.t, "toolchains"),
		toolchain.Settings{GoProxy: goEnv(b.t, "GOPROXY"), GoSumDB: goEnv(b.t, "GOSUMDB")},
	)
	must(b.t, err)
	got, err := store.Ensure(
		context.Background(),
		[]toolchain.Request{{Tool: "go", Constraint: constraint, From: "test"}},
		nil,
	)
	must(b.t, err)
	b.goTool = got[0]
}

func (b *bench) path(rel string) string { return filepath.Join(b.root, rel) }

// write changes a file of the source tree.
func (b *bench) write(rel, text string) {
	b.t.Helper()
	must(b.t, os.MkdirAll(filepath.Dir(b.path("source/"+rel)), 0o755))
	must(b.t, os.WriteFile(b.path("source/"+rel), []byte(text), 0o644))
}

// build runs one build and expects it to succeed.
func (b *bench) build() outcome {
	b.t.Helper()
	got := b.try()
	if !got.ok {
		b.t.Fatalf("the build failed:\n%s", got.log)
	}
	return got
}

// fail runs one build and expects it to fail with a diagnosis.
func (b *bench) fail() *diagnosis.Diagnosis {
	b.t.Helper()
	got := b.try()
	if got.ok || got.wrong == nil {
		b.t.Fatalf("got ok=%v and no diagnosis:\n%s", got.ok, got.log)
	}
	return got.wrong
}

// try runs one build. The app and its layers stay in place until the next one.
func (b *bench) try() outcome {
	b.t.Helper()
	layers := filepath.Join(b.app, ".layers/slugc_go")
	b.keep(layers)
	must(b.t, os.RemoveAll(b.app))
	must(b.t, os.CopyFS(b.app, os.DirFS(b.path("source"))))
	must(b.t, os.MkdirAll(filepath.Dir(layers), 0o755))
	must(b.t, os.Rename(b.path("kept"), layers))
	must(b.t, os.WriteFile(b.path("plan.toml"), []byte("[[entries]]\nname = \"go\"\n"), 0o644))
	must(b.t, extension.WriteToolchains(b.path("platform"), []toolchain.Toolchain{b.goTool}))
	must(b.t, os.RemoveAll(b.path("platform/env")))
	must(b.t, os.MkdirAll(b.path("platform/env"), 0o755))
	for name, value := range b.env {
		must(b.t, os.WriteFile(b.path("platform/env/"+name), []byte(value), 0o644))
	}
	must(b.t, os.RemoveAll(b.path("diagnosis.json")))
	exe, err := os.Executable()
	must(b.t, err)
	var log bytes.Buffer
	cmd := exec.Command(exe)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.app, &log, &log
	cmd.Env = append(passed("PATH", "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
		"GOPROXY="+goEnv(b.t, "GOPROXY"), "GOSUMDB="+goEnv(b.t, "GOSUMDB"), "HOME="+b.path("home"), runsBuild+"=1",
		"CNB_BUILDPACK_DIR="+b.path("buildpack"), "CNB_PLATFORM_DIR="+b.path("platform"), "CNB_LAYERS_DIR="+layers,
		"CNB_BP_PLAN_PATH="+b.path("plan.toml"), diagnosis.Env+"="+b.path("diagnosis.json"))
	cmd.Env = append(cmd.Env, b.process...)
	got := outcome{ok: cmd.Run() == nil, log: log.String(), layers: layers}
	if !got.ok {
		got.wrong, _ = diagnosis.Read(b.path("diagnosis.json"))
		return got
	}
	b.read(&got)
	return got
}

// read reads what the buildpack says it has made.
func (b *bench) read(got *outcome) {
	b.t.Helper()
	var launch libcnb.LaunchTOML
	if _, err := toml.DecodeFile(filepath.Join(got.layers, "launch.toml"), &launch); err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	got.processes = map[string]string{}
	for _, p := range launch.Processes {
		if len(p.Command) != 3 || p.Command[0] != "bash" || p.Command[1] != "-c" {
			b.t.Errorf("process %s is no shell command: %q", p.Type, p.Command)
		}
		got.processes[p.Type] = p.Command[len(p.Command)-1]
		if p.Default {
			got.web = p.Type
		}
	}
	got.files = map[string]string{}
	b.collect(got.files, b.app, "", ".layers")
	for _, layer := range b.layersOf(got.layers) {
		if layer.Launch {
			b.collect(got.files, filepath.Join(got.layers, layer.Name), ".layers/"+layer.Name, "")
		}
	}
}

// layersOf reads the layers' records.
func (b *bench) layersOf(dir string) []libcnb.Layer {
	b.t.Helper()
	records, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	must(b.t, err)
	var list []libcnb.Layer
	for _, record := range records {
		name := strings.TrimSuffix(filepath.Base(record), ".toml")
		if name == "launch" || name == "build" || name == "store" {
			continue
		}
		var layer libcnb.Layer
		_, err := toml.DecodeFile(record, &layer)
		must(b.t, err)
		layer.Name = name
		list = append(list, layer)
	}
	return list
}

// keep moves the cache layers of the last build away and resets their types, as a platform restores
// them.
func (b *bench) keep(layers string) {
	b.t.Helper()
	if _, err := os.Stat(layers); err != nil {
		return
	}
	for _, layer := range b.layersOf(layers) {
		if !layer.Cache {
			continue
		}
		from, to := filepath.Join(layers, layer.Name), b.path("kept/"+layer.Name)
		must(b.t, os.MkdirAll(b.path("kept"), 0o755))
		must(b.t, os.Rename(from, to))
		data, err := os.ReadFile(from + ".toml")
		must(b.t, err)
		must(b.t, os.WriteFile(to+".toml", bytes.ReplaceAll(data, []byte("= true"), []byte("= false")), 0o644))
	}
}

func (b *bench) collect(files map[string]string, dir, prefix, skip string) {
	b.t.Helper()
	must(b.t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		if rel == skip {
			return fs.SkipDir
		}
		if d.IsDir() {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		text := info.Mode().String() + " " + hex.EncodeToString(sum[:8])
		if bytes.Contains(data, []byte(b.root)) {
			text += " names the build's directory"
		}
		files[filepath.Join(prefix, rel)] = text
		return nil
	}))
}

// unique is a text that no cache has seen.
func unique() string { return strconv.FormatInt(time.Now().UnixNano(), 36) }

func passed(names ...string) []string {
	var env []string
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
