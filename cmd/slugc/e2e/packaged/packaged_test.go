// Package packaged_test runs the built-in buildpacks on another platform: from their archives, by the CNB lifecycle.
package packaged_test

import (
	"fmt"
	"go/build"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks"
	"slugc/buildpacks/clojure/clojuretest"
	"slugc/buildpacks/ruby/rubytest"
	"slugc/cache/digest"
	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
	"slugc/compiler"
)

// TestPackaged holds that the lifecycle chooses from the archives the buildpacks that slugc would, and that what they
// build there is what slugc builds.
func TestPackaged(t *testing.T) {
	t.Parallel()
	testkit.NeedsTools(t, "npm", "bubblewrap", "the CNB lifecycle")
	o := slugctest.Run(t, slugctest.Home(t), "buildpacks", "package", filepath.Join(t.TempDir(), "out"), "--json")
	if o.Exit != 0 {
		t.Fatal(o.Stderr)
	}
	archives := slugctest.Decode[[]buildpacks.Archive](t, o)
	all := t.TempDir()
	for _, a := range archives {
		unpack(t, a.File, filepath.Join(all, name(a.ID), a.Version))
	}
	order := fmt.Sprintf("[[order]]\ngroup = [{ id = %q, version = %q }]\n",
		buildpacks.CompositeID, archives[len(archives)-1].Version)
	fixtures := map[string]string{
		"slugc/go":   "", // a small app, as no cache has what it compiles
		"slugc/node": "node-express-npm", "slugc/ruby": "ruby-rack-only", "slugc/clojure": "clojure-lein-plain",
	}
	mirrors := map[string]func(t *testing.T) string{
		"slugc/ruby":    func(t *testing.T) string { return "SLUGC_GEM_MIRROR=" + rubytest.Serve(t).URL },
		"slugc/clojure": func(t *testing.T) string { return "SLUGC_MAVEN_MIRROR=" + clojuretest.Serve(t).URL },
	}
	for id, fixture := range fixtures {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			p := platform{dir: t.TempDir(), buildpacks: all, env: slugctest.Settings(t)}
			if mirror := mirrors[id]; mirror != nil {
				p.mirror = []string{mirror(t)}
			}
			app := filepath.Join(p.dir, "hello")
			if fixture == "" {
				slugctest.GoApp(t, app, "hello")
			} else if err := os.CopyFS(app, os.DirFS(slugctest.Fixture(fixture))); err != nil {
				t.Fatal(err)
			}
			p.prepare(t, order)
			p.compare(t, id)
		})
	}
}

// platform is a platform that knows nothing of slugc.
type platform struct {
	dir        string // with hello, the app
	buildpacks string // the directory of all of them
	env        []string
	mirror     []string // of the language's packages, K=V
}

func name(id string) string { return strings.ReplaceAll(id, "/", "_") }

func unpack(t *testing.T, file, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-xzf", file, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// prepare writes what the lifecycle reads besides the app.
func (p platform) prepare(t *testing.T, order string) {
	t.Helper()
	for _, kv := range slices.Concat(p.env, p.mirror) {
		key, value, _ := strings.Cut(kv, "=")
		key = strings.Replace(key, "SLUGC_NPM_REGISTRY", "npm_config_registry", 1)
		if key != "PATH" {
			testkit.Write(t, filepath.Join(p.dir, "platform", "env", key), value)
		}
	}
	testkit.Write(t, filepath.Join(p.dir, "out", "order.toml"), order)
	testkit.Write(t, filepath.Join(p.dir, "out", "analyzed.toml"),
		fmt.Sprintf("[run-image.target]\nos = \"linux\"\narch = %q\n", runtime.GOARCH))
	if err := os.CopyFS(filepath.Join(p.dir, "workspace"), os.DirFS(filepath.Join(p.dir, "hello"))); err != nil {
		t.Fatal(err)
	}
}

// phases is the script that runs the lifecycle's phases.
const phases = `
ln -s /lifecycle /tmp/detector
ln -s /lifecycle /tmp/builder
/tmp/detector -app /workspace -buildpacks /cnb/buildpacks -layers /layers -platform /platform \
	-order /out/order.toml -group /out/group.toml -plan /out/plan.toml -analyzed /out/analyzed.toml || exit
/tmp/builder -app /workspace -buildpacks /cnb/buildpacks -layers /layers -platform /platform \
	-group /out/group.toml -plan /out/plan.toml -analyzed /out/analyzed.toml
`

// run runs the lifecycle. The buildpack's toolchains are there, as after another build.
func (p platform) run(t *testing.T, id string) {
	t.Helper()
	lifecycle := filepath.Join(build.Default.GOPATH, "bin", "cnb-lifecycle")
	if !testkit.Exists(lifecycle) {
		t.Fatalf("there is no %s: .ci/setup builds it", lifecycle)
	}
	toolchains := filepath.Join("layers", name(id), "toolchains")
	if err := os.MkdirAll(filepath.Join(p.dir, toolchains), 0o755); err != nil {
		t.Fatal(err)
	}
	o := slugctest.Wait(t, exec.Command("bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--unshare-pid",
		"--die-with-parent", "--clearenv", "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc",
		"--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
		"--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/home/cnb",
		"--bind", filepath.Join(p.dir, "workspace"), "/workspace", "--bind", filepath.Join(p.dir, "layers"), "/layers",
		"--bind", slugctest.Toolchains(t), "/"+toolchains, "--bind", filepath.Join(p.dir, "out"), "/out",
		"--ro-bind", filepath.Join(p.dir, "platform"), "/platform", "--ro-bind", p.buildpacks, "/cnb/buildpacks",
		"--ro-bind", lifecycle, "/lifecycle", "--setenv", "HOME", "/home/cnb", "--setenv", "PATH", "/usr/bin:/bin",
		"--setenv", "CNB_PLATFORM_API", "0.14", "sh", "-c", phases))
	if o.Exit != 0 {
		t.Fatalf("%s: exit %d\n%s%s", id, o.Exit, o.Stdout, o.Stderr)
	}
}

// compare builds the app with slugc and on the platform, where one buildpack must be chosen.
func (p platform) compare(t *testing.T, id string) {
	t.Helper()
	home := slugctest.Home(t)
	if len(p.mirror) == 0 {
		slugctest.Warm(t, home, strings.TrimPrefix(id, "slugc/"), "hello")
	}
	cmd := slugctest.Command(t, home, "build", filepath.Join(p.dir, "hello"), "--no-register", "--json")
	cmd.Env = append(cmd.Env, p.mirror...)
	o := slugctest.Wait(t, cmd)
	if o.Exit != 0 {
		t.Fatalf("%s: exit %d\n%s", id, o.Exit, o.Stderr)
	}
	built := slugctest.Decode[compiler.Result](t, o)
	ours := t.TempDir()
	unpack(t, built.Slug.Path, ours)
	p.run(t, id)
	var group struct{ Group []struct{ ID string } }
	if _, err := toml.DecodeFile(filepath.Join(p.dir, "out", "group.toml"), &group); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(group.Group); got != "[{"+id+"}]" {
		t.Errorf("the group is %s, want %s", got, id)
	}
	for layer, theirs := range p.launchLayers(t, id) {
		if diff := cmp.Diff(tree(t, filepath.Join(ours, "app", ".layers", name(id), layer)), theirs); diff != "" {
			t.Errorf("layer %s:\n%s", layer, diff)
		}
	}
	if diff := cmp.Diff(tree(t, filepath.Join(ours, "app")), tree(t, filepath.Join(p.dir, "workspace"))); diff != "" {
		t.Errorf("the app:\n%s", diff)
	}
}

// launchLayers returns what a buildpack's layers for the launch hold, by layer.
func (p platform) launchLayers(t *testing.T, id string) map[string]map[string]string {
	t.Helper()
	layers := map[string]map[string]string{}
	found, err := filepath.Glob(filepath.Join(p.dir, "layers", name(id), "*.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range found {
		var layer struct {
			Types struct {
				Launch bool `toml:"launch"`
			} `toml:"types"`
		}
		if _, err := toml.DecodeFile(file, &layer); err != nil {
			t.Fatal(err)
		}
		if layer.Types.Launch {
			dir := strings.TrimSuffix(file, ".toml")
			layers[filepath.Base(dir)] = tree(t, dir)
		}
	}
	if len(layers) == 0 {
		t.Error("there is no layer for the launch")
	}
	return layers
}

// own are what each platform keeps in an app or a layer for itself: slugc puts layers and its launch script into the
// app, and a layer's variables into that script.
var own = []string{".layers", ".slugc", ".profile.d", "env", "env.build", "env.launch"}

// tree lists what a directory holds, except for [own], by path.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	list := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && filepath.Dir(path) == dir && slices.Contains(own, d.Name()) {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, info := path[len(dir):], fs.FileInfo(nil)
		if info, err = d.Info(); err != nil {
			return err
		}
		if d.Type()&fs.ModeSymlink != 0 {
			list[rel], err = os.Readlink(path)
			return err
		}
		sum, _, err := digest.File(path)
		// Of a mode, a slug keeps whether the owner may execute the file.
		list[rel] = fmt.Sprintf("executable %t, %s", info.Mode()&0o100 != 0, sum.Short())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
