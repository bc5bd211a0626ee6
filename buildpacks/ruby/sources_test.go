package ruby_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/testkit"
)

// TestBundler checks that the Bundler of BUNDLED WITH is used if it is available, and Ruby's own
// otherwise.
func TestBundler(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t)
	for _, test := range []struct{ version, mirror, says string }{
		{"2.3.7", b.gems.URL, "Using Bundler 2.3.7, which comes with Ruby\n"},
		{"2.3.15", b.gems.URL, "Using Bundler 2.3.15 (Gemfile.lock BUNDLED WITH)\n"},
		{"2.3.15", unreachable, "Using Bundler 2.3.15 (Gemfile.lock BUNDLED WITH), from the cache\n"},
		{"2.5.23", b.gems.URL, "Using Bundler 2.3.7, which comes with Ruby; " +
			"2.5.23 (Gemfile.lock BUNDLED WITH) is not available: "},
		{"1.17.3", b.gems.URL, "Using Bundler 2.3.7, which comes with Ruby; " +
			"Gemfile.lock has BUNDLED WITH 1.17.3, which this Ruby cannot run\n"},
	} {
		b.mirror = test.mirror
		lock := strings.Replace(app(rack)["Gemfile.lock"], "2.3.7", test.version, 1)
		b.mustBuild(app(rack).with("Gemfile.lock", lock)).Says(t, test.says)
	}
}

// TestPrivateSource checks that credentials reach their own source and not the mirror, and that
// they are neither printed nor kept.
func TestPrivateSource(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t)
	b.gems.Protect("buyer", "s3cr3t-word")
	b.Config["BUNDLE_RETRY"] = "0"
	b.mustFail(app(rack), "ruby/source-forbidden") // without credentials, by the mirror

	b.rewarm()
	b.mirror = unreachable // a request of the private source to the mirror would fail
	tree := app(rack)
	for _, name := range []string{"Gemfile", "Gemfile.lock"} {
		tree[name] = strings.ReplaceAll(tree[name], "https://gems.example.com", b.gems.URL)
	}
	b.Config["BUNDLE_127__0__0__1"] = "buyer:wrong-word"
	o := b.mustFail(tree, "ruby/source-forbidden")
	if want := "127.0.0.1 asks for credentials, and the build has none that it accepts."; o.Diagnosis.Summary != want ||
		o.Diagnosis.Hints[0] != "set BUNDLE_127__0__0__1=user:password in the build's configuration" {
		t.Errorf("with a wrong password: %+v", o.Diagnosis)
	}
	o.lacks(t, "wrong-word")

	b.rewarm()
	b.Config["BUNDLE_127__0__0__1"] = "buyer:s3cr3t-word"
	b.mustBuild(tree).lacks(t, "s3cr3t-word")
	must(t, filepath.WalkDir(b.Layer(""), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "ruby" && filepath.Dir(path) == b.Layer("") {
			return fs.SkipDir // the runtime
		}
		if err == nil && d.Type().IsRegular() && strings.Contains(testkit.Read(t, path), "s3cr3t-word") {
			t.Errorf("%s contains the password", path)
		}
		return err
	}))

	// Credentials do not change what a gem contains.
	b.Config["BUNDLE_127__0__0__1"] = "another:s3cr3t-word"
	b.mustBuild(tree).Says(t, "Using the gems from the cache")
}

// TestVendored builds from vendor/cache without a gem source, and with a gem missing there.
func TestVendored(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t)
	b.mirror, b.Config["BUNDLE_RETRY"] = unreachable, "0"
	tree := fixture(t, "ruby-vendor-cache")
	vendored := t.TempDir()
	testkit.Tree(t, vendored, tree)
	b.gems.Vendor(t, vendored)
	gems, err := filepath.Glob(filepath.Join(vendored, "vendor/cache/*"))
	must(t, err)
	for _, gem := range gems {
		tree["vendor/cache/"+filepath.Base(gem)] = testkit.Read(t, gem)
	}
	b.mustBuild(tree).Says(t,
		".bundle/config is committed; the build ignores its BUNDLE_PATH, BUNDLE_WITHOUT", "Installing puma 5.6.5")
	config := testkit.Read(t, b.Layer("ruby-profile/bundle/config"))
	if want := "---\nBUNDLE_BUILD__PUMA: --with-cflags=-O1\n"; config != want {
		t.Errorf("Bundler's configuration at launch is %q, want %q", config, want)
	}
	if testkit.Exists(b.App, "vendor/bundle") {
		t.Error("the committed configuration determines where gems are installed")
	}

	b.forget()
	b.rewarm()
	b.mustFail(tree.with("vendor/cache/rack-2.2.22.gem", ""), "ruby/gem-missing", "ruby/source-unreachable")
}

// TestLocalGems installs a path gem with its version, and a git gem from its repository, which an
// unchanged lock file does not fetch again.
func TestLocalGems(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t)
	for name, value := range b.gems.BuildEnv() {
		b.Config[name] = value
	}
	tree := fixture(t, "ruby-path-git")
	b.mustBuild(tree)
	greeter := b.Layer("ruby-gems/ruby/3.1.0/bundler/gems/greeter-72a646bec00b")
	if _, err := os.Stat(filepath.Join(greeter, "lib/greeter.rb")); err != nil {
		t.Error(err)
	}
	if testkit.Exists(greeter, ".git") {
		t.Error("the repository of a git gem is in the slug")
	}
	again := b.mustBuild(tree.with("gems/greeting/lib/greeting.rb",
		tree["gems/greeting/lib/greeting.rb"]+"# changed\n"))
	again.Says(t, "Using the gems from the cache")
	if len(again.requests) > 0 {
		t.Errorf("requests %v", again.requests)
	}
	b.mustFail(tree.with("gems/greeting/lib/greeting/version.rb", "module Greeting\n  VERSION = \"2.0.0\"\nend\n"),
		"ruby/lockfile-out-of-sync")
}
