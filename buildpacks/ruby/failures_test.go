package ruby_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/diagnosis"
)

// TestFailures builds apps that are wrong and holds what is said of each, by what the real Bundler
// and rake print.
func TestFailures(t *testing.T) {
	b := newBench(t)
	b.lasts = true
	git := b.gems.URL + "/git/"
	gitApp := func(repository string) files {
		return files{
			"Gemfile": gemSource + "gem \"greeter\", git: \"" + git + repository + "\"\n",
			"Gemfile.lock": lock("GIT\n  remote: "+git+repository+"\n  revision: 1111111111111111111111111111111111111111\n  specs:\n    greeter (0.1.0)\n\n"+noGems,
				"  greeter!\n"),
		}
	}
	tests := []struct {
		name string
		tree files
		env  map[string]string
		want diagnosis.Diagnosis
	}{
		{"engine in the lock file", fixture(t, "ruby-jruby"), nil, diagnosis.Diagnosis{
			ID: "ruby/engine-unsupported", Place: "Gemfile", Summary: "Gemfile asks for JRuby, and only MRI, the standard Ruby, is supported.",
			Hints: []string{"take the engine out of the ruby line of Gemfile, run `bundle update --ruby` with MRI, and commit Gemfile and Gemfile.lock",
				"replace gems that need the JVM (jdbc-…, activerecord-jdbc-…) by their MRI counterparts, such as pg"},
		}},
		{
			"engine in the Gemfile",
			app(rack).with("Gemfile", gemSource+"ruby '3.1.4', :engine => 'truffleruby', :engine_version => '22'\n"),
			nil,
			diagnosis.Diagnosis{
				ID: "ruby/engine-unsupported", Place: "Gemfile", Summary: "Gemfile asks for TruffleRuby, and only MRI, the standard Ruby, is supported.",
				Hints: []string{"take the engine out of the ruby line of Gemfile, run `bundle update --ruby` with MRI, and commit Gemfile and Gemfile.lock",
					"replace gems that need the JVM (jdbc-…, activerecord-jdbc-…) by their MRI counterparts, such as pg"},
			},
		},
		{"no lock file", app(rack).with("Gemfile.lock", ""), nil,
			diagnosis.Diagnosis{ID: "ruby/lockfile-missing", Place: "Gemfile.lock",
				Summary: "Gemfile.lock is missing, so the gems can't be resolved.",
				Hints:   []string{"run `bundle lock --add-platform x86_64-linux` and commit Gemfile.lock"}}},
		{
			"Ruby",
			app(rack).with("Gemfile", gemSource+"ruby \"3.3.9\"\ngem \"rack\"\n"),
			map[string]string{"SLUGC_RUBY_VERSION": "3.1.2"},
			diagnosis.Diagnosis{
				ID: "ruby/ruby-version-mismatch", Place: "Gemfile", Summary: "This build uses Ruby 3.1.2, and Gemfile asks for 3.3.9.",
				Hints: []string{"run `bundle update --ruby` with the Ruby you want and commit Gemfile.lock",
					"or unset SLUGC_RUBY_VERSION, if it names another"},
			},
		},
		{"lock file", app(rack).with("Gemfile", gemSource+"gem \"rake\"\n"), nil,
			diagnosis.Diagnosis{ID: "ruby/lockfile-out-of-sync", Place: "Gemfile.lock",
				Summary: "Gemfile.lock does not match Gemfile.",
				Hints:   []string{"run `bundle install` and commit Gemfile.lock", "added to the Gemfile: rake", "deleted from the Gemfile: rack"}}},
		{
			"platform",
			app(rack).with("Gemfile.lock",
				strings.Replace(app(rack)["Gemfile.lock"], "x86_64-linux", "arm64-darwin-22", 1)),
			nil,
			diagnosis.Diagnosis{
				ID: "ruby/lock-platform-missing", Place: "Gemfile.lock", Summary: "Gemfile.lock was made for arm64-darwin-22, and the app is built for x86_64-linux.",
				Hints: []string{"run `bundle lock --add-platform x86_64-linux` and commit Gemfile.lock"},
			},
		},
		{"gem", app("rack 9.9.9"), nil,
			diagnosis.Diagnosis{ID: "ruby/gem-missing", Place: "Gemfile.lock",
				Summary: "The gem rack is in none of the sources.",
				Hints:   []string{"check that this version was not withdrawn; run `bundle update` for the gem and commit Gemfile.lock"}}},
		{"no such gem", app("nosuch 1.0"), nil,
			diagnosis.Diagnosis{ID: "ruby/gem-missing", Place: "Gemfile.lock",
				Summary: "The gem nosuch is in none of the sources.",
				Hints:   []string{"check that this version was not withdrawn; run `bundle update` for the gem and commit Gemfile.lock"}}},
		{"sqlite3", app("sqlite3 1.4.2"), nil,
			diagnosis.Diagnosis{ID: "ruby/sqlite3-unsupported", Place: "Gemfile",
				Summary: "The gem sqlite3 can't be compiled here, and its database would be lost whenever the app restarts.",
				Hints:   []string{"move sqlite3 to the groups development and test of the Gemfile and use a database server, such as PostgreSQL with the gem pg, in production"}}},
		{"extension", app("brokenext 1.0.0"), nil, diagnosis.Diagnosis{
			ID: "ruby/extension-failed", Place: "Gemfile.lock", Summary: "The native extension of brokenext 1.0.0 does not compile.", Hints: []string{
				"it said: brokenext.c:2:10: fatal error: libnowhere/nowhere.h: No such file or directory",
				"install on the build machine the library and headers that brokenext needs, or take a version with a precompiled gem for this platform"},
		}},
		{
			"path gem",
			files{
				"Gemfile":      gemSource + "gem \"x\", path: \"gems/x\"\n",
				"Gemfile.lock": lock("PATH\n  remote: gems/x\n  specs:\n    x (1.0)\n\n"+noGems, "  x!\n"),
			},
			nil,
			diagnosis.Diagnosis{
				ID: "ruby/path-missing", Place: "Gemfile", Summary: "Gemfile has a gem at gems/x, which is not in the app.", Hints: []string{"commit that directory, or list it in no .gitignore and .slugignore"},
			},
		},
		{"git revision", gitApp("greeter.git"), nil,
			diagnosis.Diagnosis{ID: "ruby/git-ref-missing", Place: "Gemfile.lock",
				Summary: "The repository " + git + "greeter.git has no revision 1111111111111111111111111111111111111111 any more.",
				Hints:   []string{"run `bundle update` for the gem of that repository and commit Gemfile.lock"}}},
		{"git repository", gitApp("none.git"), map[string]string{"BUNDLE_RETRY": "0"},
			diagnosis.Diagnosis{ID: "ruby/git-unreachable", Place: "Gemfile",
				Summary: "The git repository " + git + "none.git can't be fetched.",
				Hints:   []string{"check its address, and give a private one credentials: `BUNDLE_GITHUB__COM=user:token` in the build's configuration"}}},
		{"Gemfile", app(rack).with("Gemfile", gemSource+"gme \"rack\"\n"), nil,
			diagnosis.Diagnosis{ID: "ruby/gemfile-invalid", Place: "Gemfile:2",
				Summary: "Gemfile can't be read: Undefined local variable or method `gme' for Gemfile.",
				Hints:   []string{"run `bundle check` and repair what it says"}}},
		{
			"lock file by hand",
			app(
				rack,
			).with("Gemfile.lock",
				strings.Replace(app(rack)["Gemfile.lock"], "    rack (2.2.22)\n",
					"    rack (2.2.22)\n    rack (2.2.22)\n      rack (nonsense)\n", 1)),
			nil,
			diagnosis.Diagnosis{
				ID: "ruby/lockfile-invalid", Place: "Gemfile.lock", Summary: "Bundler can't read Gemfile.lock.", Hints: []string{"run `git checkout` for the last good Gemfile.lock, then `bundle lock`, and commit it"},
			},
		},
		{"Puma", app("puma 7.0.1 nio4r", "nio4r 2.5.8-x86_64-linux"), nil, diagnosis.Diagnosis{
			ID: "ruby/puma-broken-keepalive", Place: "Gemfile.lock", Summary: "Puma 7.0.1 closes connections that a router still uses: requests would fail at random.",
			Hints: []string{"run `bundle update puma` to get 7.0.3 or later and commit Gemfile.lock",
				"or set PUMA_PERSISTENT_TIMEOUT in the build's configuration once config/puma.rb sets persistent_timeout"},
		}},
		{"precompile",
			app(rake).with("Rakefile", "task(\"assets:precompile\") { warn \"no style.css\"; exit 3 }\n"), nil,
			diagnosis.Diagnosis{ID: "ruby/assets-precompile-failed",
				Summary: "`bundle exec rake assets:precompile --trace` failed (exit status 3).",
				Hints:   []string{"it said: no style.css"}}},
		{
			"database",
			app(rake, "pg 1.5.0").with("Rakefile",
				"require \"socket\"; require \"uri\"\ntask(\"assets:precompile\") { u = URI(ENV[\"DATABASE_URL\"]); TCPSocket.new(u.host, 1) }\n"),
			nil,
			diagnosis.Diagnosis{
				ID: "ruby/database-during-assets", Summary: "The app asks for its database while its assets are compiled, and there is none at build.", Hints: []string{
					"keep initializers and classes from querying the database when they are loaded",
					"or set DATABASE_URL in the build's configuration",
					"it said: Errno::ECONNREFUSED: Connection refused - connect(2) for \"127.0.0.1\" port 1"},
			},
		},
		{
			"sprockets",
			app(rake).with("Rakefile",
				"module Sprockets; class FileNotFound < StandardError; end; end\ntask(\"assets:precompile\") { raise Sprockets::FileNotFound, \"couldn't find file 'x'\" }\n"),
			nil,
			diagnosis.Diagnosis{
				ID: "ruby/sprockets-file-not-found", Summary: "Sprockets does not find an asset: couldn't find file 'x'.", Hints: []string{"commit the file, or correct the name that asks for it"},
			},
		},
		{
			"Rakefile of Rails",
			app(railties, rake).with("Rakefile", "require \"rspec/core/rake_task\"\n"),
			nil,
			diagnosis.Diagnosis{
				ID: "ruby/rakefile-broken", Place: "Rakefile", Summary: "The Rakefile can't be loaded with the gems of the production group.", Hints: []string{"run `RAILS_ENV=production BUNDLE_WITHOUT=development:test bundle exec rake -P` and repair what it says",
					"it said: rake aborted!", "it said: LoadError: cannot load such file -- rspec/core/rake_task"},
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b.t, b.env = t, map[string]string{}
			for name, value := range test.env {
				b.env[name] = value
			}
			o := b.build(test.tree)
			if o.ok {
				t.Fatalf("the build succeeds:\n%s", o.log)
			}
			if diff := cmp.Diff(&test.want, o.wrong); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, o.log)
			}
		})
	}
}

// TestUnreachable: with no gem source the failure is one that another try may not meet.
func TestUnreachable(t *testing.T) {
	b := newBench(t)
	b.mirror, b.env["BUNDLE_RETRY"] = "http://127.0.0.1:1", "0"
	o := b.build(app(rack))
	want := &diagnosis.Diagnosis{
		ID: "ruby/source-unreachable", Summary: "The gem source http://127.0.0.1:1 can't be reached.", Transient: true,
		Hints: []string{"try again; if it persists, check SLUGC_GEM_MIRROR and the proxy settings, or vendor the gems with `bundle cache`"},
	}
	if diff := cmp.Diff(want, o.wrong); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, o.log)
	}
}
