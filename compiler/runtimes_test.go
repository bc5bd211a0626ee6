package compiler

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/disk"
	"slugc/cache/testkit"
)

// rubyMachine is a machine with a Ruby app, whose buildpack leaves the layer "ruby".
func rubyMachine(t *testing.T) *machine {
	t.Helper()
	m := newMachine(t, t.TempDir())
	m.src = testkit.Tree(t, t.TempDir(), map[string]string{
		"Gemfile":      "source \"https://rubygems.org\"\n",
		"Gemfile.lock": "GEM\n  remote: https://rubygems.org/\n  specs:\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n",
		"build.sh":     `printf '[types]\nlaunch = true\nbuild = true\ncache = true\n' >"$layers/ruby.toml"` + "\n",
	})
	m.req.Source.Dir = m.src
	fakeTool(t, m.Home.Path("toolchains"), "ruby", "3.3.1", map[string]string{"ruby": "exit 1"})
	return m
}

// runtimeSection is the section of a slug that holds the runtime.
func runtimeSection(t *testing.T, r *Result) Section {
	t.Helper()
	for _, s := range r.Slug.Sections {
		if s.Name == "layer:slugc/ruby:ruby" {
			return s
		}
	}
	t.Fatalf("the slug has no runtime: %+v", r.Slug.Sections)
	return Section{}
}

// TestRuntimeIsShared builds two apps on one Ruby: the second neither copies nor packs it, and keeps less
// than 2 MB besides its slug.
func TestRuntimeIsShared(t *testing.T) {
	t.Parallel()
	m := rubyMachine(t)
	first := runtimeSection(t, m.build())
	m.req.App = "second"
	m.write("app.rb", "2")
	second := runtimeSection(t, m.build())
	if first.Reused != "none" || second.Reused != "all" || first.Digest != second.Digest {
		t.Errorf("the first app's runtime is %+v, the second's %+v", first, second)
	}
	app, err := m.Home.App("second")
	if err != nil {
		t.Fatal(err)
	}
	all, err := disk.Size(app.Path())
	slugs, errSlugs := disk.Size(app.Path("slugs"))
	if err != nil || errSlugs != nil || all-slugs > 2<<20 {
		t.Errorf("an app keeps %d bytes besides its slug: %v, %v", all-slugs, err, errSlugs)
	}
}

// TestRuntimeIsNotTheBuilds lets a build write into its runtime, by its name and where that leads. Without
// a sandbox it can; nothing of it reaches a slug, neither its own nor a later one.
func TestRuntimeIsNotTheBuilds(t *testing.T) {
	t.Parallel()
	m := rubyMachine(t)
	clean := testkit.Read(t, filepath.Join(m.src, "build.sh"))
	want := runtimeSection(t, m.build()).Digest
	for _, attack := range []string{
		`rm "$layers/ruby/runtime" && echo evil >"$layers/ruby/runtime"`,
		`rm -r "$layers/ruby" && mkdir "$layers/ruby" && echo evil >"$layers/ruby/runtime"`,
		`echo evil >"$layers/ruby/more"`,
		`f=$(readlink -f "$layers/ruby/runtime") && echo evil >"$f"`,
		`f=$(readlink -f "$layers/ruby/runtime") && rm "$f"`,
	} {
		m.write("build.sh", clean+attack+"\n")
		if got := runtimeSection(t, m.build()).Digest; got != want {
			t.Errorf("%s: reaches the build's own slug", attack)
		}
		m.write("build.sh", clean+"# after "+attack+"\n")
		if got := runtimeSection(t, m.build()).Digest; got != want {
			t.Errorf("%s: reaches a later slug", attack)
		}
	}
	if details := strings.Join(m.recorded.Only("detail"), "\n"); !strings.Contains(details, "runtime is missing") {
		t.Errorf("it does not say what was damaged: %s", details)
	}
}

// TestRuntimeOfAnOlderSlugc replaces the copy of a runtime that an older slugc has left in a layer.
func TestRuntimeOfAnOlderSlugc(t *testing.T) {
	t.Parallel()
	m := rubyMachine(t)
	layer := m.app().Path("layers", "slugc_ruby", "ruby")
	testkit.Tree(t, layer, map[string]string{"bin/ruby": strings.Repeat("x", 4<<20), "runtime": "old"})
	m.build()
	if size, err := disk.Size(layer); err != nil || size > 1<<20 {
		t.Errorf("the layer keeps %d bytes, %v", size, err)
	}
	if link, err := os.Readlink(filepath.Join(layer, "runtime")); err != nil ||
		!strings.HasPrefix(link, m.Home.Path()) {
		t.Errorf("the runtime is at %q, %v", link, err)
	}
}
