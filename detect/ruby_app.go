package detect

import "slugc/detect/gemlock"

// RubyApp is what the Ruby detector learnt of an app.
type RubyApp struct {
	// "rails" (gem railties, or rails before 3), "rack" (gem rack) or "plain", from the locked gems
	Kind          string
	RailsVersion  string        // locked version of railties or rails; "" for an app without
	Gemfile       string        // "Gemfile" or "gems.rb"
	Lockfile      string        // "Gemfile.lock" or "gems.locked"
	Lock          *gemlock.Lock // the lock file's content, never nil
	Engine        string        // "ruby", "jruby", "truffleruby"
	Rakefile      string        // the Rakefile in force; "" where there is none
	ConfigRu      bool          // config.ru exists
	BinRails      bool          // bin/rails exists
	PumaConfig    bool          // config/puma.rb exists
	BinBundle     bool          // bin/bundle exists: `bundle clean` can remove the Bundler it loads
	BundleConfig  bool          // .bundle/config is checked in and would override the build's settings
	VendorBundle  bool          // vendor/bundle is checked in: installed gems of another machine
	VendorCache   bool          // vendor/cache holds .gem files: an install needs no network for them
	LinuxPlatform bool          // PLATFORMS has "ruby" or a Linux
	LocalPaths    []string      // directories of path: gems inside the tree, cleaned, in the lock file's order
	NodeFor       []string      // gems that need Node at build time: "execjs", "webpacker"
	PackageJSON   bool          // package.json exists
	YarnLock      bool          // yarn.lock exists
	Manifests     []string      // every file that decides an install: Gemfile, lock, version files, gemspecs, sorted
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
