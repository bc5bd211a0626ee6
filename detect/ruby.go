package detect

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"slugc/detect/gemlock"
)

// ForRuby detects a Ruby app: a Gemfile or gems.rb at the root, or the Gemfile that BUNDLE_GEMFILE in Input.Env
// names, with its lock file. A Gemfile so named that is missing, a lock file
// that is missing or can't be parsed and a version that can't be parsed are an [*Error]. Result.App
// is a [*RubyApp].
func ForRuby(in Input) (Result, error) {
	return newScan(in, Ruby).run((*scan).forRuby)
}

func (s *scan) forRuby() (Result, error) {
	gemfile, lockfile := "Gemfile", "Gemfile.lock"
	if named := strings.TrimSpace(s.env["BUNDLE_GEMFILE"]); named != "" {
		return s.namedGemfile(named)
	}
	if !s.isFile(gemfile) {
		gemfile, lockfile = "gems.rb", "gems.locked"
	}
	if !s.isFile(gemfile) {
		s.reasonAgainst("Gemfile", "no Gemfile and no gems.rb")
		return s.Result, nil
	}
	s.reasonFor(gemfile, "found %s", gemfile)
	if gemfile == "Gemfile" && s.isFile("gems.rb") {
		s.warn("both Gemfile and gems.rb exist; using Gemfile")
	}
	app, err := s.ruby(gemfile, lockfile)
	if err != nil {
		return s.fail(err)
	}
	s.Pass, s.App = true, app
	return s.Result, nil
}

// namedGemfile detects an app by the Gemfile that BUNDLE_GEMFILE names. Other trees are no Ruby app: that the
// variable is set for a Go app, say, means nothing.
func (s *scan) namedGemfile(named string) (Result, error) {
	gemfile := inTree(strings.TrimPrefix(named, "/app/"))
	if gemfile == "" || !s.isFile(gemfile) {
		if !s.isFile("Gemfile") && !s.isFile("gems.rb") {
			s.reasonAgainst("Gemfile", "no Gemfile and no gems.rb")
			return s.Result, nil
		}
		return s.fail(&Error{
			ID:      "ruby/gemfile-missing",
			Summary: fmt.Sprintf("BUNDLE_GEMFILE names %q, which is not a file in the app", named),
			Hints: []string{"name it relative to the app's root, such as Gemfile.next or gemfiles/rails_7.gemfile, " +
				"and commit it with its lock file"},
		})
	}
	lockfile := gemfile + ".lock"
	if path.Base(gemfile) == "gems.rb" {
		lockfile = path.Join(path.Dir(gemfile), "gems.locked")
	}
	s.reasonFor(gemfile, "found %s, which BUNDLE_GEMFILE names", gemfile)
	app, err := s.ruby(gemfile, lockfile)
	if err != nil {
		return s.fail(err)
	}
	s.Pass, s.App = true, app
	return s.Result, nil
}

func (s *scan) ruby(gemfile, lockfile string) (*RubyApp, error) {
	lock, err := s.rubyLock(gemfile, lockfile)
	if err != nil {
		return nil, err
	}
	app := &RubyApp{
		Gemfile: gemfile, Lockfile: lockfile, Lock: lock, Engine: "ruby",
		ConfigRu: s.isFile("config.ru"), BinRails: s.isFile("bin/rails"), PumaConfig: s.isFile("config/puma.rb"),
		BinBundle: s.isFile("bin/bundle"), BundleConfig: s.isFile(".bundle/config"),
		VendorBundle: s.isDir("vendor/bundle"),
		PackageJSON:  s.isFile("package.json"), YarnLock: s.isFile("yarn.lock"),
	}
	for _, name := range []string{"Rakefile", "rakefile", "rakefile.rb", "Rakefile.rb"} {
		if s.isFile(name) {
			app.Rakefile = name
			break
		}
	}
	s.rubyGems(app)
	if s.isDir("vendor/cache") {
		entries, _ := s.list("vendor/cache")
		for _, e := range entries {
			app.VendorCache = app.VendorCache || path.Ext(e.Name()) == ".gem"
		}
	}
	s.rubyManifests(app)
	if s.Requires, err = s.rubyRequires(app); err != nil {
		return nil, err
	}
	return app, nil
}

func (s *scan) rubyLock(gemfile, lockfile string) (*gemlock.Lock, error) {
	b, ok, err := s.read(lockfile)
	if err != nil {
		return nil, err
	}
	if !ok {
		e := &Error{
			ID: "ruby/lockfile-missing", Place: lockfile,
			Summary: fmt.Sprintf("%s is missing, so the gems can't be resolved", lockfile),
			Hints:   []string{fmt.Sprintf("run `bundle lock --add-platform x86_64-linux` and commit %s", lockfile)},
		}
		if line := s.ignoredBy(lockfile); line != "" {
			e.Hints = append([]string{fmt.Sprintf("%s is listed in %s: remove it there", lockfile, line)}, e.Hints...)
		}
		return nil, e
	}
	lock, err := gemlock.Parse(b)
	if syntax, ok := errors.AsType[*gemlock.SyntaxError](err); ok {
		return nil, &Error{
			ID: "ruby/lockfile-invalid", Place: fmt.Sprintf("%s:%d", lockfile, syntax.Line),
			Summary: fmt.Sprintf("%s is not valid: %s", lockfile, syntax.Cause),
			Hints: []string{fmt.Sprintf("if a merge left it like this, run `git checkout --theirs %[1]s`; "+
				"then run `bundle lock` and commit %[1]s", lockfile)},
		}
	}
	s.reasonFor(lockfile, "found %s", lockfile)
	return lock, err
}

// rubyGems derives from the locked gems the kind of the app, what it needs Node for, and the
// platforms it can be installed on.
func (s *scan) rubyGems(app *RubyApp) {
	app.Kind = "plain"
	if version, ok := app.Lock.Gem("railties"); ok {
		app.Kind, app.RailsVersion = "rails", version
	} else if version, ok := app.Lock.Gem("rails"); ok {
		app.Kind, app.RailsVersion = "rails", version
	} else if app.HasGem("rack") {
		app.Kind = "rack"
	}
	for _, gem := range []string{"execjs", "webpacker"} {
		if app.HasGem(gem) {
			app.NodeFor = append(app.NodeFor, gem)
		}
	}
	for _, platform := range app.Lock.Platforms {
		app.LinuxPlatform = app.LinuxPlatform || platform == "ruby" || platform == "java" ||
			strings.Contains(platform, "linux")
	}
	if !app.LinuxPlatform && len(app.Lock.Platforms) > 0 {
		s.warn("%s lists the platforms %s and no Linux: run `bundle lock --add-platform x86_64-linux` and commit it",
			app.Lockfile, strings.Join(app.Lock.Platforms, ", "))
	}
	for _, source := range app.Lock.Sources {
		if source.Kind != "PATH" {
			continue
		}
		for _, remote := range source.Remotes {
			// Bundler writes them relative to the Gemfile.
			if dir := s.reach(path.Join(path.Dir(app.Gemfile), remote)); dir != "" && !path.IsAbs(remote) {
				app.LocalPaths = append(app.LocalPaths, dir)
			} else {
				s.warn("%s has a gem at %s, outside of the app", app.Lockfile, remote)
			}
		}
	}
}

func (s *scan) rubyManifests(app *RubyApp) {
	for _, name := range []string{app.Gemfile, app.Lockfile, ".ruby-version", ".tool-versions", ".bundle/config"} {
		if s.isFile(name) {
			app.Manifests = append(app.Manifests, name)
		}
	}
	for _, dir := range append([]string{"."}, app.LocalPaths...) {
		entries, err := s.list(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if e.Type().IsRegular() && path.Ext(e.Name()) == ".gemspec" {
				app.Manifests = append(app.Manifests, path.Join(dir, e.Name()))
			}
		}
	}
	slices.Sort(app.Manifests)
	app.Manifests = slices.Compact(app.Manifests)
}
