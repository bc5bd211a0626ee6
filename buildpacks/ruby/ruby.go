// Package ruby is slugc's Ruby buildpack: a Cloud Native Buildpack that installs the gems of a
// Gemfile.lock with Bundler, runs the app's assets:precompile, and declares how to start the app.
//
//	libcnb.BuildpackMain(ruby.Detect, ruby.Build) // is the whole buildpack
//
// Everything is in layers; only rake writes to the app directory:
//
//	ruby            the runtime, a relocatable tree without headers, see [Runtime] (build, launch, cache)
//	ruby-bundler    the Bundler of BUNDLED WITH, if it is not the runtime's (build, launch, cache)
//	ruby-gems       BUNDLE_PATH; lib/ has shared libraries of the machine that compiled gems need
//	                (build, launch, cache)
//	ruby-profile    the launch environment, and Bundler's configuration at launch (launch)
//	ruby-downloads  .gem files and git repositories (cache)
//	ruby-assets     what asset compilers keep between builds (cache)
//
// The names determine the order of PATH: the app's bin, then the gems', Bundler's and the
// runtime's.
//
// The gems have a key of everything that determines them (work.parts). If the key is that of the
// last build, Bundler is not run. If only the lock file or the Gemfile has changed, Bundler
// installs what is missing and removes what is no longer wanted; else it installs from scratch. After
// an install that failed the next goes on with what was whole. A layer without metadata is left over
// from a build that was killed, and is emptied.
//
// A committed .bundle/config does not configure the build: BUNDLE_APP_CONFIG names another
// directory, at build and at launch, with the settings of it that are harmless.
//
// [Build] runs in a process of its own, because libcnb reads the working directory and the
// environment. It supports MRI, the standard Ruby, and no other engine.
package ruby

import (
	"errors"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/language"
	"slugc/detect"
)

// ID is the buildpack's id, as in its buildpack.toml.
const ID = "slugc/ruby"

// Version is the buildpack's version. It is part of every cache key: raise it when the same input
// has another result.
const Version = "0.1.0"

// planName is what the buildpack provides and requires.
const planName = "ruby"

// MirrorEnv is the variable of the buildpack's process that holds the URL of the machine's gem
// source.
const MirrorEnv = "SLUGC_GEM_MIRROR"

// Detect is the buildpack's libcnb.DetectFunc. It passes for an app of the Ruby detector. An app
// that is broken returns the detector's [*detect.Error].
func Detect(ctx libcnb.DetectContext) (libcnb.DetectResult, error) {
	return language.Detect(ctx, planName, detect.ForRuby)
}

// Build is the buildpack's libcnb.BuildFunc ([language.Run]). It works in ctx.ApplicationPath.
func Build(ctx libcnb.BuildContext) (libcnb.BuildResult, error) {
	return language.Run(ctx, planName, build)
}

// build is one build from start to result.
func build(frame *language.Build) (err error) {
	b, err := start(frame)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.end()) }()
	return language.Steps(
		b.checkEngine, b.checkApp, b.installRuntime, b.installBundler, b.bundlerConfig, b.gems, b.tasks, b.assets,
		b.normalise, b.processes, b.launch, b.bill,
	)
}
