// Package golang is slugc's Go buildpack: a Cloud Native Buildpack that compiles the main packages
// of a Go module or workspace into the app's bin directory and says how to start them.
//
// Which packages: GO_INSTALL_PACKAGE_SPEC, else the `// +heroku install` line of go.mod, else every
// main package of the module (of every module of a go.work). All are compiled by one go command
// with -trimpath and -buildvcs=false, so the same source gives the same bytes in any directory.
// Nothing but the binaries is added to the app: the toolchain, the module cache and the compiler's
// cache lie in layers that are not launched.
//
// Processes, where the app has no Procfile: one main package is web. Of several, each is a process
// named after its binary; web is the one of that name, else the one at the app's root; with neither
// there is no web process, and a notice says so.
//
// [Build] runs in a process of its own (libcnb reads the working directory and the environment),
// with everything it may know in that process's environment.
package golang

import (
	"context"
	"os"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
	"slugc/detect"
)

// ID is the buildpack's id, as in its buildpack.toml.
const ID = "slugc/go"

// Version is the buildpack's version. It is part of every cache key: raise it when the same input
// gives another result.
const Version = "0.1.0"

// API is the version of the Buildpack API that the buildpack speaks.
const API = "0.10"

// planName is what the buildpack provides and, for an app of its own, requires.
const planName = "go"

// Detect is the buildpack's libcnb.DetectFunc. It wraps the Go detector: it passes exactly for a
// tree that is Go's, and then provides and requires "go". A tree that is Go's but broken gives the
// detector's *detect.Error.
func Detect(ctx libcnb.DetectContext) (libcnb.DetectResult, error) {
	found, err := language.Detect(ctx, detect.ForGo)
	if err != nil || !found.Pass {
		return libcnb.DetectResult{}, err
	}
	return libcnb.DetectResult{Pass: true, Plans: []libcnb.BuildPlan{language.Plan(planName)}}, nil
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
func build(ctx libcnb.BuildContext) (libcnb.BuildResult, error) {
	b, err := start(context.Background(), ctx, os.Environ(), os.Stdout)
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	defer b.end()
	steps := []func() error{
		b.findToolchain,
		b.setUp,
		b.seed,
		b.preCompile,
		b.findMains,
		b.compile,
		b.place,
		b.postCompile,
		b.processes,
		b.launch,
		b.extras,
		b.bill,
		b.trim,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return libcnb.BuildResult{}, err
		}
	}
	return b.result, nil
}
