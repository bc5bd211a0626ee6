// Package clojure is slugc's Clojure buildpack: a Cloud Native Buildpack that builds Leiningen and
// tools.deps apps and says how to start them.
//
// How an app is built, the first that applies: BUILD_COMMAND, an executable bin/build, then the
// tool's own way. Leiningen's is LEIN_BUILD_TASK, else `uberjar` for a project that names or
// profiles an uberjar, else `with-profile production compile :all`; the Clojure command's is
// `-T:build uber` for a build alias with a build.clj that defines it, else an alias uberjar, else
// nothing but resolving. What starts the app: the Procfile; else the uberjar (:uberjar-name
// anywhere below the target directory, else *-standalone.jar, else the biggest jar with a
// Main-Class); else the main namespace on a frozen classpath, whose jars are in a layer; a library
// that git has brought becomes a jar there.
//
// # Where libraries come from
//
// From the machine's mirror ([MirrorEnv]) where there is one, else from the project's repositories.
// Credentials come by the build's configuration: Leiningen reads them where project.clj says
// :username :env/… and :password :env/…, tools.deps and Maven in the settings.xml that
// MAVEN_SETTINGS_PATH names, a file of the app's in which ${env.NAME} stands for a variable. What
// was fetched is kept in a layer for the next build.
//
// # Runtime
//
// The slug carries no JDK but a runtime linked by jlink, in the layer "jre": a safe set of modules
// and those that the app's classes and sources name. It is keyed by the JDK, the modules and this
// buildpack's image version. Of shared libraries that are not the C library's it brings what it
// needs, used only where the machine lacks them. The app's own .jdk directory, where it has one, is
// used instead.
//
// # The same bytes
//
// Leiningen and tools.deps write jars whose bytes differ from build to build: entries carry the
// time and lie in the order a directory gave them, pom.properties states the date, the manifest the
// user. Every jar that stays is therefore written anew: entries sorted, the manifest first, times
// fixed, one compression, comments of pom.properties and Built-By dropped. Compiled namespaces stay
// newer than their sources, without which Clojure would compile the sources at every start. The
// compiler's class files are the same when the same namespaces are compiled in the same order by a
// fresh process, and both tools do that (the fixtures' do; a macro that expands to a random name or
// a date does not, and is the app's own). jlink gives the same image for the same JDK and modules
// (tried with 17); the list of modules in its file `release` is sorted besides. No archive of
// shared classes is made.
//
// [Build] runs in a process of its own (libcnb reads the working directory and the environment),
// with everything it may know in that process's environment.
package clojure

import (
	"context"
	"os"
	"path/filepath"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/language"
	"slugc/detect"
)

// ID is the buildpack's id, as in its buildpack.toml.
const ID = "slugc/clojure"

// Version is the buildpack's version. It is part of every cache key: raise it when the same input
// gives another result.
const Version = "0.1.0"

// API is the version of the Buildpack API that the buildpack speaks.
const API = "0.10"

// MirrorEnv is the variable of the build's process that holds the base URL of a Maven repository to
// fetch everything from, user and password included where it wants them.
const MirrorEnv = "SLUGC_MAVEN_MIRROR"

// planName is what the buildpack provides and, for an app of its own, requires.
const planName = "clojure"

// nodePlan is what the Node buildpack provides.
const nodePlan = "node"

// Detect is the buildpack's libcnb.DetectFunc. It wraps the Clojure detector: it passes exactly for
// a tree that is Clojure's, and then provides and requires "clojure"; with a package.json, or
// something in the build that calls for Node, it would also have "node", to assist. A tree that is
// Clojure's but broken gives the detector's *detect.Error.
func Detect(ctx libcnb.DetectContext) (libcnb.DetectResult, error) {
	found, err := language.Inspect(ctx, detect.ForClojure)
	if err != nil || !found.Pass {
		return libcnb.DetectResult{}, err
	}
	alone := language.Plan(planName)
	plans := []libcnb.BuildPlan{alone}
	facts, _ := found.App.(*detect.ClojureApp)
	if _, err := os.Stat(filepath.Join(ctx.ApplicationPath, "package.json")); err == nil ||
		facts != nil && len(facts.NodeFor) > 0 {
		node := libcnb.BuildPlanRequire{Name: nodePlan, Metadata: map[string]any{"assisting": true}}
		helped := libcnb.BuildPlan{
			Provides: alone.Provides,
			Requires: append([]libcnb.BuildPlanRequire{node}, alone.Requires...),
		}
		plans = []libcnb.BuildPlan{helped, alone}
	}
	return libcnb.DetectResult{Pass: true, Plans: plans}, nil
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
		b.findTools,
		b.setUp,
		b.compile,
		b.findJar,
		b.freeze,
		b.normalise,
		b.runtime,
		b.processes,
		b.leinInSlug,
		b.bill,
		b.tidy,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return libcnb.BuildResult{}, err
		}
	}
	return b.result, nil
}
