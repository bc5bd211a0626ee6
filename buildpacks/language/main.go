package language

import (
	"context"
	"os"
	"path/filepath"

	"github.com/buildpacks/libcnb/v2"

	"slugc/buildpacks/command"
	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/extension"
)

// Run runs the build of the language name ("node") in a process of its own, and is the body of its
// libcnb.BuildFunc. It prints progress on standard output. A fault of the app is returned as a
// [*diagnosis.Diagnosis] and written to the file that the environment names ([diagnosis.Env]). It
// sets no deadline: the platform that started the process ends it.
func Run(cnb libcnb.BuildContext, name string, build func(*Build) error) (libcnb.BuildResult, error) {
	member, err := extension.Member(cnb.Platform.Path)
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	b := &Build{
		Name:    name,
		Context: context.Background(),
		CNB:     cnb,
		Dir:     filepath.Join(cnb.ApplicationPath, filepath.FromSlash(member)),
		Root:    cnb.ApplicationPath,
		Member:  member,
		Environ: os.Environ(),
		Log:     &command.Log{Out: os.Stdout, Report: os.Getenv(diagnosis.Env)},
		Result:  libcnb.NewBuildResult(),

		finished: os.Getenv(extension.FinishedEnv),
	}
	steps, err := extension.ReadSteps(cnb.Platform.Path)
	if err != nil {
		return libcnb.BuildResult{}, err
	}
	b.Log.Online, b.Log.Offline = steps.Online, steps.Offline
	if len(steps.Offline.Prefix) > 0 {
		if err := noTracing(); err != nil {
			return libcnb.BuildResult{}, err
		}
	}
	if err := build(b); err != nil {
		for _, layer := range b.Result.Layers {
			b.finish(layer)
		}
		return libcnb.BuildResult{}, Failed(err, os.Getenv(diagnosis.Env))
	}
	return b.Result, nil
}
