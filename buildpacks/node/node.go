// Package node is slugc's Node.js buildpack: a Cloud Native Buildpack that installs what
// package.json and its lock file ask for with the app's own package manager, runs its build
// scripts, prunes what only the build needed, and declares how to start it.
//
//	libcnb.BuildpackMain(node.Detect, node.Build) // is the whole buildpack
//
// The dependency trees (node_modules) stay in the app directory and are declared as slices,
// labelled with the key that decides their content. Where the platform holds a slice of that key,
// nothing is installed and the directory is left out. Where build scripts need the tree, the full
// one is kept in a cache layer and restored by one rename. Whatever path a build takes, its result
// equals a build from nothing: a stat manifest notices a tree that a script wrote to, and that tree
// is packed from disk.
//
// A member of a workspace is built in the workspace: the package manager works in its root, without the members that
// the app does not use, and scripts run in the member's directory, after those of the packages that it uses.
//
// [Build] runs in a process of its own (libcnb reads the working directory and the environment).
// Everything it may know is in that process's environment. It packs no slug and runs no app.
package node

import (
	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/language"
	"slugc/detect"
)

// ID is the buildpack's id, as in its buildpack.toml.
const ID = "slugc/node"

// Version is the buildpack's version. It is part of every cache key: raise it when the same input
// has another result.
const Version = "0.1.0"

// planName is what the buildpack provides and, for a Node.js app, requires.
const planName = "node"

// Detect is the buildpack's libcnb.DetectFunc. A Node.js app passes and brings its own requirement.
// Any other tree passes only if another buildpack of the group requires "node". A Node.js app that
// is broken returns the detector's *detect.Error.
func Detect(ctx libcnb.DetectContext) (libcnb.DetectResult, error) {
	found, err := language.Inspect(ctx, detect.ForNode)
	if err != nil {
		return libcnb.DetectResult{}, err
	}
	own := language.Plan(planName)
	assist := libcnb.BuildPlan{Provides: own.Provides}
	if !found.Pass {
		return libcnb.DetectResult{Pass: true, Plans: []libcnb.BuildPlan{assist}}, nil
	}
	return libcnb.DetectResult{Pass: true, Plans: []libcnb.BuildPlan{own, assist}}, nil
}

// Build is the buildpack's libcnb.BuildFunc ([language.Run]). It works in ctx.ApplicationPath.
func Build(ctx libcnb.BuildContext) (libcnb.BuildResult, error) {
	return language.Run(ctx, planName, build)
}

// build is one build from start to result.
func build(frame *language.Build) error {
	b, err := start(frame)
	if err != nil {
		return err
	}
	if b.app == nil {
		return b.installRuntime() // the platform only wants Node.js on PATH
	}
	err = language.Steps(
		b.installRuntime, b.checkStart, b.installManager, b.prebuild, b.installDependencies, b.buildScripts,
		b.finishTrees, b.cleanup, b.declareSlices, b.processes, b.tellHome, b.bill,
	)
	if err != nil {
		b.salvage()
	}
	return err
}
