package ruby

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/extension"
	"slugc/buildpacks/language"
	"slugc/buildpacks/tree"
	"slugc/detect/lazyregexp"
)

// processes declares the app's default processes. The platform merges them with the Procfile, whose
// processes take precedence.
func (b *work) processes() error {
	web := b.web()
	if !b.HasProcfile() && web != "" {
		b.Log.Warn("There is no Procfile, so the web process is `%s`. Add a Procfile to change it.", web)
	}
	rake := ""
	if b.installed("rake") {
		rake = "bundle exec rake"
	}
	console := "bundle exec irb"
	if b.app.Kind == "rails" {
		console = b.railsCommand() + " console"
	}
	for _, p := range [][2]string{{"web", web}, {"worker", b.worker()}, {"rake", rake}, {"console", console}} {
		if p[1] != "" {
			b.AddProcess(p[0], p[1])
		}
	}
	if addons := b.addons(); addons != "" {
		b.Result.Labels = append(b.Result.Labels, libcnb.Label{Key: extension.AddonsLabel, Value: addons})
	}
	return nil
}

const port = "${PORT:-5000}"

// pumaBinds matches the line of config/puma.rb that says where Puma listens.
var pumaBinds = lazyregexp.New(`(?m)^\s*(?:port|bind)\b`)

// web returns the command line of the web process: of the first server whose program is installed, else of
// Rails or rackup with WEBrick; "" for an app that has no server.
func (b *work) web() string {
	if !b.app.ConfigRu && b.app.Kind != "rails" {
		return ""
	}
	if b.program("puma") {
		return b.puma()
	}
	for _, server := range b.servers() {
		if name, _, _ := strings.Cut(server, " "); b.program(name) {
			return "bundle exec " + server
		}
	}
	webrick := b.installed("webrick") || !atLeast(b.ruby.Version, 3) // it was part of Ruby before version 3
	switch {
	case webrick && b.app.Kind == "rails":
		return b.railsCommand() + " server -b 0.0.0.0 -p " + port + " -e $RAILS_ENV"
	case webrick && b.app.ConfigRu && b.program("rackup"):
		return "bundle exec rackup config.ru -o 0.0.0.0 -p " + port
	}
	if !b.HasProcfile() {
		b.Log.Warn("There is no server for the app among the installed gems, so there is no web process: add the " +
			"gem puma outside of the groups that are not installed.")
	}
	return ""
}

func (b *work) puma() string {
	if !b.app.PumaConfig {
		return "bundle exec puma -b tcp://0.0.0.0:" + port
	}
	config, err := readIn(b.Dir, "config/puma.rb")
	if err == nil && !pumaBinds.Match(config) {
		return "bundle exec puma -C config/puma.rb -b tcp://0.0.0.0:" + port
	}
	return "bundle exec puma -C config/puma.rb"
}

// servers returns the command lines of servers other than Puma.
func (b *work) servers() []string {
	unicorn := "unicorn -p " + port
	if tree.IsFile(b.Path("config/unicorn.rb")) {
		unicorn += " -c config/unicorn.rb"
	}
	return []string{
		unicorn,
		"thin start -R config.ru -e $RACK_ENV -p " + port,
		"falcon serve -b http://0.0.0.0:" + port,
		"passenger start -p " + port + " -e $RACK_ENV",
		"iodine -p " + port,
	}
}

func (b *work) railsCommand() string {
	if b.app.BinRails {
		return "bin/rails"
	}
	return "bundle exec rails"
}

// worker returns the command line that runs the app's background jobs; "" if it has no gem for
// them.
func (b *work) worker() string {
	switch {
	case b.installed("sidekiq"):
		return "bundle exec sidekiq"
	case b.installed("solid_queue") && tree.IsFile(b.Path("bin/jobs")):
		return "bin/jobs"
	case b.installed("good_job"):
		return "bundle exec good_job start"
	case b.installed("delayed_job"):
		return "bundle exec rake jobs:work"
	case b.installed("resque"):
		return "QUEUE=${QUEUE:-*} bundle exec rake resque:work"
	}
	return ""
}

// addons names the add-on that the app needs: a database, if it has a driver for it.
func (b *work) addons() string {
	if b.env.enabled("HEROKU_SKIP_DATABASE_PROVISION") {
		return ""
	}
	for _, gem := range []string{"pg", "activerecord-jdbcpostgresql-adapter", "jdbc-postgres", "jdbc-postgresql",
		"jruby-pg", "rjack-jdbc-postgres", "tgbyte-activerecord-jdbcpostgresql-adapter"} {
		if b.app.HasGem(gem) {
			return "heroku-postgresql"
		}
	}
	return ""
}

// concurrency is sourced at launch. The number of processes that the Node buildpack computes is for
// Node and not for a Ruby server.
const concurrency = `if [ "${WEB_CONCURRENCY_SET_BY:-}" = slugc/node ]; then ` +
	"unset WEB_CONCURRENCY WEB_CONCURRENCY_SET_BY; fi\n"

// launch writes the layer "ruby-profile". The app's configuration can change everything except the
// paths.
func (b *work) launch() error {
	layer, err := b.CNB.Layers.Layer("ruby-profile")
	if err != nil {
		return fmt.Errorf("reading layer %q: %w", layer.Name, err)
	}
	if layer, err = language.EmptyLayer(layer); err != nil {
		return err
	}
	config := filepath.Join(layer.Path, "bundle")
	if err := writeConfig(config, b.launchConfig); err != nil {
		return err
	}
	if err := os.Chmod(filepath.Join(config, "config"), 0o644); err != nil {
		return fmt.Errorf("writing Bundler's configuration: %w", err)
	}
	if err := language.WriteProfile(layer.Path, "ruby.sh", concurrency); err != nil {
		return err
	}
	env := layer.LaunchEnvironment
	env.Override("BUNDLE_PATH", b.bundle)
	env.Override("BUNDLE_APP_CONFIG", config)
	env.Override("BUNDLER_VERSION", b.bundler)
	if b.app.Gemfile != "Gemfile" && b.app.Gemfile != "gems.rb" {
		env.Override("BUNDLE_GEMFILE", b.Path(b.app.Gemfile))
	}
	for name, value := range b.launchDefaults() {
		env.Default(name, value)
	}
	if tree.IsDir(b.Path("bin")) {
		env.Prepend("PATH", ":", b.Path("bin"))
	}
	layer.Metadata = map[string]any{"layout": layout}
	b.Contribute(layer, libcnb.LayerTypes{Launch: true})
	if b.app.Kind == "rails" {
		return b.railsApp()
	}
	return nil
}

func (b *work) launchDefaults() map[string]string {
	env := map[string]string{
		"BUNDLE_DEPLOYMENT":            "true",
		"BUNDLE_WITHOUT":               b.without(),
		"BUNDLE_SILENCE_ROOT_WARNING":  "true",
		"BUNDLE_DISABLE_VERSION_CHECK": "true",
		"LANG":                         "C.UTF-8",
		"RACK_ENV":                     "production",
		"PUMA_PERSISTENT_TIMEOUT":      "95",
		"MALLOC_ARENA_MAX":             "2",
		"DISABLE_SPRING":               "1",
	}
	for _, name := range atLaunch {
		if value, set := b.env.user[name]; set {
			env[name] = value
		}
	}
	if b.app.Kind == "rails" {
		env["RAILS_ENV"] = "production"
		if b.rails(4, 2) {
			env["RAILS_SERVE_STATIC_FILES"] = "enabled"
		}
		if b.rails(5, 0) {
			env["RAILS_LOG_TO_STDOUT"] = "enabled"
		}
	}
	return env
}

// railsApp makes the directories that the server of Rails writes to, and warns of what the app
// still needs at launch.
func (b *work) railsApp() error {
	b.warnSecrets()
	root, err := os.OpenRoot(b.Dir)
	if err != nil {
		return fmt.Errorf("opening the app: %w", err)
	}
	defer root.Close()
	for _, dir := range []string{"tmp/pids", "log"} {
		if err := root.MkdirAll(filepath.FromSlash(dir), 0o755); err != nil {
			b.Log.Warn("%s can't be made: %s.", dir, strings.TrimPrefix(err.Error(), "mkdirat "))
		}
	}
	return nil
}
