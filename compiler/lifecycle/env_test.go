package lifecycle

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/procfile"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEnvironmentRules(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		start map[string]string
		want  map[string]string
	}{
		{
			"override by suffix and without",
			map[string]string{"env/A.override": "1", "env/B": "2"},
			map[string]string{"A": "0", "B": "0"},
			map[string]string{"A": "1", "B": "2"},
		},
		{
			"default applies to unset",
			map[string]string{"env/A.default": "1"},
			map[string]string{},
			map[string]string{"A": "1"},
		},
		{
			"default applies to empty",
			map[string]string{"env/A.default": "1"},
			map[string]string{"A": ""},
			map[string]string{"A": "1"},
		},
		{
			"default leaves a value",
			map[string]string{"env/A.default": "1"},
			map[string]string{"A": "0"},
			map[string]string{"A": "0"},
		},
		{
			"append without delimiter",
			map[string]string{"env/A.append": "b"},
			map[string]string{"A": "a"},
			map[string]string{"A": "ab"},
		},
		{
			"prepend with delimiter",
			map[string]string{"env/A.prepend": "b", "env/A.delim": ":"},
			map[string]string{"A": "a"},
			map[string]string{"A": "b:a"},
		},
		{
			"prepend to nothing",
			map[string]string{"env/A.prepend": "b", "env/A.delim": ":"},
			map[string]string{},
			map[string]string{"A": "b"},
		},
		{
			"trailing newline stays",
			map[string]string{"env/A": "x\n"},
			map[string]string{},
			map[string]string{"A": "x\n"},
		},
		{"unknown suffix is ignored", map[string]string{"env/A.bogus": "x"}, map[string]string{}, map[string]string{}},
		{
			"env.build counts, env.launch does not",
			map[string]string{"env.build/A": "b", "env.launch/A": "l"},
			map[string]string{},
			map[string]string{"A": "b"},
		},
		{
			"roots go in front",
			map[string]string{"bin/x": "", "lib/x": "", "include/x": "", "pkgconfig/x": ""},
			map[string]string{"PATH": "/bin"},
			map[string]string{
				"PATH":            "/L/bin:/bin",
				"LD_LIBRARY_PATH": "/L/lib",
				"LIBRARY_PATH":    "/L/lib",
				"CPATH":           "/L/include",
				"PKG_CONFIG_PATH": "/L/pkgconfig",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, test.files)
			changes, err := buildChanges(dir, "/L")
			if err != nil {
				t.Fatal(err)
			}
			apply(test.start, changes)
			if diff := cmp.Diff(test.want, test.start); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestProfile sources the compiled script with a POSIX shell and looks at what comes out.
func TestProfile(t *testing.T) {
	app := t.TempDir()
	layer := filepath.Join(app, ".layers", "bp", "l")
	write(t, layer, map[string]string{
		"bin/tool": "", "lib/x.so": "",
		"env/SHARED":              "it's $HOME `x` \"q\"",
		"env.launch/ROOT.default": "/app/.layers/bp/l",
		"env.launch/LIST":         "/app/a:/usr/app/b:/application:/app",
		"env.launch/APP.append":   "end", "env.launch/APP.delim": "$}",
		"env.launch/web/ONLY": "web",
		"profile.d/p.sh":      "export FROM_PROFILE=$ROOT/p",
	})
	text, err := profile([]Layer{{Buildpack: "bp", Name: "l", Dir: layer}}, filepath.Join(app, ".layers"), "/app")
	if err != nil {
		t.Fatal(err)
	}
	run := func(env ...string) map[string]string {
		cmd := exec.Command("sh", "-c", text+"\nenv -0")
		cmd.Env = append([]string{"HOME=" + app, "PATH=/usr/bin:/bin"}, env...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		got := map[string]string{}
		for _, kv := range strings.Split(string(out), "\x00") {
			k, v, _ := strings.Cut(kv, "=")
			got[k] = v
		}
		return got
	}
	here := app + "/.layers/bp/l"
	got := run("DYNO=web.1", "APP=start", "ROOT=")
	for k, want := range map[string]string{"PATH": here + "/bin:/usr/bin:/bin", "LD_LIBRARY_PATH": here + "/lib", "SHARED": "it's $HOME `x` \"q\"", "ROOT": here,
		"LIST": app + "/a:/usr/app/b:/application:" + app, "APP": "start$}end", "ONLY": "web", "FROM_PROFILE": here + "/p"} {
		if got[k] != want {
			t.Errorf("%s = %q, want %q\n%s", k, got[k], want, text)
		}
	}
	got = run("DYNO=worker.1", "ROOT=mine")
	if got["ROOT"] != "mine" || got["ONLY"] != "" || got["APP"] != "end" {
		t.Errorf("ROOT=%q ONLY=%q APP=%q", got["ROOT"], got["ONLY"], got["APP"])
	}
}

func TestProfileRefusesExecD(t *testing.T) {
	layer := filepath.Join(t.TempDir(), ".layers", "bp", "l")
	write(t, layer, map[string]string{"exec.d/x": ""})
	if _, err := profile([]Layer{{Dir: layer}}, filepath.Dir(filepath.Dir(layer)), "/app"); err == nil ||
		!strings.Contains(err.Error(), "exec.d") {
		t.Errorf("got %v", err)
	}
}

// TestRestoreTable holds the table of what is kept by a layer's types.
func TestRestoreTable(t *testing.T) {
	dir, aside := filepath.Join(t.TempDir(), "bp"), filepath.Join(t.TempDir(), "aside")
	types := map[string]string{
		"cache": "cache = true",
		"all":   "cache = true\nlaunch = true\nbuild = true",
		"lonly": "launch = true",
		"built": "build = true\nlaunch = true",
		"none":  "",
	}
	for name, on := range types {
		write(
			t,
			dir,
			map[string]string{
				name + "/file": name,
				name + ".toml": "[types]\n" + on + "\n[metadata]\nversion = \"1\"\n",
			},
		)
	}
	write(t, dir, map[string]string{"launch.toml": "", "store.toml": ""})
	was, err := restore(dir, aside)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]bool{"cache": {true, true}, "all": {true, true}, "lonly": {false, true}, "built": {false, false}, "none": {false, false}} {
		if got := [2]bool{exists(dir, name), exists(dir, name+".toml")}; got != want {
			t.Errorf("layer %s: files, metadata kept: %v, want %v", name, got, want)
		}
	}
	if exists(dir, "launch.toml") || !exists(dir, "store.toml") {
		t.Error("launch.toml is kept or store.toml is not")
	}
	var l layerFile
	if err := decodeFile(filepath.Join(dir, "all.toml"), &l); err != nil || l.Types.Launch || l.Types.Build ||
		l.Types.Cache ||
		l.Metadata["version"] != "1" {
		t.Errorf("restored metadata %+v, %v: types are never restored", l, err)
	}
	// The buildpack declares launch again without files, all with other metadata, and leaves a
	// directory without metadata.
	write(t, dir, map[string]string{"all.toml": "[types]\nlaunch = true\n[metadata]\nversion = \"2\"\n", "stray/x": ""})
	now, states, err := was.collect("bp", dir, false, false)
	if err != nil || len(now) == 0 {
		t.Fatal(err)
	}
	if exists(dir, "stray") {
		t.Error("a directory without metadata is kept")
	}
	var why string
	for _, s := range states {
		if s.Layer == "bp:all" {
			why = s.State + ": " + s.Why
		}
	}
	if why != "rebuilt: version changed from 1 to 2" {
		t.Errorf("state of all: %q", why)
	}
}

func exists(elem ...string) bool {
	_, err := os.Lstat(filepath.Join(elem...))
	return err == nil
}

func TestLaunchLayerComesBack(t *testing.T) {
	dir, aside := filepath.Join(t.TempDir(), "bp"), filepath.Join(t.TempDir(), "aside")
	write(t, dir, map[string]string{"l/file": "x", "l.toml": "[types]\nlaunch = true\n"})
	was, err := restore(dir, aside)
	if err != nil {
		t.Fatal(err)
	}
	if exists(dir, "l") {
		t.Fatal("the files of a launch layer are shown to the buildpack")
	}
	write(t, dir, map[string]string{"l.toml": "[types]\nlaunch = true\n"})
	if _, _, err := was.collect("bp", dir, false, false); err != nil || !exists(dir, "l", "file") {
		t.Errorf("the launch layer declared again without files is not brought back: %v", err)
	}
}

func TestProcesses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"launch.toml": `
[[processes]]
type = "web"
command = ["bash", "-c", "npm start"]
[[processes]]
type = "worker"
command = ["node", "a b.js"]
args = ["--x=1"]
working-dir = "sub dir"
[[slices]]
paths = ["node_modules/"]
[[labels]]
key = "io.slugc.slice:node_modules"
value = "k"
[[labels]]
key = "io.slugc.addons"
value = "heroku-postgresql, no good, heroku-postgresql"
`})
	r := &runner{}
	result := &Result{Processes: []procfile.Process{{Type: "web", Command: "former"}}}
	if err := r.declared(Member{}, dir, result); err != nil {
		t.Fatal(err)
	}
	want := &Result{
		Processes: []procfile.Process{
			{Type: "web", Command: "npm start"},
			{Type: "worker", Command: `cd 'sub dir' && node 'a b.js' --x=1`},
		},
		Slices: []Slice{{Path: "node_modules", Key: "k"}},
		Addons: []string{"heroku-postgresql"},
	}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Error(diff)
	}
	write(t, dir, map[string]string{"launch.toml": "[[slices]]\npaths = [\"../x\"]\n"})
	if err := r.declared(Member{}, dir, result); err == nil {
		t.Error("a slice outside the app is accepted")
	}
}
