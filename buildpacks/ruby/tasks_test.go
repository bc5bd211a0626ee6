package ruby_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/buildpacks/libcnb/v2"
	"github.com/google/go-cmp/cmp"

	"slugc/buildpacks/command"
	"slugc/buildpacks/extension"
	"slugc/cache/testkit"
)

// TestAssets compiles assets twice. The caches of compilers are restored for the second build and
// are not in the app.
func TestAssets(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t)
	tree := fixture(t, "ruby-assets").with("tmp/compiled.js", "// by node\n", "Rakefile",
		"# node is not here\n"+fixture(t, "ruby-assets")["Rakefile"], "bin/node", "#!/bin/sh\necho v22.0.0\n")
	b.mustBuild(tree).Says(t, "Running bundle exec rake assets:precompile", "the cache is cold")
	manifest := testkit.Read(t, filepath.Join(b.App, "public/assets/manifest.json"))
	if testkit.Exists(b.App, "tmp/cache") {
		t.Error("the compilers' cache is in the app")
	}
	b.mustBuild(tree).Says(t, "the cache is warm", "Using the gems from the cache")
	if again := testkit.Read(t, filepath.Join(b.App, "public/assets/manifest.json")); again != manifest {
		t.Errorf("assets differ: %s, then %s", manifest, again)
	}
	committed := b.mustBuild(tree.with("public/assets/.manifest.json", "{}"))
	committed.Says(t, "public/assets/.manifest.json is committed, so the committed assets are used")
	committed.lacks(t, "the cache is")

	b.mustBuild(tree.with("Rakefile", "require \"nowhere\"\n")).Says(t, "The tasks of Rakefile are unknown "+
		"because it can't be loaded: LoadError: cannot load such file -- nowhere")
}

// railsApp is an app with the gems of Rails, whose assets:precompile prints its environment.
var railsApp = app(
	"pg 1.5.0",
	railties,
	rake,
	"sidekiq 7.2.0",
	"webrick 1.8.1",
).with("bin/rails", "#!/usr/bin/env ruby3.0\n",
	"bin/bundle", "#!/usr/bin/env ruby\n", "vendor/bundle/x", "y", "Rakefile", `task "assets:precompile" do
  names = %w[RAILS_ENV RACK_ENV RAILS_GROUPS SECRET_KEY_BASE_DUMMY SECRET_KEY_BASE DATABASE_URL SECRET_TOKEN]
  puts names.map { |name| "#{name}=#{ENV[name].inspect}" }.join(" ")
end
`)

// TestRails checks what the tasks of a Rails app and its launch get.
func TestRails(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t)
	b.Config["SECRET_TOKEN"] = "kept-from-gems" // only the app's own tasks get it
	o := b.mustBuild(railsApp)
	o.Says(
		t,
		`RAILS_ENV="production" RACK_ENV="production" RAILS_GROUPS="assets" SECRET_KEY_BASE_DUMMY="1" `+
			`SECRET_KEY_BASE=nil DATABASE_URL="postgres://user:pass@127.0.0.1/dbname" SECRET_TOKEN="[secret]"`,
		"Set SECRET_KEY_BASE in the running app's configuration",
		"bin/bundle is committed",
		"vendor/bundle is committed",
		"Repaired in the slug, so that they run on Linux: bin/rails (first line #!/usr/bin/env ruby3.0).",
	)
	want := map[string]string{
		"web":    "bin/rails server -b 0.0.0.0 -p ${PORT:-5000} -e $RAILS_ENV",
		"worker": "bundle exec sidekiq", "rake": "bundle exec rake", "console": "bin/rails console",
	}
	if diff := cmp.Diff(want, o.Processes()); diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
	labels := []libcnb.Label{{Key: extension.AddonsLabel, Value: "heroku-postgresql"}}
	if diff := cmp.Diff(labels, o.Launch.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	b.checkRailsLaunch()
	for _, name := range []string{"tmp/pids", "log"} {
		if !testkit.Exists(b.App, name) {
			t.Errorf("there is no %s", name)
		}
	}
	if testkit.Exists(b.App, "vendor/bundle") {
		t.Error("the committed vendor/bundle is in the slug")
	}

	b.Config["HEROKU_SKIP_DATABASE_PROVISION"], b.Config["RAILS_ENV"] = "1", "staging"
	b.Config["SECRET_KEY_BASE"] = "a-real-secret"
	o = b.mustBuild(railsApp)
	o.Says(t, `RAILS_ENV is "staging" in this build, not production`, `RAILS_ENV="staging"`,
		`SECRET_KEY_BASE_DUMMY=nil SECRET_KEY_BASE="[secret]"`)
	if len(o.Launch.Labels) != 0 {
		t.Errorf("labels %v", o.Launch.Labels)
	}
}

// checkRailsLaunch checks the launch environment of railsApp: the files env and env.launch of
// layers.
func (b *bench) checkRailsLaunch() {
	t := b.T
	t.Helper()
	env := map[string]string{}
	for _, pattern := range []string{"*/env/*", "*/env.launch/*"} {
		found, err := filepath.Glob(b.Layer(pattern))
		must(t, err)
		for _, file := range found {
			name, _, _ := strings.Cut(filepath.Base(file), ".")
			env[name] = testkit.Read(t, file)
		}
	}
	for name, want := range map[string]string{
		"RAILS_ENV": "production", "RACK_ENV": "production", "RAILS_LOG_TO_STDOUT": "enabled",
		"RAILS_SERVE_STATIC_FILES": "enabled", "BUNDLE_WITHOUT": "development:test", "MALLOC_ARENA_MAX": "2",
	} {
		if env[name] != want {
			t.Errorf("the launch environment has %s=%q, want %q", name, env[name], want)
		}
	}
	for name, value := range env {
		for _, secret := range []string{"SECRET_KEY_BASE", "kept-from-gems", "DATABASE_URL"} {
			if strings.Contains(name+"="+value, secret) {
				t.Errorf("the launch environment has %s=%s", name, value)
			}
		}
	}
}

// TestTasksWithoutNetwork holds that the Rakefile is loaded and run without network where the network is for
// what fetches gems: the prefix of such commands stands in for a network namespace.
func TestTasksWithoutNetwork(t *testing.T) {
	t.Parallel()
	b := newWarmBench(t)
	b.Steps.Offline = command.Step{Prefix: []string{"/usr/bin/env", "STEP=offline"}, Hint: "no network"}
	tree := app(rake).with("Rakefile", `loaded = ENV["STEP"]
task("assets:precompile") { puts "loaded #{loaded}, run #{ENV["STEP"]}" }
`)
	b.mustBuild(tree).Says(t, "loaded offline, run offline")
}
