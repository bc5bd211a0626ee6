// Package ruby is slugc's Ruby buildpack: a Cloud Native Buildpack that installs the gems of a
// Gemfile.lock with Bundler, runs the app's assets:precompile, and says how to start it.
//
// Everything lies in layers, and nothing of them in the app directory, except what rake writes
// there:
//
//	ruby            the runtime, a relocatable tree without headers (build, launch, cache)
//	ruby-bundler    the Bundler of BUNDLED WITH, where the runtime's own is another (build, launch, cache)
//	ruby-gems       BUNDLE_PATH, and in lib/ the machine's shared libraries that compiled gems need (build, launch, cache)
//	ruby-profile    the launch environment and Bundler's configuration at launch (launch)
//	ruby-downloads  .gem files and git repositories (cache)
//	ruby-assets     what compilers of assets keep between builds (cache)
//
// The names make the launch environment's order: of PATH, the app's bin goes before the gems',
// these before Bundler's, these before the runtime's.
//
// The gems are keyed by what decides them (work.parts). Where the key holds, Bundler is not run.
// Where only the lock file or the Gemfile has changed, it installs what is missing and cleans what
// is not wanted any more; where anything else has, it installs from nothing. A layer without
// metadata is of a build that was broken off, and is emptied.
//
// A checked-in .bundle/config does not rule the build: BUNDLE_APP_CONFIG leads elsewhere, at build
// and at launch, and what is harmless is carried over.
//
// [Build] runs in a process of its own (libcnb reads the working directory and the environment),
// with everything it may know in that process's environment.
package ruby

import (
	"context"
	"errors"
	"os"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
	"slugc/detect"
)

// ID is the buildpack's id, as in its buildpack.toml.
const ID = "slugc/ruby"

// Version is the buildpack's version. It is part of every cache key: raise it when the same input
// gives another result.
const Version = "0.1.0"

// API is the version of the Buildpack API that the buildpack speaks.
const API = "0.10"

// planName is what the buildpack provides and requires.
const planName = "ruby"

// MirrorEnv names the variable of the buildpack's process that holds the gem source of the machine
// (work.bundlerConfig).
const MirrorEnv = "SLUGC_GEM_MIRROR"

// Detect is the buildpack's libcnb.DetectFunc. It wraps the Ruby detector: it passes exactly for a
// tree that is Ruby's, and then provides and requires "ruby". A tree that is Ruby's but broken
// gives the detector's *detect.Error.
func Detect(ctx libcnb.DetectContext) (libcnb.DetectResult, error) {
	return language.Detect(ctx, planName, detect.ForRuby)
}

// Build is the buildpack's libcnb.BuildFunc. It prints its progress on standard output and works in
// ctx.ApplicationPath. A fault of the app's is returned as a *diagnosis.Diagnosis and written to
// the file that the environment names ([diagnosis.Env]). It sets no deadline: the platform that
// started the process ends it.
func Build(ctx libcnb.BuildContext) (libcnb.BuildResult, error) {
	result, err := build(ctx)
	if err != nil {
		return libcnb.BuildResult{}, language.Failed(err, os.Getenv(diagnosis.Env))
	}
	return result, nil
}

// build is the sentence.
func build(ctx libcnb.BuildContext) (_ libcnb.BuildResult, err error) {
	b, err := start(context.Background(), ctx, os.Environ(), os.Stdout)
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	defer func() { err = errors.Join(err, b.end()) }()
	steps := []func() error{
		b.checkEngine, b.checkApp, b.installRuntime, b.installBundler, b.bundlerConfig, b.gems, b.tasks, b.assets, b.processes, b.launch, b.bill,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return libcnb.BuildResult{}, err
		}
	}
	return b.result, nil
}
