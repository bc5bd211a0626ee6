package lifecycle

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/buildpacks/libcnb/v2"

	"slugc/cache/beneath"
	"slugc/cache/testkit"
	"slugc/compiler/fault"
)

// layersOf returns a buildpack's layers directory with these files, and what the next build restores of it.
func layersOf(t testing.TB, files map[string]string) (dir string, r restored) {
	t.Helper()
	base := t.TempDir()
	dir = testkit.Tree(t, filepath.Join(base, "bp"), files)
	if err := mkdirs(dir, filepath.Join(base, "aside")); err != nil {
		t.Fatal(err)
	}
	r, err := restore(opened(t, dir), opened(t, filepath.Join(base, "aside")))
	if err != nil {
		t.Fatal(err)
	}
	return dir, r
}

// opened opens a directory for the length of a test.
func opened(t testing.TB, dir string) *beneath.Dir {
	t.Helper()
	d, err := beneath.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// TestRestore holds what is kept of a layer by its types.
func TestRestore(t *testing.T) {
	t.Parallel()
	files := map[string]string{"launch.toml": "", "store.toml": ""}
	for name, types := range map[string]string{
		"cache":       "cache = true",
		"all":         "cache = true\nlaunch = true\nbuild = true",
		"launch-only": "launch = true",
		"built":       "build = true\nlaunch = true",
		"none":        "",
	} {
		files[name+"/file"] = name
		files[name+".toml"] = "[types]\n" + types + "\n[metadata]\nversion = \"1\"\n"
	}
	dir, before := layersOf(t, files)
	for name, want := range map[string][2]bool{
		"cache": {true, true}, "all": {true, true}, "launch-only": {false, true}, "built": {false, false},
		"none": {false, false},
	} {
		if got := [2]bool{testkit.Exists(dir, name), testkit.Exists(dir, name+".toml")}; got != want {
			t.Errorf("layer %s: files, metadata kept: %v, want %v", name, got, want)
		}
	}
	if testkit.Exists(dir, "launch.toml") || !testkit.Exists(dir, "store.toml") {
		t.Error("launch.toml is kept or store.toml is not")
	}
	var l layerFile
	if err := decodeFile(opened(t, dir), "all.toml", &l); err != nil || l.Types.Launch || l.Types.Build ||
		l.Types.Cache || l.Metadata["version"] != "1" {
		t.Errorf("restored metadata %+v, %v: types are never restored", l, err)
	}
	// The buildpack declares the layer all with other metadata, and leaves a directory without metadata.
	testkit.Tree(t, dir, map[string]string{
		"all.toml": "[types]\nlaunch = true\n[metadata]\nversion = \"2\"\n", "stray/x": "",
		beneath.TempPrefix + "X": "a killed build was writing it",
	})
	after, err := before.collect(opened(t, dir))
	if err != nil || len(after) == 0 {
		t.Fatal(err)
	}
	if testkit.Exists(dir, "stray") {
		t.Error("a directory without metadata is kept")
	}
	if testkit.Exists(dir, beneath.TempPrefix+"X") {
		t.Error("an unfinished file is kept")
	}
	var m Member
	m.Info.ID = "bp"
	for _, s := range (Config{}).states(m, before.layers, after) {
		if why := s.State + ": " + s.Why; s.Layer == "bp:all" && why != "rebuilt: version changed from 1 to 2" {
			t.Errorf("state of all: %q", why)
		}
	}
}

func TestLaunchLayerComesBack(t *testing.T) {
	t.Parallel()
	dir, before := layersOf(t, map[string]string{"l/file": "x", "l.toml": "[types]\nlaunch = true\n"})
	if testkit.Exists(dir, "l") {
		t.Fatal("the buildpack sees the files of a launch layer")
	}
	testkit.Write(t, filepath.Join(dir, "l.toml"), "[types]\nlaunch = true\n")
	if _, err := before.collect(opened(t, dir)); err != nil || !testkit.Exists(dir, "l", "file") {
		t.Errorf("the launch layer, declared again without files, does not come back: %v", err)
	}
}

// TestHostileLayers holds that neither a name nor a link leads out of a buildpack's layers directory.
func TestHostileLayers(t *testing.T) {
	t.Parallel()
	for _, file := range []string{".toml", "..toml", "...toml"} {
		dir, before := layersOf(t, nil)
		theirs := filepath.Join(filepath.Dir(dir), "other", "file")
		testkit.Write(t, theirs, "")
		testkit.Write(t, filepath.Join(dir, file), "")
		if layers, err := before.collect(opened(t, dir)); err == nil {
			t.Errorf("%s is read as a layer: %v", file, layers)
		}
		if _, err := restore(opened(t, dir), before.aside); err != nil || !testkit.Exists(theirs) {
			t.Errorf("%s: the next build removes another buildpack's layers, %v", file, err)
		}
	}
}

// TestReplacedLayers holds that a layers directory must be the one that slugc made.
func TestReplacedLayers(t *testing.T) {
	t.Parallel()
	var m Member
	m.Info.ID = "acme/cobol"
	for name, replace := range map[string]func(layers, own string) error{
		"a link in the place of all": func(layers, _ string) error {
			return errors.Join(os.Rename(layers, layers+".away"), os.Symlink(layers+".away", layers))
		},
		"a link in the place of its own": func(_, own string) error {
			return errors.Join(os.Rename(own, own+".away"), os.Symlink(own+".away", own))
		},
		"another directory": func(_, own string) error {
			return errors.Join(os.Rename(own, own+".away"), os.Mkdir(own, 0o755))
		},
		"nothing": func(_, own string) error { return os.Remove(own) },
	} {
		app := testkit.Tree(t, t.TempDir(), map[string]string{".layers/slugc_node/x": ""})
		layers := filepath.Join(app, layersName)
		b := &builder{Config: Config{AppDir: app, Layers: layers, Work: t.TempDir()}}
		b.app, b.layers = opened(t, app), opened(t, layers)
		w, err := b.open(0, m)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.checkReplaced(m, w); err != nil {
			t.Error(err)
		}
		if err := replace(layers, filepath.Join(layers, m.Escaped())); err != nil {
			t.Fatal(err)
		}
		if err := b.checkReplaced(m, w); err == nil {
			t.Errorf("%s is accepted", name)
		}
		w.close()
	}
}

// TestWorkspaces holds that a buildpack does not get what an earlier one could write.
func TestWorkspaces(t *testing.T) {
	t.Parallel()
	app := testkit.Tree(t, t.TempDir(), map[string]string{".layers/x": ""})
	b := &builder{Config: Config{AppDir: app, Work: t.TempDir()}}
	b.app, b.layers = opened(t, app), opened(t, filepath.Join(app, layersName))
	host := testkit.Tree(t, t.TempDir(), map[string]string{"file": "precious"})
	var one, two Member
	one.Info.ID, two.Info.ID = "acme/one", "acme/two"
	first, err := b.open(0, one)
	if err != nil {
		t.Fatal(err)
	}
	defer first.close()
	for _, link := range []string{
		filepath.Join(first.report, planFile), filepath.Join(first.home, "x"),
		filepath.Join(app, layersName, two.Escaped()),
	} {
		if err := os.Symlink(host, link); err != nil {
			t.Fatal(err)
		}
	}
	if w, err := b.open(1, two); err == nil || fault.Of(err).Code != fault.ExitBuildpack {
		t.Errorf("a link in the place of the next buildpack's layers: %+v, %v", w, err)
	}
	if err := os.Remove(filepath.Join(app, layersName, two.Escaped())); err != nil {
		t.Fatal(err)
	}
	second, err := b.open(2, two)
	if err != nil {
		t.Fatal(err)
	}
	defer second.close()
	if err := second.writePlan(libcnb.BuildpackPlan{}); err != nil {
		t.Fatal(err)
	}
	if first.home == second.home || first.plan == second.plan || first.report == second.report {
		t.Errorf("%+v shares with %+v", second, first)
	}
	if got := testkit.Read(t, filepath.Join(host, "file")); got != "precious" {
		t.Errorf("the host's file is %q", got)
	}
}

// FuzzLayerTOML holds that no metadata breaks the reading of layers, and that what is kept is read back.
func FuzzLayerTOML(f *testing.F) {
	f.Add([]byte("[types]\ncache = true\n[metadata]\nversion = \"1\"\n"))
	f.Add([]byte("[types]\nlaunch = true\n[metadata]\na = [1, {b = 2.5}]\nd = 1979-05-27T07:32:00Z\n"))
	f.Add([]byte("[types]\nlaunch = true\n[metadata]\na = [{}]\nb = nan\n"))
	f.Add([]byte("types = 3"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := testkit.Tree(t, t.TempDir(), map[string]string{"bp/l.toml": string(data), "bp/l/file": ""})
		layers := opened(t, filepath.Join(dir, "bp"))
		read, err := readLayers(layers)
		before, errRestore := restore(layers, opened(t, dir))
		if errRestore != nil {
			t.Fatal(errRestore)
		}
		if err != nil {
			if testkit.Exists(dir, "bp", "l") {
				t.Errorf("a layer with unreadable metadata is kept: %v", err)
			}
			return
		}
		if l := read["l"].Types; l.Cache || l.Launch && !l.Build {
			after, err := before.collect(layers)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range (Config{}).states(Member{}, before.layers, after) {
				if s.State != "restored" {
					t.Errorf("%s is written and read back as other metadata: %+v", data, s)
				}
			}
		}
	})
}
