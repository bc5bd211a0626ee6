package lifecycle

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/buildpacks/libcnb/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"slugc/cache/testkit"
	"slugc/compiler/procfile"
)

const launchTOML = `
[[processes]]
type = "web"
command = ["bash", "-c", "npm start"]
[[processes]]
type = "worker"
command = ["node", "a b.js"]
args = ["--x=1", ""]
working-dir = "sub dir"
[[slices]]
paths = ["node_modules/"]
[[labels]]
key = "io.slugc.slice:node_modules"
value = "k"
[[labels]]
key = "io.slugc.addons"
value = "heroku-postgresql, no good, heroku-postgresql"
`

func TestReadLaunch(t *testing.T) {
	t.Parallel()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{"launch.toml": launchTOML})
	result := &Result{Processes: []procfile.Process{{Type: "web", Command: "former"}}}
	if err := result.readLaunch(ours, opened(t, dir)); err != nil {
		t.Fatal(err)
	}
	want := &Result{
		Processes: []procfile.Process{
			{Type: "web", Command: "npm start"},
			{Type: "worker", Command: `cd 'sub dir' && node 'a b.js' --x=1 ''`},
		},
		Slices: []Slice{{Path: "node_modules", Key: "k"}},
		Addons: []string{"heroku-postgresql"},
	}
	if diff := cmp.Diff(want, result, cmpopts.IgnoreUnexported(Result{}, Slice{})); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{
		"[[slices]]\npaths = [\"../x\"]\n", "[[slices]]\npaths = [\".\"]\n", "[[processes]]\ntype = \"web\"\n",
		"[[processes]]\ncommand = [\"x\"]\n", "processes = 1",
	} {
		testkit.Write(t, filepath.Join(dir, "launch.toml"), text)
		if err := (&Result{}).readLaunch(ours, opened(t, dir)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestReadUnmet(t *testing.T) {
	t.Parallel()
	dir := testkit.Tree(t, t.TempDir(), map[string]string{"build.toml": "[[unmet]]\nname = \"node\"\n"})
	node := libcnb.BuildpackPlanEntry{Name: "node"}
	unmet, err := readUnmet([]libcnb.BuildpackPlanEntry{{Name: "ruby"}, node}, opened(t, dir))
	if diff := cmp.Diff([]libcnb.BuildpackPlanEntry{node}, unmet); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

// FuzzLaunchTOML holds that what is accepted of launch.toml and build.toml has processes with a type and a
// command, and slices inside the app.
func FuzzLaunchTOML(f *testing.F) {
	f.Add([]byte(launchTOML))
	f.Add([]byte("[[processes]]\ntype = \"web\"\ncommand = \"npm start\"\n"))
	f.Add([]byte("[[unmet]]\nname = \"node\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		text := string(data)
		dir := testkit.Tree(t, t.TempDir(), map[string]string{"launch.toml": text, "build.toml": text})
		if _, err := readUnmet(nil, opened(t, dir)); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("the error is not one line: %q", err)
		}
		var r Result
		if r.readLaunch(ours, opened(t, dir)) != nil {
			return
		}
		for _, p := range r.Processes {
			if p.Type == "" || p.Command == "" {
				t.Errorf("accepted process %+v", p)
			}
		}
		for _, s := range r.Slices {
			if !filepath.IsLocal(s.Path) || s.Path == "." || filepath.Clean(s.Path) != s.Path {
				t.Errorf("accepted slice %+v", s)
			}
		}
	})
}

// ours is a built-in buildpack.
var ours = Buildpack{Buildpack: libcnb.Buildpack{API: "0.10"}, BuiltIn: true}
