// Package language is the frame of the languages' buildpacks: what they have in common where they
// meet the platform. [DetectFunc] and [Run] wrap a detector and a build for libcnb; [Build] is what
// every build has at hand.
//
//	// Detect is the buildpack's libcnb.DetectFunc.
//	func Detect(ctx libcnb.DetectContext) (libcnb.DetectResult, error) {
//		return language.Detect(ctx, "ruby", detect.ForRuby)
//	}
//
//	// Build is the buildpack's libcnb.BuildFunc.
//	func Build(ctx libcnb.BuildContext) (libcnb.BuildResult, error) {
//		return language.Run(ctx, "ruby", build)
//	}
//
//	func build(frame *language.Build) error {
//		b, err := start(frame) // a struct that embeds *language.Build
//		if err != nil {
//			return err
//		}
//		return language.Steps(b.installRuntime, b.gems, b.processes)
//	}
//
// The app is the CNB app directory, or a member's directory in it (package extension, member.json). A build works
// in Build.Dir, and names slices by [Build.InSlug].
//
// It knows nothing of any one language.
package language

import (
	"errors"
	"fmt"
	"os"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/extension"
	"slugc/detect"
)

// API is the version of the Buildpack API that the languages' buildpacks speak.
const API = "0.10"

// Detector finds out whether a tree is an app of its language (package detect).
type Detector func(detect.Input) (detect.Result, error)

// Detect is the body of a buildpack's libcnb.DetectFunc. It passes exactly for an app of the
// detector's language, and then provides and requires name. An app of the language that is broken
// returns the detector's [*detect.Error].
func Detect(ctx libcnb.DetectContext, name string, detector Detector) (libcnb.DetectResult, error) {
	found, err := Inspect(ctx, detector)
	if err != nil || !found.Pass {
		return libcnb.DetectResult{}, err
	}
	return libcnb.DetectResult{Pass: true, Plans: []libcnb.BuildPlan{Plan(name)}}, nil
}

// Inspect asks a detector about the app. Buildpacks whose plan depends on more than [Detect]'s use
// it.
func Inspect(ctx libcnb.DetectContext, detector Detector) (detect.Result, error) {
	member, err := extension.Member(ctx.Platform.Path)
	if err != nil {
		return detect.Result{}, err
	}
	found, err := detector(detect.Input{
		FS: os.DirFS(ctx.ApplicationPath), Member: member, Env: ctx.Platform.Environment,
	})
	if err != nil {
		return detect.Result{}, fmt.Errorf("detecting: %w", err)
	}
	return found, nil
}

// Plan is the plan of a buildpack that provides name and requires nothing else.
func Plan(name string) libcnb.BuildPlan {
	return libcnb.BuildPlan{
		Provides: []libcnb.BuildPlanProvide{{Name: name}},
		Requires: []libcnb.BuildPlanRequire{{Name: name}},
	}
}

// Failed returns a build's error as the platform takes it: a fault of the app, found by a detector
// or by the build, and trouble of the machine become a [*diagnosis.Diagnosis], which is written to
// file, the value of [diagnosis.Env]. file is "" where the platform names none.
func Failed(err error, file string) error {
	if d := diagnosis.OfTrouble(err); d != nil {
		err = d
	} else if wrong, ok := errors.AsType[*detect.Error](err); ok {
		err = &diagnosis.Diagnosis{ID: wrong.ID, Summary: wrong.Summary, Place: wrong.Place, Hints: wrong.Hints}
	}
	if d, ok := errors.AsType[*diagnosis.Diagnosis](err); ok && file != "" {
		err = errors.Join(err, diagnosis.Write(file, d))
	}
	return err
}
