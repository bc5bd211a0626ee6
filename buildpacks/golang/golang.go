// Package golang is slugc's Go buildpack: a Cloud Native Buildpack that compiles the main packages
// of a Go module or workspace into the app's bin directory and declares how to start them.
//
//	libcnb.BuildpackMain(golang.Detect, golang.Build) // is the whole buildpack
//
// Which packages: GO_INSTALL_PACKAGE_SPEC, else the `// +heroku install` line of go.mod, else every
// main package of the module (of every module of a go.work) that is no example or helper ([asides]).
// One go command compiles them all with -trimpath and -buildvcs=false, so the same source makes the
// same bytes in any directory; an old Go gets the flags that it knows ([since]). Only the binaries are
// added to the app: the toolchain, the module cache and the compiler's cache are layers that are not
// launched.
//
// Processes, where the app has no Procfile: a single main package is web. Of several, each is a
// process named after its binary; web is the one of that name, else the one at the app's root. With
// neither there is no web process, and a notice says so.
//
// [NewSeed] says how a platform compiles the standard library once for all apps.
//
// [Build] runs in a process of its own (libcnb reads the working directory and the environment).
// Everything it may know is in that process's environment. It packs no slug and runs no app.
package golang

import (
	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/language"
	"slugc/detect"
)

// ID is the buildpack's id, as in its buildpack.toml.
const ID = "slugc/go"

// Version is the buildpack's version. It is part of every cache key: raise it when the same input
// has another result.
const Version = "0.1.0"

// planName is what the buildpack provides and requires.
const planName = "go"

// Detect is the buildpack's libcnb.DetectFunc ([language.Detect]).
func Detect(ctx libcnb.DetectContext) (libcnb.DetectResult, error) {
	return language.Detect(ctx, planName, detect.ForGo)
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
	defer b.end()
	return language.Steps(
		b.findToolchain, b.setUp, b.copySeed, b.preCompile, b.findMains, b.compile, b.installBinaries,
		b.postCompile, b.processes, b.launch, b.extras, b.bill, b.trim,
	)
}
