// Package node is slugc's Node.js buildpack: a Cloud Native Buildpack that installs what
// package.json and its lock file ask for with the app's own package manager, runs its build
// scripts, prunes what only the build needed, and says how to start it.
//
// The dependency trees (node_modules) stay in the app directory and are declared as slices,
// labelled with the key that decides their content. Where the platform holds a slice of that key,
// nothing is installed and the directory is left out. Where build scripts need the tree, the full
// one is kept in a cache layer and put back by one rename. Whatever path a build takes, its result
// equals a build from nothing: a tree that a script has written to is noticed by its stat manifest
// and packed from disk.
//
// [Build] runs in a process of its own (libcnb reads the working directory and the environment),
// with everything it may know in that process's environment.
package node

import (
	"os"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
	"slugc/detect"
)

// ID is the buildpack's id, as in its buildpack.toml.
const ID = "slugc/node"

// Version is the buildpack's version. It is part of every cache key: raise it when the same input
// gives another result.
const Version = "0.1.0"

// API is the version of the Buildpack API that the buildpack speaks.
const API = "0.10"

// planName is what the buildpack provides and, for an app of its own, requires.
const planName = "node"

// Detect is the buildpack's libcnb.DetectFunc. It wraps the Node detector: an app with a
// package.json passes and brings its own requirement; any other tree passes only if another
// buildpack of the group requires "node". A tree that is Node's but broken gives the detector's
// *detect.Error.
func Detect(ctx libcnb.DetectContext) (libcnb.DetectResult, error) {
	found, err := language.Detect(ctx, detect.ForNode)
	if err != nil {
		return libcnb.DetectResult{}, err
	}
	assist := libcnb.BuildPlan{Provides: []libcnb.BuildPlanProvide{{Name: planName}}}
	if !found.Pass {
		return libcnb.DetectResult{Pass: true, Plans: []libcnb.BuildPlan{assist}}, nil
	}
	return libcnb.DetectResult{Pass: true, Plans: []libcnb.BuildPlan{language.Plan(planName), assist}}, nil
}

// Build is the buildpack's libcnb.BuildFunc. It prints its progress on standard output and works in
// ctx.ApplicationPath. A fault of the app's is returned as a *diagnosis.Diagnosis and written to
// the file that the environment names ([diagnosis.Env]).
func Build(ctx libcnb.BuildContext) (libcnb.BuildResult, error) {
	result, err := build(ctx)
	if err != nil {
		return libcnb.BuildResult{}, language.Failed(err, os.Getenv(diagnosis.Env))
	}
	return result, nil
}

// build is the sentence.
func build(ctx libcnb.BuildContext) (libcnb.BuildResult, error) {
	b, err := start(ctx, os.Environ(), os.Stdout)
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	steps := []func() error{b.installRuntime}
	if b.app != nil {
		steps = append(
			steps,
			b.checkStart,
			b.installManager,
			b.prebuild,
			b.dependencies,
			b.buildScripts,
			b.settle,
			b.cleanup,
			b.declare,
			b.processes,
			b.bill,
		)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			b.giveBack()
			return libcnb.BuildResult{}, err
		}
	}
	return b.result, nil
}
