package cache_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"slugc/cache"
	"slugc/cache/testkit"
)

// tick is longer than the clock of a file system takes to move on.
const tick = 25 * time.Millisecond

// twoLayers returns an app whose last build left two layers, a record and an index of segments.
func twoLayers(t *testing.T) *cache.App {
	t.Helper()
	a := app(t)
	b := begin(t, a, false)
	testkit.Tree(t, filepath.Join(b.LayersDir, "bp"), map[string]string{
		"one/dir/file": "1", "one.toml": "one", "two/dir/file": "2", "two.toml": "two", "store.toml": "store",
	})
	testkit.Write(t, a.Path("segments", "index"), "old")
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := a.SaveRecord(&cache.Record{Key: "old"}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(tick)
	return a
}

// beginPush starts the build of a push, which the layers are restored for.
func beginPush(t *testing.T, a *cache.App, push string) *cache.Build {
	t.Helper()
	b, err := a.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(b.AppDir, 0o755); err != nil {
		t.Fatal(err)
	}
	b.Push = push
	b.Independent = func(metadata []byte) bool { return string(metadata) == "loose" }
	if err := b.Restore(); err != nil {
		t.Fatal(err)
	}
	return b
}

// touch does what a build may do to the layer two: everything shows.
var touches = map[string]func(dir string) error{
	"a file is written": func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "two/dir/file"), []byte("evil"), 0o644)
	},
	"a file is written and its times are put back": func(dir string) error {
		name := filepath.Join(dir, "two/dir/file")
		info, err := os.Stat(name)
		if err == nil {
			err = os.WriteFile(name, []byte("evil"), 0o644)
		}
		if err != nil {
			return err
		}
		return os.Chtimes(name, info.ModTime(), info.ModTime())
	},
	"a file is removed": func(dir string) error { return os.Remove(filepath.Join(dir, "two/dir/file")) },
	"a file is added":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "two/x"), nil, 0o644) },
	"it is removed":     func(dir string) error { return os.RemoveAll(filepath.Join(dir, "two")) },
	"another layer takes its place": func(dir string) error {
		if err := os.RemoveAll(filepath.Join(dir, "two")); err != nil {
			return err
		}
		return os.Rename(filepath.Join(dir, "one"), filepath.Join(dir, "two"))
	},
}

// TestTouchedLayers holds what a failed, a killed and a refused build leave of the layers.
func TestTouchedLayers(t *testing.T) {
	t.Parallel()
	for name, touch := range touches {
		for _, push := range []string{"", "refused"} {
			for _, end := range []string{"failed", "killed", "built"} {
				if push == "" && end == "built" {
					continue
				}
				t.Run(name+", push "+push+", "+end, func(t *testing.T) {
					t.Parallel()
					a := twoLayers(t)
					b := beginPush(t, a, push)
					dir := filepath.Join(b.LayersDir, "bp")
					if err := touch(dir); err != nil {
						t.Fatal(err)
					}
					testkit.Tree(t, dir, map[string]string{
						"two.toml": "evil", "store.toml": "evil", "new/file": "", "new.toml": "",
					})
					endBuild(t, a, b, end)
					b = begin(t, a, false)
					if dir := filepath.Join(b.LayersDir, "bp"); push != "" && name == "a file is added" {
						checkTakenBack(t, dir)
					} else {
						checkTouched(t, dir, push, name == "another layer takes its place")
					}
					if r := a.Record(); push != "" && (r == nil || r.Key != "old") {
						t.Errorf("the record is %+v", r)
					}
					if got := testkit.Read(t, a.Path("segments", "index")); push != "" && got != "old" {
						t.Errorf("the index is %q", got)
					}
				})
			}
		}
	}
}

// endBuild ends a build in one of three ways.
func endBuild(t *testing.T, a *cache.App, b *cache.Build, end string) {
	t.Helper()
	switch end {
	case "failed":
		if err := b.Abort(); err != nil {
			t.Fatal(err)
		}
	case "built":
		testkit.Write(t, a.Path("segments", "new"), "new")
		if err := os.Rename(a.Path("segments", "new"), a.Path("segments", "index")); err != nil {
			t.Fatal(err)
		}
		if err := b.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := a.SaveRecord(&cache.Record{Key: "evil"}); err != nil {
			t.Fatal(err)
		}
	}
}

// checkTakenBack checks the layer two after a refused push that only added to it.
func checkTakenBack(t *testing.T, dir string) {
	t.Helper()
	metadata := testkit.Read(t, filepath.Join(dir, "two.toml"))
	if metadata != "two" || testkit.Read(t, filepath.Join(dir, "two/dir/file")) != "2" {
		t.Error("a layer that a refused push has only added to is not as it was")
	}
	if testkit.Exists(dir, "two/x") || testkit.Exists(dir, "new") || testkit.Exists(dir, "new.toml") {
		t.Error("what a refused push has added is left")
	}
}

// checkTouched checks the layers after a build that touched the layer two, and maybe one.
func checkTouched(t *testing.T, dir, push string, one bool) {
	t.Helper()
	if got := testkit.Read(t, filepath.Join(dir, "store.toml")); got != "store" {
		t.Errorf("store.toml is %q", got)
	}
	if testkit.Exists(dir, "two.toml") || testkit.Exists(dir, "new.toml") {
		t.Error("a layer that the build has touched keeps its metadata")
	}
	if push != "" && (testkit.Exists(dir, "two") || testkit.Exists(dir, "new")) {
		t.Error("a layer that a refused push has touched keeps its files")
	}
	if one {
		if testkit.Exists(dir, "one.toml") {
			t.Error("a layer that is gone keeps its metadata")
		}
		return
	}
	if testkit.Read(t, filepath.Join(dir, "one.toml")) != "one" ||
		testkit.Read(t, filepath.Join(dir, "one/dir/file")) != "1" {
		t.Error("a layer that was not touched is not as it was")
	}
}

// TestAccepted keeps what the build of a push left, once the push was accepted.
func TestAccepted(t *testing.T) {
	t.Parallel()
	a := twoLayers(t)
	b := beginPush(t, a, "mine")
	testkit.Write(t, filepath.Join(b.LayersDir, "bp", "two", "x"), "")
	endBuild(t, a, b, "built")
	for _, push := range []string{"another", "mine", "mine"} {
		if err := a.Accept(push); err != nil {
			t.Fatal(err)
		}
	}
	b = begin(t, a, false)
	if !testkit.Exists(b.LayersDir, "bp", "two", "x") || a.Record().Key != "evil" || b.Interrupted {
		t.Errorf("the build's work is lost; record %+v, interrupted %t", a.Record(), b.Interrupted)
	}
}

// TestReplacedLayers holds that nothing but the layers that Restore has moved is taken for layers.
func TestReplacedLayers(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"failed", "killed", "kept"} {
		for name, replace := range map[string]func(layers, host string) error{
			"a link": func(layers, host string) error { return os.Symlink(host, layers) },
			"another directory": func(layers, _ string) error {
				return os.MkdirAll(filepath.Join(layers, "bp", "evil"), 0o755)
			},
		} {
			t.Run(end+" with "+name, func(t *testing.T) {
				t.Parallel()
				a := twoLayers(t)
				host := testkit.Tree(t, t.TempDir(), map[string]string{"bp/l/file": "", "bp/l.toml": ""})
				b := begin(t, a, false)
				if err := os.RemoveAll(b.LayersDir); err != nil {
					t.Fatal(err)
				}
				if err := replace(b.LayersDir, host); err != nil {
					t.Fatal(err)
				}
				switch end {
				case "failed":
					if err := b.Abort(); err != nil {
						t.Fatal(err)
					}
				case "kept":
					if b.Commit() == nil {
						t.Error("other layers are kept")
					}
				}
				b = begin(t, a, false)
				if entries, err := os.ReadDir(b.LayersDir); err != nil || len(entries) > 0 {
					t.Errorf("layers are %v, %v", entries, err)
				}
				if !testkit.Exists(host, "bp", "l", "file") || !testkit.Exists(host, "bp", "l.toml") {
					t.Error("files of the host are removed")
				}
			})
		}
	}
}

// TestPlantedLayers holds that layers in an app directory that Restore never filled are no layers.
func TestPlantedLayers(t *testing.T) {
	t.Parallel()
	a := app(t)
	b, err := a.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Write(t, filepath.Join(b.LayersDir, "bp", "evil", "file"), "")
	if err := b.Abort(); err != nil {
		t.Fatal(err)
	}
	if testkit.Exists(a.Path("layers", "bp")) {
		t.Error("planted layers are kept")
	}
}

// TestPrivileges holds that no file of a build keeps its setuid or setgid bit, or capabilities.
func TestPrivileges(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"built", "failed"} {
		a := twoLayers(t)
		b := begin(t, a, false)
		file := filepath.Join(b.LayersDir, "bp", "two", "su")
		testkit.Write(t, file, "")
		if err := unix.Chmod(file, 0o6755); err != nil {
			t.Fatal(err)
		}
		// Version 2 with cap_net_raw; only root may set it.
		able := unix.Setxattr(file, "security.capability", []byte{
			1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		}, 0) == nil
		endBuild(t, a, b, end)
		file = a.Path("layers", "bp", "two", "su")
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0 || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: the mode is %v", end, info.Mode())
		}
		if n, _ := unix.Getxattr(file, "security.capability", nil); able && n > 0 {
			t.Errorf("%s: capabilities are kept", end)
		}
	}
}

// TestSweep removes what killed processes leave beside an app's files.
func TestSweep(t *testing.T) {
	t.Parallel()
	a := twoLayers(t)
	left := []string{
		a.Path(".record.json123"), a.Path(".stat9"), a.Path("segments", ".index7"), a.Path(".begun", "mark.json"),
		a.Path(".discarded-x", "file"),
	}
	for _, file := range left {
		testkit.Write(t, file, "")
	}
	if err := a.Recover(); err != nil {
		t.Fatal(err)
	}
	for _, file := range left {
		if testkit.Exists(file) {
			t.Errorf("%s is left", file)
		}
	}
	if !testkit.Exists(a.Path("record.json")) || !testkit.Exists(a.Path("layers", "bp", "one", "dir", "file")) {
		t.Error("Recover removes what it must not")
	}
}
