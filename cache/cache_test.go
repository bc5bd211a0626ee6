package cache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"slugc/cache"
	"slugc/cache/testkit"
)

func app(t *testing.T) *cache.App {
	t.Helper()
	home, err := cache.Open(filepath.Join(t.TempDir(), "home"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := home.App("blog")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(a.Path(), 0o700); err != nil {
		t.Fatal(err)
	}
	return a
}

// begin starts a build and stages an app directory.
func begin(t *testing.T, a *cache.App, fresh bool) *cache.Build {
	t.Helper()
	b, err := a.Begin(fresh)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(b.AppDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := b.Restore(); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLayersSurvive(t *testing.T) {
	t.Parallel()
	a := app(t)
	b := begin(t, a, false)
	if b.Interrupted {
		t.Error("the first build reports an interrupted one")
	}
	testkit.Write(t, filepath.Join(b.LayersDir, "bp", "l", "file"), "1")
	testkit.Write(t, filepath.Join(b.LayersDir, "bp", "l.toml"), "")
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	if testkit.Exists(b.Dir) {
		t.Error("the build directory is left")
	}
	b = begin(t, a, false)
	if b.Interrupted || !testkit.Exists(b.LayersDir, "bp", "l", "file") || !testkit.Exists(b.LayersDir, "bp",
		"l.toml") {
		t.Error("layers or their metadata are lost by a good build")
	}
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	if b = begin(t, a, true); testkit.Exists(b.LayersDir, "bp") {
		t.Error("a fresh build sees layers")
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *cache.Build){
		"killed": func(*testing.T, *cache.Build) {},
		"failed": func(t *testing.T, b *cache.Build) {
			if err := b.Abort(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := app(t)
			b := begin(t, a, false)
			testkit.Write(t, filepath.Join(b.LayersDir, "bp", "l", "file"), "1")
			testkit.Write(t, filepath.Join(b.LayersDir, "bp", "l.toml"), "")
			end(t, b)
			b = begin(t, a, false)
			if !b.Interrupted || !testkit.Exists(b.LayersDir, "bp", "l", "file") || testkit.Exists(b.LayersDir,
				"bp", "l.toml") {
				t.Errorf(
					"interrupted %t, file kept %t, metadata kept %t",
					b.Interrupted,
					testkit.Exists(b.LayersDir, "bp", "l", "file"),
					testkit.Exists(b.LayersDir, "bp", "l.toml"),
				)
			}
			if err := b.Commit(); err != nil {
				t.Fatal(err)
			}
			if b = begin(t, a, false); b.Interrupted {
				t.Error("the build after a good one calls it interrupted")
			}
		})
	}
}

func TestKilledBeforeStaging(t *testing.T) {
	t.Parallel()
	a := app(t)
	b := begin(t, a, false)
	testkit.Write(t, filepath.Join(b.LayersDir, "bp", "l", "file"), "1")
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Begin(false); err != nil {
		t.Fatal(err)
	}
	if b = begin(t, a, false); !testkit.Exists(b.LayersDir, "bp", "l", "file") || b.Interrupted {
		t.Error("a kill before the layers were moved loses them")
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	a := app(t)
	if a.Record() != nil {
		t.Error("an app that was never built has a record")
	}
	if err := a.SaveRecord(&cache.Record{Key: "k", Result: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if r := a.Record(); r == nil || r.Key != "k" {
		t.Errorf("got %+v", r)
	}
	testkit.Write(t, a.Path("record.json"), "{ damaged")
	if a.Record() != nil {
		t.Error("a damaged record is believed")
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	a := app(t)
	unlock, err := a.Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var pid int
	if _, err := a.Lock(ctx, func(p int) { pid = p }); !errors.Is(err, cache.ErrLocked) || pid != os.Getpid() {
		t.Errorf("second lock: %v, holder %d", err, pid)
	}
	unlock()
	unlock, err = a.Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestKey(t *testing.T) {
	t.Parallel()
	if cache.Key("ab", "c") == cache.Key("a", "bc") || cache.Key() == cache.Key("") {
		t.Error("parts run into each other")
	}
	if cache.Key(cache.Pairs(map[string]string{"a": "1", "b": "2"})...) != cache.Key("a", "1", "b", "2") {
		t.Error("pairs are not sorted names followed by values")
	}
}

// TestOpenSweeps opens a state directory in which a process was killed while it wrote a file.
func TestOpenSweeps(t *testing.T) {
	dir := t.TempDir()
	killed := filepath.Join(dir, ".sandbox.json.slugc-KILLED")
	testkit.Write(t, killed, "half")
	if _, err := cache.Open(dir); err != nil || testkit.Exists(killed) {
		t.Errorf("%v, and what a killed process was writing is there: %v", err, testkit.Exists(killed))
	}
}
