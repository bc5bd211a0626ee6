package detect

import "slugc/detect/gemlock"

// RubyApp holds the facts of a Ruby app.
type RubyApp struct {
	// Kind is "rails" (gem railties, or rails before 3), "rack" (gem rack) or "plain", by the
	// locked gems.
	Kind          string
	RailsVersion  string        // locked version of railties or rails; "" if there is none
	Gemfile       string        // "Gemfile", "gems.rb" or what BUNDLE_GEMFILE names
	Lockfile      string        // "Gemfile.lock", "gems.locked" or the named Gemfile's
	Lock          *gemlock.Lock // the parsed lock file, never nil
	Engine        string        // "ruby", "jruby", "truffleruby"
	Rakefile      string        // the Rakefile that rake uses; "" if there is none
	ConfigRu      bool          // config.ru exists
	BinRails      bool          // bin/rails exists
	PumaConfig    bool          // config/puma.rb exists
	BinBundle     bool          // bin/bundle exists; it loads a Bundler that `bundle clean` can remove
	BundleConfig  bool          // .bundle/config is committed; it would override the build's settings
	VendorBundle  bool          // vendor/bundle is committed: gems that another machine installed
	VendorCache   bool          // vendor/cache holds .gem files, which install without a network
	LinuxPlatform bool          // the lock file's PLATFORMS include Linux or "ruby"
	LocalPaths    []string      // directories of `path:` gems, "lib" or "../../lib", in the lock file's order
	NodeFor       []string      // gems that need Node at build time: "execjs", "webpacker"
	PackageJSON   bool          // package.json exists
	YarnLock      bool          // yarn.lock exists
	Manifests     []string      // all files that determine an install, sorted: Gemfile, lock, version files, gemspecs
}

// HasGem reports whether a gem is locked.
func (a *RubyApp) HasGem(name string) bool {
	_, ok := a.Lock.Gem(name)
	return ok
}

func (a *RubyApp) nodeReasons() []Reason {
	var reasons []Reason
	for _, gem := range a.NodeFor {
		reasons = append(reasons, Reason{For: true, Text: "gem " + gem + " needs Node", File: a.Lockfile})
	}
	return reasons
}
