package detect_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/detect"
	"slugc/detect/gemlock"
)

// lockOf makes a Gemfile.lock of "name version" gems and a RUBY VERSION.
func lockOf(ruby string, gems ...string) string {
	b := "GEM\n  remote: https://gems.example.com/\n  specs:\n"
	for _, gem := range gems {
		name, version, _ := strings.Cut(gem, " ")
		b += "    " + name + " (" + version + ")\n"
	}
	b += "\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n\n"
	if ruby != "" {
		b += "RUBY VERSION\n   ruby " + ruby + "\n\n"
	}
	return b + "BUNDLED WITH\n   2.5.23\n"
}

// gemfile makes a tree with a Gemfile, its lock and more files as name, content pairs.
func gemfile(content, lock string, more ...string) files {
	return files{"Gemfile": content, "Gemfile.lock": lock}.with(more...)
}

const (
	bundler       = "bundler =2.5.23 from Gemfile.lock BUNDLED WITH"
	locked        = "ruby =3.3.9 from Gemfile.lock RUBY VERSION"
	noRubyVersion = "no Ruby version is named; add `ruby \"~> 3.3\"` or another to Gemfile and run `bundle lock`"
)

// unversioned is a lock file without RUBY VERSION.
var unversioned = lockOf("", "rack 3.1.0")

var rubyRows = []row{
	{"nothing", files{}, nil, want{reasons: []string{"-no Gemfile and no gems.rb"}}},
	{"wrong case", files{"gemfile": "", "Gemfile.lock": ""}, nil, want{}},
	{"config.ru alone", files{"config.ru": ""}, nil, want{}},
	{"lock alone", files{"Gemfile.lock": unversioned}, nil, want{}},
	{"lock missing", files{"Gemfile": ""}, nil, fails("ruby/lockfile-missing at Gemfile.lock")},
	{"gems.locked missing", files{"gems.rb": "", "Gemfile.lock": unversioned}, nil,
		fails("ruby/lockfile-missing at gems.locked")},
	{"lock broken", gemfile("", "GEM\n  remote: x\n<<<<<<< HEAD\n"), nil,
		fails("ruby/lockfile-invalid at Gemfile.lock:3")},
	{"lock too large", gemfile("", strings.Repeat("# lock\n", 1<<20)), nil,
		fails("ruby/file-too-large at Gemfile.lock")},
	{"lock empty", gemfile("", " "), nil, warned("ruby  from default; bundler  from default", noRubyVersion)},
	{"gems.rb", files{"gems.rb": `ruby "~> 3.3"`, "gems.locked": unversioned}, nil,
		ok("ruby ~> 3.3 from gems.rb ruby", "bundler =2.5.23 from gems.locked BUNDLED WITH")},
	{"Gemfile and gems.rb", gemfile("", lockOf("3.3.9"), "gems.rb", "", "gems.locked", ""), nil,
		warned(locked+"; "+bundler, "both Gemfile and gems.rb exist; using Gemfile")},
	{"no Linux", gemfile("", strings.Replace(lockOf("3.3.9"), "  ruby\n", "  arm64-darwin-24\n", 1)), nil,
		warned(locked+"; "+bundler,
			"Gemfile.lock lists the platforms arm64-darwin-24 and no Linux: "+
				"run `bundle lock --add-platform x86_64-linux` and commit it")},
	{"another Gemfile", files{"Gemfile.next": "", "Gemfile.next.lock": lockOf("3.3.9")},
		env{"BUNDLE_GEMFILE": "/app/Gemfile.next"},
		ok("ruby =3.3.9 from Gemfile.next.lock RUBY VERSION", "bundler =2.5.23 from Gemfile.next.lock BUNDLED WITH")},
	{"another gems.rb", files{"gems/gems.rb": "", "gems/gems.locked": lockOf("3.3.9")},
		env{"BUNDLE_GEMFILE": "gems/gems.rb"},
		ok("ruby =3.3.9 from gems/gems.locked RUBY VERSION", "bundler =2.5.23 from gems/gems.locked BUNDLED WITH")},
	{"another Gemfile without a lock", gemfile("", lockOf("3.3.9"), "Gemfile.next", ""),
		env{"BUNDLE_GEMFILE": "Gemfile.next"}, fails("ruby/lockfile-missing at Gemfile.next.lock")},
	{"another Gemfile that is missing", gemfile("", lockOf("3.3.9")), env{"BUNDLE_GEMFILE": "Gemfile.next"},
		fails("ruby/gemfile-missing at ")},
	{"another Gemfile outside", gemfile("", lockOf("3.3.9")), env{"BUNDLE_GEMFILE": "../Gemfile"},
		fails("ruby/gemfile-missing at ")},
	{"another Gemfile of no Ruby app", files{"go.mod": ""}, env{"BUNDLE_GEMFILE": "Gemfile.next"}, want{}},
	{"path gem outside", gemfile("", "PATH\n  remote: ../gem\n  specs:\n    gem (1)\n\n"+lockOf("3.3.9")), nil,
		warned(locked+"; "+bundler, "Gemfile.lock has a gem at ../gem, outside of the app")},
}

func TestRuby(t *testing.T) { check(t, detect.ForRuby, rubyRows) }

func TestRubyLockIgnored(t *testing.T) {
	_, err := detect.ForRuby(detect.Input{FS: files{"Gemfile": "", ".gitignore": "# locks\r\n*.lock\r\n"}.tree()})
	e, ok := errors.AsType[*detect.Error](err)
	if !ok || len(e.Hints) != 2 ||
		e.Hints[0] != "Gemfile.lock is listed in line 2 of .gitignore (*.lock): remove it there" {
		t.Errorf("%+v", e)
	}
}

func TestRubyKind(t *testing.T) {
	for _, c := range []struct {
		gems          []string
		kind, version string
		node          []string
	}{
		{[]string{"railties 8.0.1", "rails 8.0.1", "rack 3.1.0"}, "rails", "8.0.1", nil},
		{[]string{"rails 2.3.18", "rack 1.1.6"}, "rails", "2.3.18", nil},
		{[]string{"rack 3.1.0", "rack-railties 1.0", "execjs 2.9.1"}, "rack", "", []string{"execjs"}},
		{[]string{"execjs-pcruntime 1.0"}, "plain", "", nil},
		{[]string{"railties 6.1.0", "webpacker 5.4.4", "execjs 2.8"}, "rails", "6.1.0",
			[]string{"execjs", "webpacker"}},
	} {
		result, err := detect.ForRuby(detect.Input{FS: gemfile("", lockOf("3.3.9", c.gems...)).tree()})
		if err != nil {
			t.Fatal(err)
		}
		app := result.App.(*detect.RubyApp)
		if app.Kind != c.kind || app.RailsVersion != c.version || !cmp.Equal(app.NodeFor, c.node) {
			t.Errorf("%v: %s %s %v", c.gems, app.Kind, app.RailsVersion, app.NodeFor)
		}
	}
}

func TestRubyApp(t *testing.T) {
	lock := "PATH\n  remote: engines/shop\n  specs:\n    shop (0.1.0)\n\n" + lockOf("3.3.9", "rack 3.1.0")
	parsed, err := gemlock.Parse([]byte(lock))
	if err != nil {
		t.Fatal(err)
	}
	tree := gemfile("", lock, ".ruby-version", "3.3.9", "package.json", "{}")
	for _, name := range []string{"config.ru", "bin/rails", "config/puma.rb", "bin/bundle", ".bundle/config",
		"vendor/bundle/x", "vendor/cache/rack-3.1.0.gem", "yarn.lock", "rakefile", "engines/shop/shop.gemspec",
		"app.gemspec"} {
		tree[name] = ""
	}
	want := &detect.RubyApp{
		Kind: "rack", Gemfile: "Gemfile", Lockfile: "Gemfile.lock", Lock: parsed, Engine: "ruby",
		Rakefile: "rakefile", ConfigRu: true, BinRails: true, PumaConfig: true, BinBundle: true,
		BundleConfig: true, VendorBundle: true, VendorCache: true, LinuxPlatform: true,
		LocalPaths: []string{"engines/shop"}, PackageJSON: true, YarnLock: true,
		Manifests: []string{".bundle/config", ".ruby-version", "Gemfile", "Gemfile.lock", "app.gemspec",
			"engines/shop/shop.gemspec"},
	}
	checkApp(t, detect.ForRuby, tree, want)
	if !want.HasGem("shop") || want.HasGem("rails") {
		t.Error("HasGem: shop must be locked and rails must not")
	}
}
