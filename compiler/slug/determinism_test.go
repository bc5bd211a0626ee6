package slug_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"slugc/compiler/slug"
)

// sample is a tree of several segments, a huge file among them.
func sample() map[string]string { return maps.Clone(sampled()) }

var sampled = sync.OnceValue(func() map[string]string {
	random := rand.New(rand.NewPCG(5, 6))
	huge := make([]byte, 9<<20)
	for i := range huge[:1<<20] { // the rest costs a compressor little
		huge[i] = byte(random.Uint32())
	}
	files := map[string]string{"huge": string(huge), "run": "+#!/bin/sh\n", "link": "->run", "dir/": ""}
	for i := range 300 {
		files[fmt.Sprintf("lib/p%d/f%d.js", i%23, i)] = strings.Repeat(
			fmt.Sprintf("module.exports = %d;\n", i*i),
			20*(i%60),
		)
	}
	return files
})

// plant writes the files in the order given by the seed, with other times, and modes that do not
// matter.
func plant(t *testing.T, files map[string]string, seed uint64) string {
	t.Helper()
	dir := t.TempDir()
	names := slices.Sorted(maps.Keys(files))
	random := rand.New(rand.NewPCG(seed, seed))
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names {
		put(t, dir, name, files[name])
		if p := filepath.Join(dir, name); !strings.HasPrefix(files[name], "->") {
			check(t, os.Chtimes(p, time.Unix(int64(seed)*1000, 0), time.Unix(int64(seed)*2000, 0)))
			if name == "huge" {
				check(t, os.Chmod(p, 0o640|os.FileMode(seed%2)<<3|os.ModeSetgid))
			}
		}
	}
	return dir
}

func TestEqualTreesGiveEqualBytes(t *testing.T) {
	store, err := slug.OpenStore(t.TempDir())
	check(t, err)
	files := sample()
	umask, zone := syscall.Umask(0o022), time.Local
	defer func() { syscall.Umask(umask); time.Local = zone }()
	one := pack(t, slug.PackOptions{Sections: app(plant(t, files, 1)), Workers: 1})
	want, err := os.ReadFile(one.Path)
	check(t, err)

	syscall.Umask(0o077)
	time.Local = time.FixedZone("far", 13*3600)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	for i, o := range []slug.PackOptions{{}, {Workers: 7}, {Store: store}, {Store: store}} {
		o.Sections = app(plant(t, files, uint64(i+2)))
		p := pack(t, o)
		got, err := os.ReadFile(p.Path)
		check(t, err)
		if !bytes.Equal(got, want) || p.Digest != one.Digest || p.Content != one.Content {
			t.Errorf("pack %d makes other bytes (%s)", i, p.Sections[0].Why)
		}
		if info, err := os.Stat(p.Path); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("the slug's mode is %v, %v", info.Mode(), err)
		}
	}
}

// TestSectionsDoNotDependOnOthers packs sections together and apart.
func TestSectionsDoNotDependOnOthers(t *testing.T) {
	t.Parallel()
	deps := tree(t, map[string]string{"bin/node": "+node", "lib/x": "y"})
	source := tree(t, map[string]string{
		"web.js": "run", "node_modules/a/index.js": "a", "vendor/deep/b/c": "c", "vendor/own": "d", ".layers/old": "e",
	})
	layer := slug.Section{Name: "layer", Dir: deps, Prefix: ".layers/slugc_node/node"}
	modules := slug.Section{Name: "slice:modules", Dir: source, Include: []string{"node_modules"}}
	vendored := slug.Section{Name: "slice:vendored", Dir: source, Include: []string{"vendor/deep/b"}}
	whole := slug.Section{Name: "app", Dir: source, Exclude: []string{".layers"}}
	all := pack(t, slug.PackOptions{Sections: []slug.Section{layer, modules, vendored, whole}})
	for i, apart := range []slug.Section{layer, modules, vendored} {
		p := pack(t, slug.PackOptions{Sections: []slug.Section{apart}})
		if p.Manifest.Sections[0].Digest != all.Manifest.Sections[i].Digest {
			t.Errorf("section %s packs differently apart", apart.Name)
		}
	}
	var names []string
	for _, line := range readWithGo(t, all.Path) {
		names = append(names, strings.Fields(line)[1])
	}
	slices.Sort(names)
	want := []string{
		"./app/.layers/slugc_node/node/bin/node", "./app/.layers/slugc_node/node/lib/x", "./app/.slugc/slug.json",
		"./app/node_modules/a/index.js", "./app/vendor/deep/b/c", "./app/vendor/own", "./app/web.js",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func TestSlugOfASlugIsTheSame(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"a": "1", ".slugc/slug.json": "{}", ".slugc/sbom.json": "{}"})
	first := pack(t, slug.PackOptions{Sections: app(dir)})
	put(t, dir, ".slugc/slug.json", "other")
	if second := pack(t, slug.PackOptions{Sections: app(dir)}); second.Digest != first.Digest {
		t.Error("the slug.json of an unpacked slug goes into the next")
	}
}

func TestHardLinksAreCopies(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"a": "1"})
	check(t, os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "b")))
	linked := pack(t, slug.PackOptions{Sections: app(dir)})
	apart := pack(t, slug.PackOptions{Sections: app(tree(t, map[string]string{"a": "1", "b": "1"}))})
	if linked.Digest != apart.Digest {
		t.Error("hard links show in the slug")
	}
}

func TestEmptyApp(t *testing.T) {
	t.Parallel()
	p := pack(t, slug.PackOptions{Sections: app(t.TempDir())})
	if s := p.Sections[0]; s.Entries != 0 || s.Why != "new" || s.Reused != "none" {
		t.Errorf("got %+v", s)
	}
	pack(t, slug.PackOptions{})
}
