package ruby_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/buildpacktest"
)

// TestBuild builds one app after a series of changes. It checks what is run and fetched, and that
// the layers depend on the app alone.
func TestBuild(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tree := fixture(t, "ruby-sinatra-puma")
	cold := b.mustBuild(tree)
	cold.Says(t, "Using Ruby 3.1.2 (a test), from Debian packages\n",
		"Running bundle install with Bundler 2.3.7: nothing is cached",
		"Installing puma 5.6.5 with native extensions")
	cold.lacks(t, "webrick") // a gem of the development group
	b.checkLayers(cold)
	first := b.layers("ruby", "ruby-gems", "ruby-profile")
	same := func(what string) {
		t.Helper()
		buildpacktest.Equal(t, what, b.layers("ruby", "ruby-gems", "ruby-profile"), first)
	}

	line := b.mustBuild(tree.with("app.rb", tree["app.rb"]+"# changed\n"))
	line.Says(t, "from the cache", "Using the gems from the cache, unchanged since the last build")
	line.lacks(t, "bundle install", "Fetching")
	if len(line.requests) > 0 {
		t.Errorf("a change of one line requests %v", line.requests)
	}
	same("the layers after a change of one line")

	more := b.mustBuild(withRake(tree))
	more.Says(t, "Gemfile, Gemfile.lock changed", "Installing rake 13.0.6")
	more.lacks(t, "Installing puma")
	if want := "/gems/rake-13.0.6.gem"; !slices.Contains(more.requests, want) ||
		slices.Contains(more.requests, "/gems/puma-5.6.5.gem") {
		t.Errorf("requests %v, want %s and no puma", more.requests, want)
	}
	b.mustBuild(tree).Says(t, "Removing rake (13.0.6)")
	same("the layers after a gem was added and removed")

	b.forget()
	b.mustBuild(tree).Says(t, "nothing is cached", "Installing puma 5.6.5")
	same("the layers of two builds from scratch")

	b.Config["BUNDLE_WITHOUT"] = "test"
	b.mustBuild(tree).Says(t, "BUNDLE_WITHOUT changed", "Installing webrick")
	b.Config["CFLAGS"] = "-O1"
	b.mustBuild(tree).Says(t, "build configuration changed", "Installing puma")
}

// withRake adds the gem rake to the fixture ruby-sinatra-puma.
func withRake(tree files) files {
	lock := strings.NewReplacer(
		"\n    ruby2_keywords (0", "\n    rake (13.0.6)\n    ruby2_keywords (0",
		"  sinatra (~> 3.0)\n", "  rake\n  sinatra (~> 3.0)\n",
	).Replace(tree["Gemfile.lock"])
	return tree.with("Gemfile", tree["Gemfile"]+"gem \"rake\"\n", "Gemfile.lock", lock)
}

// checkLayers checks what a build of the fixture ruby-sinatra-puma leaves in the layers and the
// app.
func (b *bench) checkLayers(o outcome) {
	t := b.T
	t.Helper()
	all := b.layers("")
	for _, name := range []string{"ruby/bin/ruby", "ruby/lib/ruby/3.1.0/rubygems/defaults/operating_system.rb",
		"ruby-gems/ruby/3.1.0/bin/puma", "ruby-profile/profile.d/ruby.sh", "ruby-downloads/cache",
		"launch.sbom.cdx.json"} {
		if !all.Has(name) {
			t.Errorf("there is no %s", name)
		}
	}
	for _, name := range []string{"ruby/include", "ruby-gems/ruby/3.1.0/cache",
		"ruby-gems/ruby/3.1.0/gems/puma-5.6.5/ext/puma_http11/Makefile", "ruby-gems/lib"} {
		if all.Has(name) {
			t.Errorf("there is %s", name)
		}
	}
	for name, text := range all {
		gems := strings.HasPrefix(name, "ruby-gems/") || strings.HasPrefix(name, "ruby-profile/bundle")
		if gems && !strings.HasSuffix(name, ".so") && !strings.Contains(name, "/env") &&
			strings.Contains(text, buildpacktest.NamesRoot) {
			t.Errorf("%s %s", name, text)
		}
	}
	entries, err := os.ReadDir(b.App)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := []string{".layers", "Gemfile", "Gemfile.lock", "app.rb", "config.ru", "want.json"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("the app (-want +got):\n%s", diff)
	}
	leftovers, err := os.ReadDir(b.Path("tmp"))
	must(t, err)
	if len(leftovers) > 0 {
		t.Errorf("left in the temporary directory: %v", leftovers)
	}
	processes := map[string]string{
		"web": "bundle exec puma -b tcp://0.0.0.0:${PORT:-5000}", "console": "bundle exec irb",
	}
	if diff := cmp.Diff(processes, o.Processes()); diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
	for _, purl := range []string{`"pkg:generic/ruby@3.1.2"`, `"pkg:gem/puma@5.6.5"`,
		`"pkg:gem/nio4r@2.5.8?platform=x86_64-linux"`, `"pkg:gem/bundler@2.3.7"`} {
		if !strings.Contains(string(o.Bill), purl) {
			t.Errorf("the bill of materials has no %s", purl)
		}
	}
	if strings.Contains(string(o.Bill), "webrick") {
		t.Error("the bill of materials has a gem that is not installed")
	}
}
