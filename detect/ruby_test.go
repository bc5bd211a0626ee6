package detect_test

import (
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
	f := files{"Gemfile": content, "Gemfile.lock": lock}
	for i := 0; i < len(more); i += 2 {
		f[more[i]] = more[i+1]
	}
	return f
}

func TestRuby(t *testing.T) {
	const (
		bundler   = "bundler =2.5.23 from Gemfile.lock BUNDLED WITH"
		locked    = "ruby =3.3.9 from Gemfile.lock RUBY VERSION"
		noVersion = "no Ruby version is named; add `ruby \"~> 3.3\"` or another to Gemfile and run `bundle lock`"
	)
	none := lockOf("", "rack 3.1.0")
	check(t, detect.ForRuby, []row{
		{"nothing", files{}, nil, want{reasons: []string{"-no Gemfile and no gems.rb"}}},
		{"wrong case", files{"gemfile": "", "Gemfile.lock": ""}, nil, want{}},
		{"config.ru alone", files{"config.ru": ""}, nil, want{}},
		{"lock alone", files{"Gemfile.lock": none}, nil, want{}},
		{"lock missing", files{"Gemfile": ""}, nil, fails("ruby/lockfile-missing at Gemfile.lock")},
		{"gems.locked missing", files{"gems.rb": "", "Gemfile.lock": none}, nil,
			fails("ruby/lockfile-missing at gems.locked")},
		{"lock broken", gemfile("", "GEM\n  remote: x\n<<<<<<< HEAD\n"), nil,
			fails("ruby/lockfile-invalid at Gemfile.lock:3")},
		{"lock too large", gemfile("", strings.Repeat("# lock\n", 1<<20)), nil,
			fails("ruby/file-too-large at Gemfile.lock")},
		{"lock empty", gemfile("", " "), nil, warned("ruby  from default; bundler  from default", noVersion)},
		{"no version", gemfile("", none), nil, warned("ruby  from default; "+bundler, noVersion)},
		{"locked version", gemfile("", lockOf("3.3.9p170")), nil,
			want{pass: true, requires: []string{locked, bundler},
				reasons: []string{"found Gemfile", "found Gemfile.lock"}}},
		{"locked with CRLF and mark",
			gemfile("\ufeffruby '3.3.9'\r\n", "\ufeff"+strings.ReplaceAll(lockOf("3.3.9p170"), "\n", "\r\n")), nil,
			ok(locked, bundler)},
		{"locked preview", gemfile("", lockOf("3.5.0.preview1")), nil,
			ok("ruby =3.5.0.preview1 from Gemfile.lock RUBY VERSION", bundler)},
		{"gems.rb", files{"gems.rb": `ruby "~> 3.3"`, "gems.locked": none}, nil,
			ok("ruby ~> 3.3 from gems.rb ruby", "bundler =2.5.23 from gems.locked BUNDLED WITH")},
		{"Gemfile and gems.rb", gemfile("", lockOf("3.3.9"), "gems.rb", "", "gems.locked", ""), nil,
			warned(locked+"; "+bundler, "both Gemfile and gems.rb are there; using Gemfile")},
		{"Gemfile requirement", gemfile("source 'x'\nruby '~> 3.3' # why\n", none), nil,
			ok("ruby ~> 3.3 from Gemfile ruby", bundler)},
		{"Gemfile clauses", gemfile(`ruby(">= 3.1", "< 3.5")`, none), nil,
			ok("ruby >= 3.1, < 3.5 from Gemfile ruby", bundler)},
		{"Gemfile exact", gemfile(`ruby "3.3.9"`, none), nil, ok("ruby =3.3.9 from Gemfile ruby", bundler)},
		{"Gemfile with engine", gemfile(`ruby "3.1.4", engine: "jruby", engine_version: "9.4.2.0"`, none), nil,
			ok("jruby =9.4.2.0 from Gemfile ruby", bundler, "jdk  from default")},
		{"Gemfile computed", gemfile(`ruby File.read(".ruby-version")`, none, ".ruby-version", "3.3.9"), nil,
			ok("ruby =3.3.9 from .ruby-version", bundler)},
		{"Gemfile file:", gemfile(`ruby file: ".ruby-version"`, none, ".ruby-version", "3.3.9"), nil,
			ok("ruby =3.3.9 from .ruby-version", bundler)},
		{"Gemfile invalid", gemfile(`ruby "three"`, none), nil, fails("ruby/version-invalid at Gemfile ruby")},
		{"Gemfile agrees", gemfile(`ruby "~> 3.3.0"`, lockOf("3.3.9")), nil, ok(locked, bundler)},
		{"Gemfile disagrees", gemfile(`ruby "~> 3.4"`, lockOf("3.3.9")), nil,
			warned(locked+"; "+bundler,
				"Gemfile.lock RUBY VERSION asks for 3.3.9 and Gemfile ruby says ~> 3.4; using Gemfile.lock")},
		{"~> is RubyGems'", gemfile(`ruby "~> 3.1"`, lockOf("3.3.9")), nil, ok(locked, bundler)},
		{".ruby-version disagrees", gemfile("", lockOf("3.3.9"), ".ruby-version", "ruby-3.4.1"), nil,
			warned(locked+"; "+bundler,
				"Gemfile.lock RUBY VERSION asks for 3.3.9 and .ruby-version says ruby-3.4.1; using Gemfile.lock")},
		{".ruby-version", gemfile("", none, ".ruby-version", "# here\r\nruby-3.3.9@shop\r\n"), nil,
			ok("ruby =3.3.9 from .ruby-version", bundler)},
		{".ruby-version line", gemfile("", none, ".ruby-version", "3.3"), nil,
			ok("ruby ~> 3.3.0 from .ruby-version", bundler)},
		{".ruby-version major", gemfile("", none, ".ruby-version", "3"), nil,
			ok("ruby ~> 3.0 from .ruby-version", bundler)},
		{".ruby-version operator", gemfile("", none, ".ruby-version", "~> 3.3"), nil,
			fails("ruby/version-invalid at .ruby-version")},
		{".ruby-version jruby", gemfile("", none, ".ruby-version", "jruby-9.4.2.0"), nil,
			fails("ruby/version-invalid at .ruby-version")},
		{".ruby-version two lines", gemfile("", none, ".ruby-version", "3.3.9\n3.4.1"), nil,
			fails("ruby/version-invalid at .ruby-version")},
		{".tool-versions", gemfile("", none, ".tool-versions", "ruby 3.3.9\n"), nil,
			ok("ruby =3.3.9 from .tool-versions ruby", bundler)},
		{"mise", gemfile("", none, "mise.toml", "[tools]\nruby = \"3.3\"\n"), nil,
			ok("ruby ~> 3.3.0 from mise.toml tools.ruby", bundler)},
		{".ruby-version and mise agree",
			gemfile("", none, "mise.toml", "[tools]\nruby = \"3.3\"\n", ".ruby-version", "3.3.9"), nil,
			ok("ruby =3.3.9 from .ruby-version", bundler)},
		{"configuration", gemfile("", lockOf("3.3.9")), env{"SLUGC_RUBY_VERSION": "3.3"},
			ok("ruby ~> 3.3.0 from SLUGC_RUBY_VERSION", bundler)},
		{"configuration requirement", gemfile("", none), env{"SLUGC_RUBY_VERSION": ">= 3.2"},
			ok("ruby >= 3.2 from SLUGC_RUBY_VERSION", bundler)},
		{"configuration invalid", gemfile("", none), env{"SLUGC_RUBY_VERSION": "new"},
			fails("ruby/version-invalid at SLUGC_RUBY_VERSION")},
		{"requirements apart", gemfile(`ruby "~> 3.3.0"`, none), env{"SLUGC_RUBY_VERSION": "~> 3.4.0"},
			warned("ruby ~> 3.4.0 from SLUGC_RUBY_VERSION; "+bundler,
				"SLUGC_RUBY_VERSION asks for ~> 3.4.0 and Gemfile ruby says ~> 3.3.0; using SLUGC_RUBY_VERSION")},
		{"jruby", gemfile("", lockOf("3.1.4p0 (jruby 9.4.2.0)"), "system.properties", "java.runtime.version=21\n"),
			nil, ok("jruby =9.4.2.0 from Gemfile.lock RUBY VERSION", bundler, "jdk 21 from system.properties")},
		{"jruby and a Ruby version", gemfile("", lockOf("3.1.4p0 (jruby 9.4.2.0)")),
			env{"SLUGC_RUBY_VERSION": "3.3"},
			warned("jruby =9.4.2.0 from Gemfile.lock RUBY VERSION; "+bundler+"; jdk  from default",
				"SLUGC_RUBY_VERSION asks for 3.3 and Gemfile.lock is locked to jruby 9.4.2.0; using Gemfile.lock")},
		{"jruby with bad Java",
			gemfile("", lockOf("3.1.4p0 (jruby 9.4.2.0)"), "system.properties", "java.runtime.version=new\n"), nil,
			fails("ruby/java-version-invalid at system.properties")},
		{"no Linux", gemfile("", strings.Replace(lockOf("3.3.9"), "  ruby\n", "  arm64-darwin-24\n", 1)), nil,
			warned(locked+"; "+bundler,
				"Gemfile.lock lists the platforms arm64-darwin-24 and no Linux: run `bundle lock --add-platform x86_64-linux` and commit it")},
		{"path gem outside", gemfile("", "PATH\n  remote: ../gem\n  specs:\n    gem (1)\n\n"+lockOf("3.3.9")), nil,
			warned(locked+"; "+bundler, "Gemfile.lock has a gem at ../gem, outside of the app")},
		{"control characters", gemfile("ruby \"3\x1b[31m\"", none), nil, fails("ruby/version-invalid at Gemfile ruby")},
	})
}

func TestRubyLockIgnored(t *testing.T) {
	_, err := detect.ForRuby(detect.Input{FS: files{"Gemfile": "", ".gitignore": "# locks\r\n*.lock\r\n"}.tree()})
	e, ok := err.(*detect.Error)
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
	tree := gemfile("", lock, "config.ru", "", "bin/rails", "", "config/puma.rb", "", "bin/bundle", "",
		".bundle/config", "", "vendor/bundle/x", "", "vendor/cache/rack-3.1.0.gem", "", "package.json", "{}",
		"yarn.lock", "", "rakefile", "", "engines/shop/shop.gemspec", "", "app.gemspec", "", ".ruby-version",
		"3.3.9")
	result, err := detect.ForRuby(detect.Input{FS: tree.tree()})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := gemlock.Parse([]byte(lock))
	if err != nil {
		t.Fatal(err)
	}
	want := &detect.RubyApp{
		Kind: "rack", Gemfile: "Gemfile", Lockfile: "Gemfile.lock", Lock: parsed, Engine: "ruby", Rakefile: "rakefile", ConfigRu: true, BinRails: true, PumaConfig: true, BinBundle: true,
		BundleConfig: true, VendorBundle: true, VendorCache: true, LinuxPlatform: true, LocalPaths: []string{"engines/shop"}, PackageJSON: true, YarnLock: true,
		Manifests: []string{".bundle/config", ".ruby-version", "Gemfile", "Gemfile.lock", "app.gemspec",
			"engines/shop/shop.gemspec"},
	}
	if diff := cmp.Diff(want, result.App); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !want.HasGem("shop") || want.HasGem("rails") {
		t.Error("HasGem")
	}
}
