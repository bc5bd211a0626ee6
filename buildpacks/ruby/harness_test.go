package ruby_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/extension"
	"slugc/buildpacks/ruby"
	"slugc/buildpacks/ruby/rubytest"
	"slugc/buildpacks/toolchain"
)

// runsBuild makes the test binary the buildpack's bin/build: libcnb reads the process's directory
// and environment, and exits.
const runsBuild = "RUBY_TEST_RUNS_BUILD"

func TestMain(m *testing.M) {
	if os.Getenv(runsBuild) != "" {
		libcnb.BuildpackMain(ruby.Detect, ruby.Build, libcnb.WithArguments([]string{"build"}))
		return
	}
	os.Exit(m.Run())
}

// files is a source tree: content by path.
type files map[string]string

// with is the tree with more files, name and content in turn; of an empty content, without the
// file.
func (f files) with(more ...string) files {
	out := maps.Clone(f)
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
		if more[i+1] == "" {
			delete(out, more[i])
		}
	}
	return out
}

// fixture is the tree of a fixture.
func fixture(t *testing.T, name string) files {
	t.Helper()
	tree, root := files{}, os.DirFS(filepath.Join("../../fixtures", name))
	must(t, fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, path)
		tree[path] = string(data)
		return err
	}))
	return tree
}

// bench is a small platform: it builds apps again and again at one place and keeps layers between
// builds as the contract says.
type bench struct {
	t      *testing.T
	root   string // holds app, platform, buildpack, home
	gems   *rubytest.Server
	mirror string
	ruby   toolchain.Toolchain
	env    map[string]string // user configuration
	lasts  bool              // the runtime's layer outlasts a build that fails, which spares time
}

// outcome is what one build gave.
type outcome struct {
	log    string
	ok     bool
	wrong  *diagnosis.Diagnosis
	launch libcnb.LaunchTOML
	hits   []string // what was asked of the gem source
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		t:    t,
		root: t.TempDir(),
		gems: rubytest.Serve(t),
		ruby: rubytest.Ruby(t, "~> 3.1.0"),
		env:  map[string]string{},
	}
	b.ruby.From, b.mirror = "a test", b.gems.URL
	for _, dir := range []string{"platform/env", "buildpack", "home", "tmp"} {
		must(t, os.MkdirAll(b.path(dir), 0o755))
	}
	text := fmt.Sprintf("api = %q\n[buildpack]\nid = %q\nversion = %q\nsbom-formats = [\"application/vnd.cyclonedx+json\"]\n",
		ruby.API, ruby.ID, ruby.Version)
	must(t, os.WriteFile(b.path("buildpack/buildpack.toml"), []byte(text), 0o644))
	must(t, os.WriteFile(b.path("plan.toml"), []byte("[[entries]]\nname = \"ruby\"\n"), 0o644))
	return b
}

func (b *bench) path(rel string) string { return filepath.Join(b.root, rel) }

// layer is a path in a layer.
func (b *bench) layer(rel string) string { return b.path("app/.layers/slugc_ruby/" + rel) }

// source replaces the app's files and keeps its layers.
func (b *bench) source(tree files) {
	b.t.Helper()
	entries, err := os.ReadDir(b.path("app"))
	if !errors.Is(err, fs.ErrNotExist) {
		must(b.t, err)
	}
	for _, e := range entries {
		if e.Name() != ".layers" {
			must(b.t, os.RemoveAll(b.path("app/"+e.Name())))
		}
	}
	for name, text := range tree {
		must(b.t, os.MkdirAll(filepath.Dir(b.path("app/"+name)), 0o755))
		must(b.t, os.WriteFile(b.path("app/"+name), []byte(text), 0o755))
	}
}

// restore does to the layers what the platform does between builds.
func (b *bench) restore() {
	b.t.Helper()
	must(b.t, os.MkdirAll(b.layer(""), 0o755))
	toml, err := filepath.Glob(b.layer("*.toml"))
	must(b.t, err)
	for _, file := range toml {
		name := strings.TrimSuffix(filepath.Base(file), ".toml")
		var layer struct {
			Types    libcnb.LayerTypes `toml:"types"`
			Metadata map[string]any    `toml:"metadata"`
		}
		if name != "launch" && name != "build" && name != "store" {
			decode(b.t, file, &layer)
		}
		must(b.t, os.Remove(file))
		if layer.Types.Cache {
			encode(b.t, file, map[string]any{"metadata": layer.Metadata})
		} else {
			must(b.t, os.RemoveAll(b.layer(name)))
		}
	}
}

// breakOff does what the platform does after a build that failed: no layer has metadata any more.
func (b *bench) breakOff() {
	toml, err := filepath.Glob(b.layer("*.toml"))
	must(b.t, err)
	for _, file := range toml {
		if !b.lasts || filepath.Base(file) != "ruby.toml" {
			must(b.t, os.Remove(file))
		}
	}
}

// build builds a tree, with the layers of the build before.
func (b *bench) build(tree files) outcome {
	b.t.Helper()
	b.source(tree)
	b.restore()
	must(b.t, os.RemoveAll(b.path("platform/env")))
	must(b.t, os.MkdirAll(b.path("platform/env"), 0o755))
	for name, value := range b.env {
		must(b.t, os.WriteFile(b.path("platform/env/"+name), []byte(value), 0o644))
	}
	must(b.t, extension.WriteToolchains(b.path("platform"), []toolchain.Toolchain{b.ruby}))
	b.gems.Requests()
	report := b.path("diagnosis.json")
	must(b.t, os.RemoveAll(report))
	self, err := os.Executable()
	must(b.t, err)
	cmd := exec.Command(self)
	cmd.Dir = b.path("app")
	cmd.Env = []string{runsBuild + "=1", "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + b.path("home"),
		"TMPDIR=" + b.path("tmp"), "LANG=C.UTF-8", "TZ=UTC", "SOURCE_DATE_EPOCH=315532801",
		"CNB_BUILDPACK_DIR=" + b.path("buildpack"), "CNB_PLATFORM_DIR=" + b.path("platform"),
		"CNB_LAYERS_DIR=" + b.layer(""), "CNB_BP_PLAN_PATH=" + b.path("plan.toml"), "CNB_TARGET_OS=linux",
		"CNB_TARGET_ARCH=amd64", "CNB_TARGET_DISTRO_NAME=debian", "CNB_TARGET_DISTRO_VERSION=12",
		diagnosis.Env + "=" + report, ruby.MirrorEnv + "=" + b.mirror, "RUBYOPT=-rnowhere", "GEM_HOME=/nowhere"}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	err = cmd.Run()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		b.t.Fatal(err)
	}
	o := outcome{log: log.String(), ok: err == nil, hits: b.gems.Requests()}
	if o.wrong, err = diagnosis.Read(report); err != nil && !errors.Is(err, fs.ErrNotExist) {
		b.t.Fatal(err)
	}
	if o.ok {
		decode(b.t, b.layer("launch.toml"), &o.launch)
	} else {
		b.breakOff()
	}
	return o
}

// mustBuild builds a tree that builds.
func (b *bench) mustBuild(tree files) outcome {
	b.t.Helper()
	o := b.build(tree)
	if !o.ok {
		b.t.Fatalf("the build fails:\n%s", o.log)
	}
	return o
}

// processes are the declared command lines by type.
func (o outcome) processes() map[string]string {
	lines := map[string]string{}
	for _, p := range o.launch.Processes {
		lines[p.Type] = p.Command[len(p.Command)-1]
	}
	return lines
}

// launchEnv is the environment of the layers at launch, as "NAME=value", for the place they were
// built at.
func (b *bench) launchEnv() []string {
	b.t.Helper()
	env := map[string]string{"PATH": "/usr/bin:/bin", "HOME": b.path("app")}
	for _, layer := range []string{"ruby", "ruby-bundler", "ruby-gems", "ruby-profile"} {
		for _, root := range [][2]string{{"bin", "PATH"}, {"lib", "LD_LIBRARY_PATH"}} {
			if _, err := os.Stat(b.layer(layer + "/" + root[0])); err == nil {
				env[root[1]] = b.layer(layer+"/"+root[0]) + ":" + env[root[1]]
			}
		}
		for _, sub := range []string{"env", "env.launch"} {
			found, _ := filepath.Glob(b.layer(layer + "/" + sub + "/*"))
			for _, file := range found {
				text, err := os.ReadFile(file)
				must(b.t, err)
				switch name, kind, _ := strings.Cut(filepath.Base(file), "."); kind {
				case "prepend":
					env[name] = string(text) + ":" + env[name]
				case "override", "default":
					env[name] = string(text)
				}
			}
		}
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+strings.TrimSuffix(env[name], ":"))
	}
	return list
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func decode(t testing.TB, file string, v any) {
	t.Helper()
	_, err := toml.DecodeFile(file, v)
	must(t, err)
}

func encode(t testing.TB, file string, v any) {
	t.Helper()
	f, err := os.Create(file)
	must(t, err)
	must(t, toml.NewEncoder(f).Encode(v))
	must(t, f.Close())
}
