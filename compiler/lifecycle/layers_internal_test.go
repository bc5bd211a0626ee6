package lifecycle

import (
	"os"
	"path/filepath"
	"testing"

	"slugc/cache/testkit"
)

// layersOf returns a buildpack's layers directory with these files, and what the next build restores of it.
func layersOf(t testing.TB, files map[string]string) (dir string, r restored) {
	t.Helper()
	base := t.TempDir()
	dir = testkit.Tree(t, filepath.Join(base, "bp"), files)
	if err := mkdirs(dir, filepath.Join(base, "aside")); err != nil {
		t.Fatal(err)
	}
	r, err := restore(dir, filepath.Join(base, "aside"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, r
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
	if err := decodeFile(filepath.Join(dir, "all.toml"), &l); err != nil || l.Types.Launch || l.Types.Build ||
		l.Types.Cache || l.Metadata["version"] != "1" {
		t.Errorf("restored metadata %+v, %v: types are never restored", l, err)
	}
	// The buildpack declares the layer all with other metadata, and leaves a directory without metadata.
	testkit.Tree(t, dir, map[string]string{
		"all.toml": "[types]\nlaunch = true\n[metadata]\nversion = \"2\"\n", "stray/x": "",
	})
	after, err := before.collect(dir)
	if err != nil || len(after) == 0 {
		t.Fatal(err)
	}
	if testkit.Exists(dir, "stray") {
		t.Error("a directory without metadata is kept")
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
	if _, err := before.collect(dir); err != nil || !testkit.Exists(dir, "l", "file") {
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
		if layers, err := before.collect(dir); err == nil {
			t.Errorf("%s is read as a layer: %v", file, layers)
		}
		if _, err := restore(dir, before.aside); err != nil || !testkit.Exists(theirs) {
			t.Errorf("%s: the next build removes another buildpack's layers, %v", file, err)
		}
	}
	dir, _ := layersOf(t, nil)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), dir); err != nil {
		t.Fatal(err)
	}
	if err := checkDirs(filepath.Dir(dir), dir); err == nil {
		t.Error("a link in the place of the layers directory is accepted")
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
		read, err := readLayers(filepath.Join(dir, "bp"))
		before, errRestore := restore(filepath.Join(dir, "bp"), dir)
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
			after, err := before.collect(filepath.Join(dir, "bp"))
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
