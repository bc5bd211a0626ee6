package ruby_test

import (
	"slices"
	"strings"
	"testing"

	"slugc/cache/testkit"
)

// TestFailedBuild holds what a build that fails leaves the next one: of an install that fails the
// gems that were installed before, of one that succeeded all.
func TestFailedBuild(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t)
	good := withRake(fixture(t, "ruby-sinatra-puma"))
	lock := strings.NewReplacer("\n    tilt (", "\n    sqlite3 (1.3.13)\n    tilt (", "  sinatra (~> 3.0)\n",
		"  sinatra (~> 3.0)\n  sqlite3\n").Replace(good["Gemfile.lock"])
	broken := good.with("Gemfile", good["Gemfile"]+"gem \"sqlite3\"\n", "Gemfile.lock", lock)
	b.Config["BUNDLE_JOBS"] = "1" // the broken gem comes last
	b.mustFail(broken, "ruby/sqlite3-unsupported").Says(t, "Installing puma 5.6.5 with native extensions")

	fails := good.with("Rakefile", "task(\"assets:precompile\") do\n  mkdir_p \"tmp/cache/assets\"\n"+
		"  touch \"tmp/cache/assets/x\"\n  abort \"no\"\nend\n")
	o := b.mustFail(fails, "ruby/assets-precompile-failed")
	o.Says(t, "Running bundle install with Bundler 2.3.7: Gemfile, Gemfile.lock changed")
	o.lacks(t, "Installing puma")
	if slices.Contains(o.requests, "/gems/puma-5.6.5.gem") {
		t.Errorf("a gem that was there is fetched: %v", o.requests)
	}
	again := b.mustBuild(fails.with("Rakefile", "task(\"assets:precompile\") { sh \"ls tmp/cache/assets\" }\n"))
	again.Says(t, "Using the gems from the cache", "\n       x\n")
	if len(again.requests) > 0 {
		t.Errorf("the build after a failed one requests %v", again.requests)
	}
	for name := range b.layers("ruby-gems") {
		if strings.Contains(name, "sqlite3") {
			t.Errorf("%s is left of a gem that was not installed", name)
		}
	}
	if !testkit.Exists(b.Layer("ruby-downloads/cache/puma-5.6.5.gem")) {
		t.Error("a download is lost")
	}
}
