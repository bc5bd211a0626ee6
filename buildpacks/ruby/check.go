package ruby

import (
	"fmt"
	"os"

	"slugc/buildpacks/diagnosis"
)

// checkEngine rejects other engines than MRI before anything is fetched.
func (b *work) checkEngine() error {
	engine := b.app.Engine
	if engine == "ruby" {
		return nil
	}
	name := map[string]string{"jruby": "JRuby", "truffleruby": "TruffleRuby"}[engine]
	if name == "" {
		name = engine
	}
	return &diagnosis.Diagnosis{
		ID: "ruby/engine-unsupported", Place: b.app.Gemfile,
		Summary: fmt.Sprintf("%s asks for %s, and only MRI, the standard Ruby, is supported.", b.app.Gemfile, name),
		Hints: []string{
			fmt.Sprintf("remove the engine from the ruby line of %[1]s, run `bundle update --ruby` with MRI, "+
				"and commit %[1]s and %[2]s", b.app.Gemfile, b.app.Lockfile),
			"replace gems that need the JVM (jdbc-…, activerecord-jdbc-…) by their MRI counterparts, such as pg",
		},
	}
}

// checkApp rejects what is known not to work, and warns of what is unusual, before the costly
// steps.
func (b *work) checkApp() error {
	if d := b.checkPuma(); d != nil {
		return d
	}
	if b.app.VendorBundle {
		b.Log.Warn("vendor/bundle is committed: gems that were installed on another machine are not used. " +
			"Use `bundle cache` to vendor gems, and remove it with `git rm -r --cached vendor/bundle`.")
		if err := os.RemoveAll(b.Path("vendor/bundle")); err != nil {
			return fmt.Errorf("removing the committed vendor/bundle: %w", err)
		}
	}
	if b.app.BinBundle {
		b.Log.Warn("bin/bundle is committed. It may ask for a Bundler that is not installed; " +
			"remove it with `git rm bin/bundle`.")
	}
	if err := b.repairScripts(); err != nil {
		return err
	}
	if b.app.HasGem("asset_sync") {
		b.Log.Warn("The gem asset_sync is in the bundle: it makes every build depend on a remote storage. " +
			"Consider a content delivery network in front of the app.")
	}
	if version, ok := b.app.Lock.Gem("sprockets"); ok && isSprocketsBeta(version) {
		b.Log.Warn("sprockets %s is a pre-release with known faults: upgrade to 4.0 or later.", version)
	}
	return nil
}

// checkPuma rejects Puma 7.0.0 to 7.0.2, which ignores PUMA_PERSISTENT_TIMEOUT and closes
// connections that a router still uses.
func (b *work) checkPuma() *diagnosis.Diagnosis {
	version, ok := b.app.Lock.Gem("puma")
	if !ok || !atLeast(version, 7) || atLeast(version, 7, 0, 3) || b.env.user["PUMA_PERSISTENT_TIMEOUT"] != "" {
		return nil
	}
	return &diagnosis.Diagnosis{
		ID: "ruby/puma-broken-keepalive", Place: b.app.Lockfile, Summary: fmt.Sprintf(
			"Puma %s closes connections that a router still uses: requests would fail at random.", version),
		Hints: []string{"run `bundle update puma` to get 7.0.3 or later and commit " + b.app.Lockfile,
			"or set PUMA_PERSISTENT_TIMEOUT in the build's configuration once config/puma.rb sets persistent_timeout"},
	}
}
