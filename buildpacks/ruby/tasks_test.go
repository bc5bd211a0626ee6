package ruby_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/extension"
)

// TestAssets compiles assets twice: what compilers keep is lent to the second build and stays out
// of the app.
func TestAssets(t *testing.T) {
	b := newBench(t)
	must(t, os.MkdirAll(b.path("app/tmp"), 0o755))
	tree := fixture(t, "ruby-assets").with("tmp/compiled.js", "// by node\n", "Rakefile",
		"# node is not here\n"+fixture(t, "ruby-assets")["Rakefile"], "bin/node", "#!/bin/sh\necho v22.0.0\n")
	cold := b.mustBuild(tree)
	contains(t, cold.log, "Running bundle exec rake assets:precompile", "the cache is cold")
	manifest, err := os.ReadFile(b.path("app/public/assets/manifest.json"))
	must(t, err)
	if _, err := os.Stat(b.path("app/tmp/cache")); err == nil {
		t.Error("the compilers' cache is in the app")
	}
	warm := b.mustBuild(tree)
	contains(t, warm.log, "the cache is warm", "Using the gems from the cache")
	again, err := os.ReadFile(b.path("app/public/assets/manifest.json"))
	must(t, err)
	if string(again) != string(manifest) {
		t.Errorf("assets differ: %s, then %s", manifest, again)
	}
	checked := b.mustBuild(tree.with("public/assets/.manifest.json", "{}"))
	contains(t, checked.log, "public/assets/.manifest.json is checked in, so the assets are taken as they are")
	lacks(t, checked.log, "the cache is")

	broken := b.mustBuild(tree.with("Rakefile", "require \"nowhere\"\n"))
	contains(t, broken.log,
		"The tasks of Rakefile are not known, for it can't be loaded: LoadError: cannot load such file -- nowhere")
}

// TestRails builds an app that has Rails' gems, and looks at what tasks and the launch are given.
func TestRails(t *testing.T) {
	b := newBench(t)
	b.env["SECRET_TOKEN"] = "kept-from-gems" // reaches the app's own tasks alone
	tree := app("pg 1.5.0", railties, rake, "sidekiq 7.2.0").with("bin/rails", "#!/usr/bin/env ruby3.0\n", "Rakefile",
		`task "assets:precompile" do
  puts %w[RAILS_ENV RACK_ENV RAILS_GROUPS SECRET_KEY_BASE_DUMMY SECRET_KEY_BASE DATABASE_URL SECRET_TOKEN].map { |name| "#{name}=#{ENV[name].inspect}" }.join(" ")
end
`, "bin/bundle", "#!/usr/bin/env ruby\n", "vendor/bundle/x", "y")
	o := b.mustBuild(tree)
	contains(t, o.log,
		`RAILS_ENV="production" RACK_ENV="production" RAILS_GROUPS="assets" SECRET_KEY_BASE_DUMMY="1" SECRET_KEY_BASE=nil DATABASE_URL="postgres://user:pass@127.0.0.1/dbname" SECRET_TOKEN="[secret]"`,
		"Set SECRET_KEY_BASE in the running app's configuration", "bin/bundle is checked in",
		"vendor/bundle is checked in", "in their first line, which may not be there: bin/rails")
	want := map[string]string{
		"web": "bin/rails server -b 0.0.0.0 -p ${PORT:-5000} -e $RAILS_ENV", "worker": "bundle exec sidekiq", "rake": "bundle exec rake", "console": "bin/rails console",
	}
	if diff := cmp.Diff(want, o.processes()); diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
	if len(o.launch.Labels) != 1 || o.launch.Labels[0].Key != extension.AddonsLabel ||
		o.launch.Labels[0].Value != "heroku-postgresql" {
		t.Errorf("labels %v", o.launch.Labels)
	}
	env := map[string]bool{}
	for _, entry := range b.launchEnv() {
		env[entry] = true
	}
	for _, entry := range []string{"RAILS_ENV=production", "RACK_ENV=production", "RAILS_LOG_TO_STDOUT=enabled",
		"RAILS_SERVE_STATIC_FILES=enabled", "BUNDLE_WITHOUT=development:test", "MALLOC_ARENA_MAX=2"} {
		if !env[entry] {
			t.Errorf("the launch environment has no %s", entry)
		}
	}
	for entry := range env {
		lacks(t, entry, "SECRET_KEY_BASE", "kept-from-gems", "DATABASE_URL")
	}
	for _, name := range []string{"tmp/pids", "log"} {
		if _, err := os.Stat(b.path("app/" + name)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(b.path("app/vendor/bundle")); err == nil {
		t.Error("the checked-in vendor/bundle is in the slug")
	}

	b.env["HEROKU_SKIP_DATABASE_PROVISION"], b.env["RAILS_ENV"], b.env["SECRET_KEY_BASE"] = "1", "staging", "a-real-secret"
	o = b.mustBuild(tree)
	contains(t, o.log, `RAILS_ENV is "staging" at this build, not production`, `RAILS_ENV="staging"`,
		`SECRET_KEY_BASE_DUMMY=nil SECRET_KEY_BASE="[secret]"`)
	if len(o.launch.Labels) != 0 {
		t.Errorf("labels %v", o.launch.Labels)
	}
}
