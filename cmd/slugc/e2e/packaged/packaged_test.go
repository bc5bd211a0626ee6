// Package packaged_test runs the built-in buildpacks as another platform would: from their archives, by bin/detect and
// bin/build, with the environment and the arguments that the CNB lifecycle gives them.
package packaged_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks"
	"slugc/cache/digest"
	"slugc/cache/testkit"
	"slugc/cmd/slugc/slugctest"
)

// platform is a platform that knows nothing of slugc.
type platform struct {
	buildpacks string // the directory with all of them
	dir        string // with app, layers and platform
	env        []string
}

// unpack unpacks the archives into a directory of buildpacks.
func unpack(t *testing.T, archives []buildpacks.Archive) string {
	t.Helper()
	all := t.TempDir()
	for _, a := range archives {
		dir := filepath.Join(all, name(a.ID))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("tar", "-xzf", a.File, "-C", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return all
}

// newPlatform makes a platform with buildpacks and a copy of an app.
func newPlatform(t *testing.T, all, app string) platform {
	t.Helper()
	p := platform{buildpacks: all, dir: t.TempDir()}
	// What such a platform's user sets for a build is in its env, and the lifecycle exports it.
	for _, kv := range slugctest.Settings(t) {
		key, value, _ := strings.Cut(kv, "=")
		key = strings.Replace(key, "SLUGC_NPM_REGISTRY", "npm_config_registry", 1)
		if key != "PATH" {
			testkit.Write(t, filepath.Join(p.dir, "platform", "env", key), value)
			p.env = append(p.env, key+"="+value)
		}
	}
	if err := os.CopyFS(filepath.Join(p.dir, "app"), os.DirFS(app)); err != nil {
		t.Fatal(err)
	}
	return p
}

func name(id string) string { return strings.ReplaceAll(id, "/", "_") }

// run runs a program of a buildpack in the app. more and args are what the program's phase gives it besides.
func (p platform) run(t *testing.T, id, program string, more []string, args ...string) slugctest.Outcome {
	t.Helper()
	bp := filepath.Join(p.buildpacks, name(id))
	cmd := exec.Command(filepath.Join(bp, "bin", program), args...)
	cmd.Dir = filepath.Join(p.dir, "app")
	cmd.Env = append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + p.dir, "CNB_BUILDPACK_DIR=" + bp,
		"CNB_PLATFORM_DIR=" + filepath.Join(p.dir, "platform"), "CNB_STACK_ID=any", "CNB_TARGET_OS=linux",
		"CNB_TARGET_ARCH=amd64", "CNB_TARGET_DISTRO_NAME=debian", "CNB_TARGET_DISTRO_VERSION=12",
	}, append(p.env, more...)...)
	return slugctest.Wait(t, cmd)
}

// detect runs bin/detect and returns its exit code and build plan.
func (p platform) detect(t *testing.T, id string) (int, string) {
	t.Helper()
	plan := filepath.Join(p.dir, "plan-"+name(id)+".toml")
	testkit.Write(t, plan, "")
	o := p.run(t, id, "detect", []string{"CNB_BUILD_PLAN_PATH=" + plan}, filepath.Join(p.dir, "platform"), plan)
	if o.Exit != 0 && o.Exit != 100 {
		t.Errorf("%s: detection ended with %d: %s%s", id, o.Exit, o.Stdout, o.Stderr)
	}
	return o.Exit, testkit.Read(t, plan)
}

// build runs bin/build with the entries of the plan that the buildpack itself requires.
func (p platform) build(t *testing.T, id, entries string) {
	t.Helper()
	plan, layers := filepath.Join(p.dir, "entries.toml"), filepath.Join(p.dir, "layers", name(id))
	testkit.Write(t, plan, entries)
	if err := os.MkdirAll(layers, 0o755); err != nil {
		t.Fatal(err)
	}
	o := p.run(t, id, "build", []string{"CNB_BP_PLAN_PATH=" + plan, "CNB_LAYERS_DIR=" + layers},
		layers, filepath.Join(p.dir, "platform"), plan)
	if o.Exit != 0 {
		t.Fatalf("%s: exit %d\n%s%s", id, o.Exit, o.Stdout, o.Stderr)
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
	return layers
}

// own are what each platform keeps in an app or a layer for itself: slugc puts layers and its launch script into the
// app, and a layer's variables into that script.
var own = []string{".layers", ".slugc", ".profile.d", "env", "env.build", "env.launch"}

// tree lists what a directory holds, except for [own]: modes and digests by path.
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
		list[rel] = info.Mode().String() + " " + sum.Short()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestPackaged holds that each buildpack detects what slugc would choose it for, and that what they build is what slugc
// builds.
func TestPackaged(t *testing.T) {
	t.Parallel()
	testkit.NeedsTools(t, "npm")
	o := slugctest.Run(t, slugctest.Home(t), "buildpacks", "package", filepath.Join(t.TempDir(), "out"), "--json")
	if o.Exit != 0 {
		t.Fatal(o.Stderr)
	}
	all := unpack(t, slugctest.Decode[[]buildpacks.Archive](t, o))
	apps := map[string]func(dir string){
		"slugc/go": func(dir string) { slugctest.GoApp(t, dir, "hello") }, // small, as no cache has what it compiles
		"slugc/node": func(dir string) {
			if err := os.CopyFS(dir, os.DirFS(slugctest.Fixture("node-express-npm"))); err != nil {
				t.Fatal(err)
			}
		},
	}
	for id, write := range apps {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			app := filepath.Join(t.TempDir(), "hello")
			write(app)
			comparePlatforms(t, all, app, id)
		})
	}
}

// comparePlatforms builds an app on another platform and with slugc.
func comparePlatforms(t *testing.T, all, app, id string) {
	t.Helper()
	language := strings.TrimPrefix(id, "slugc/")
	built := slugctest.Build(t, slugctest.WarmHome(t, language, "hello"), app, "--app", "hello", "--no-register")
	ours := t.TempDir()
	if out, err := exec.Command("tar", "-xzf", built.Slug.Path, "-C", ours).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := newPlatform(t, all, app)
	for _, l := range buildpacks.Languages {
		exit, plan := p.detect(t, l.ID)
		if requires := strings.Contains(plan, "[[requires]]"); (exit == 0 && requires) != (l.ID == id) {
			t.Errorf("%s: bin/detect ends with %d and the plan\n%s", l.ID, exit, plan)
		}
	}
	p.restore(t, id)
	p.build(t, id, "[[entries]]\nname = \""+language+"\"\n")
	for layer, theirs := range p.launchLayers(t, id) {
		if diff := cmp.Diff(tree(t, filepath.Join(ours, "app", ".layers", name(id), layer)), theirs); diff != "" {
			t.Errorf("layer %s:\n%s", layer, diff)
		}
	}
	if diff := cmp.Diff(tree(t, filepath.Join(ours, "app")), tree(t, filepath.Join(p.dir, "app"))); diff != "" {
		t.Errorf("the app:\n%s", diff)
	}
}

// restore gives a platform the cache layer that another build would have left: the toolchains.
func (p platform) restore(t *testing.T, id string) {
	t.Helper()
	layers := filepath.Join(p.dir, "layers", name(id))
	if err := os.MkdirAll(layers, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(slugctest.Toolchains(t), filepath.Join(layers, "toolchains")); err != nil {
		t.Fatal(err)
	}
}
