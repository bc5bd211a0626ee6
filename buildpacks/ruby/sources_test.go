package ruby_test

import (
	"os"
	"strings"
	"testing"
)

// TestBundler: the Bundler of BUNDLED WITH is used where it can be had, and no build fails for want
// of it.
func TestBundler(t *testing.T) {
	b := newBench(t)
	b.lasts = true
	bundledWith := func(version string) files {
		return app(rack).with("Gemfile.lock", strings.Replace(app(rack)["Gemfile.lock"], "2.3.7", version, 1))
	}
	for _, test := range []struct{ version, mirror, say string }{
		{"2.3.7", b.gems.URL, "Using Bundler 2.3.7, which comes with Ruby\n"},
		{"2.3.15", b.gems.URL, "Using Bundler 2.3.15 (Gemfile.lock BUNDLED WITH)\n"},
		{"2.3.15", "http://127.0.0.1:1", "Using Bundler 2.3.15 (Gemfile.lock BUNDLED WITH), from the cache\n"},
		{"2.5.23", b.gems.URL,
			"Using Bundler 2.3.7, which comes with Ruby; 2.5.23 (Gemfile.lock BUNDLED WITH) could not be had: "},
		{"1.17.3", b.gems.URL,
			"Using Bundler 2.3.7, which comes with Ruby; Gemfile.lock has BUNDLED WITH 1.17.3, which this Ruby cannot run\n"},
	} {
		b.mirror = test.mirror
		o := b.mustBuild(bundledWith(test.version))
		contains(t, o.log, test.say)
	}
}

// TestPrivateSource: credentials reach the source they are for, by the mirror's side, and are
// printed and kept nowhere.
func TestPrivateSource(t *testing.T) {
	b := newBench(t)
	b.lasts = true
	b.gems.Protect("buyer", "s3cr3t-word")
	b.mirror = "http://127.0.0.1:1" // whoever asks the mirror of a private source is refused
	tree := app(rack)
	for _, name := range []string{"Gemfile", "Gemfile.lock"} {
		tree[name] = strings.ReplaceAll(tree[name], "https://gems.example.com", b.gems.URL)
	}
	b.env["BUNDLE_RETRY"] = "0"
	b.env["BUNDLE_127__0__0__1"] = "buyer:wrong-word"
	o := b.build(tree)
	if o.wrong == nil || o.wrong.ID != "ruby/source-forbidden" {
		t.Errorf("with a wrong password: %+v\n%s", o.wrong, o.log)
	} else if want := "127.0.0.1 wants credentials, and the build has none that it accepts."; o.wrong.Summary != want || o.wrong.Hints[0] != "set BUNDLE_127__0__0__1=user:password in the build's configuration" {
		t.Errorf("with a wrong password: %+v", o.wrong)
	}
	lacks(t, o.log, "wrong-word")

	b.env["BUNDLE_127__0__0__1"] = "buyer:s3cr3t-word"
	o = b.mustBuild(tree)
	lacks(t, o.log, "s3cr3t-word")
	for _, file := range b.texts("ruby-gems", "ruby-profile", "ruby-downloads") {
		text, err := os.ReadFile(file)
		must(t, err)
		if strings.Contains(string(text), "s3cr3t-word") {
			t.Errorf("%s holds the password", file)
		}
	}

	b.env["BUNDLE_127__0__0__1"] = "another:s3cr3t-word"
	// who may fetch a gem does not decide what it is
	contains(t, b.mustBuild(tree).log, "Using the gems from the cache")
}

// TestNoCredentials: a source that wants credentials of which there are none.
func TestNoCredentials(t *testing.T) {
	b := newBench(t)
	b.gems.Protect("buyer", "s3cr3t-word")
	b.env["BUNDLE_RETRY"] = "0"
	o := b.build(app(rack))
	if o.wrong == nil || o.wrong.ID != "ruby/source-forbidden" {
		t.Errorf("%+v\n%s", o.wrong, o.log)
	}
}

// TestVendored builds from vendor/cache with no gem source, and says what is missing there.
func TestVendored(t *testing.T) {
	b := newBench(t)
	b.lasts, b.mirror, b.env["BUNDLE_RETRY"] = true, "http://127.0.0.1:1", "0"
	tree := fixture(t, "ruby-vendor-cache")
	b.source(tree)
	b.gems.Vendor(t, b.path("app"))
	entries, err := os.ReadDir(b.path("app/vendor/cache"))
	must(t, err)
	for _, e := range entries {
		gem, err := os.ReadFile(b.path("app/vendor/cache/" + e.Name()))
		must(t, err)
		tree["vendor/cache/"+e.Name()] = string(gem)
	}
	o := b.mustBuild(tree)
	contains(t, o.log, ".bundle/config is checked in; it does not decide BUNDLE_PATH, BUNDLE_WITHOUT here",
		"Installing puma 5.6.5")
	config, err := os.ReadFile(b.layer("ruby-profile/bundle/config"))
	must(t, err)
	if want := "---\nBUNDLE_BUILD__PUMA: --with-cflags=-O1\n"; string(config) != want {
		t.Errorf("Bundler's configuration at launch is %q, want %q", config, want)
	}
	if _, err := os.Stat(b.path("app/vendor/bundle")); err == nil {
		t.Error("the checked-in configuration decides the gems' place")
	}

	b.breakOff()
	lacking := tree.with("vendor/cache/rack-2.2.22.gem", "")
	o = b.build(lacking)
	if o.wrong == nil || o.wrong.ID != "ruby/gem-missing" && o.wrong.ID != "ruby/source-unreachable" {
		t.Errorf("without a gem in vendor/cache: %+v\n%s", o.wrong, o.log)
	}
}

// TestLocalGems: a path gem is installed with its version, and a git gem from its repository, which
// an unchanged lock file does not ask again.
func TestLocalGems(t *testing.T) {
	b := newBench(t)
	for name, value := range b.gems.BuildEnv() {
		b.env[name] = value
	}
	tree := fixture(t, "ruby-path-git")
	b.mustBuild(tree)
	if _, err := os.Stat(b.layer("ruby-gems/ruby/3.1.0/bundler/gems/greeter-72a646bec00b/lib/greeter.rb")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(b.layer("ruby-gems/ruby/3.1.0/bundler/gems/greeter-72a646bec00b/.git")); err == nil {
		t.Error("the repository of a git gem is in the slug")
	}
	warm := b.mustBuild(tree.with("gems/greeting/lib/greeting.rb", tree["gems/greeting/lib/greeting.rb"]+"# changed\n"))
	contains(t, warm.log, "Using the gems from the cache")
	if len(warm.hits) > 0 {
		t.Errorf("asks for %v", warm.hits)
	}
	o := b.build(tree.with("gems/greeting/lib/greeting/version.rb", "module Greeting\n  VERSION = \"2.0.0\"\nend\n"))
	if o.wrong == nil || o.wrong.ID != "ruby/lockfile-out-of-sync" {
		t.Errorf("with another version of the path gem: %+v\n%s", o.wrong, o.log)
	}
}
