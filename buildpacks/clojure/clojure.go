// Package clojure is slugc's Clojure buildpack: a Cloud Native Buildpack that builds Leiningen and
// tools.deps apps and declares how to start them.
//
//	libcnb.BuildpackMain(clojure.Detect, clojure.Build) // is the whole buildpack
//
// The first of these that the app has builds it: BUILD_COMMAND, an executable bin/build, the task
// of its tool. Leiningen's task is LEIN_BUILD_TASK, else `uberjar` for a project that names or
// profiles an uberjar, else `with-profile production compile :all`. The Clojure command's is
// `-T:build uber` for an alias build with a build.clj that defines it, else an alias uberjar, else
// none.
//
// A project.clj or deps.edn beside that of the tool gives the build a command of the other tool too, if the
// build or the Procfile may call it.
//
// The Procfile starts the app; else the uberjar (the one of :uberjar-name below the target
// directory, else *-standalone.jar, else the biggest jar with a Main-Class); else the main
// namespace on a frozen classpath, whose jars are in a layer. A library from a git repository
// becomes a jar there. What the Procfile starts by java must be in the slug. For `lein run` and for `clojure`
// and `clj` in the Procfile, commands of these names start what was frozen, for `clojure` one classpath for each
// combination of aliases; a call that cannot be frozen is an error.
//
// # Where libraries come from
//
// From the machine's mirror ([MirrorEnv]) if there is one, else from the project's repositories.
// The build's configuration holds credentials: Leiningen reads them if project.clj has :username
// :env/… and :password :env/…, tools.deps and Maven read the settings.xml that MAVEN_SETTINGS_PATH
// names, a file of the app in which ${env.NAME} stands for a variable. Downloads are kept in a
// layer for the next build.
//
// Both tools, and a BUILD_COMMAND or bin/build that calls them, resolve dependencies while they compile. Where
// the platform gives the network to what fetches dependencies only, `lein deps` and `clojure -P` fetch them before
// with one more start of Java each, and all later steps have no network.
//
// # Runtime
//
// The slug has no JDK but a runtime linked by jlink, in the layer "jre": a fixed set of modules and
// those that the app's classes and sources name. Its key is the JDK, the modules and the version of
// the image. It includes the shared libraries that it needs, except the C library; they are used
// only on a machine that lacks them. An app's own .jdk directory replaces it.
//
// # The same bytes
//
// Leiningen and tools.deps write jars whose bytes differ from build to build: entries have the time
// of the build and the order of a directory, pom.properties has the date, the manifest has the
// user. Every jar of the slug is therefore rewritten: entries are sorted, with the manifest first,
// their times are fixed, compression is the same, and comments of pom.properties and Built-By are
// removed. Compiled namespaces stay newer than their sources; otherwise Clojure would compile the
// sources at every start. The compiler writes the same class files if a fresh process compiles the
// same namespaces in the same order, as both tools do. A macro that expands to a random name or a
// date breaks that. jlink writes the same image for the same JDK and modules, except for the list
// of modules in its file `release`, which is sorted. There is no archive of shared classes.
//
// [Build] runs in a process of its own, because libcnb reads the working directory and the
// environment. It runs no tests and no REPL.
package clojure

import (
	"os"
	"path/filepath"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/extension"
	"slugc/buildpacks/language"
	"slugc/detect"
)

// ID is the buildpack's id, as in its buildpack.toml.
const ID = "slugc/clojure"

// Version is the buildpack's version. It is part of every cache key: raise it when the same input
// has another result.
const Version = "0.1.0"

// MirrorEnv is the variable of the build's process that holds the URL of a Maven repository to
// fetch everything from, with user and password if it asks for them.
const MirrorEnv = "SLUGC_MAVEN_MIRROR"

// planName is what the buildpack provides and requires.
const planName = "clojure"

// nodePlan is what the Node buildpack provides.
const nodePlan = "node"

// Detect is the buildpack's libcnb.DetectFunc. It passes for an app of the Clojure detector. With a
// package.json, or if the build needs Node, it also requires "node", to assist. An app that is
// broken returns the detector's [*detect.Error].
func Detect(ctx libcnb.DetectContext) (libcnb.DetectResult, error) {
	found, err := language.Inspect(ctx, detect.ForClojure)
	if err != nil || !found.Pass {
		return libcnb.DetectResult{}, err
	}
	alone := language.Plan(planName)
	plans := []libcnb.BuildPlan{alone}
	facts, _ := found.App.(*detect.ClojureApp)
	member, err := extension.Member(ctx.Platform.Path)
	if err != nil {
		return libcnb.DetectResult{}, err
	}
	if _, err := os.Stat(filepath.Join(ctx.ApplicationPath, member, "package.json")); err == nil ||
		facts != nil && len(facts.NodeFor) > 0 {
		node := libcnb.BuildPlanRequire{Name: nodePlan, Metadata: map[string]any{"assisting": true}}
		assisted := libcnb.BuildPlan{
			Provides: alone.Provides,
			Requires: append([]libcnb.BuildPlanRequire{node}, alone.Requires...),
		}
		plans = []libcnb.BuildPlan{assisted, alone}
	}
	return libcnb.DetectResult{Pass: true, Plans: plans}, nil
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
		b.openEntries, b.findTools, b.setUp, b.compile, b.loadEntries, b.findJar, b.checkLein, b.freeze,
		b.freezeOther, b.freezeVariants, b.settle, b.normalise, b.runtime, b.saveEntries, b.processes,
		b.leinInSlug, b.cliInSlug, b.bill, b.tidy, b.checkProcfile,
	)
}
