package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"slugc/buildpacks/command"
	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/release"
	"slugc/compiler/sandbox"
)

const (
	// processType is the process type that runs once before a release becomes current, as on Heroku
	// (Dev Center, "Release Phase").
	processType = "release"
	// defaultTimeout bounds it where the caller does not, as Heroku does.
	defaultTimeout = time.Hour
	// outputLimit bounds what it may write to its output, in bytes.
	outputLimit = 4 << 20
)

// job is a command that runs in the slug of a release before that becomes current.
type job struct {
	line, what, dyno string
	still            string   // what is so if it fails
	fix              []string // hints then
}

// phase is the release process.
func phase(line string) job {
	return job{line, "the release process", "release.1", "the current release is unchanged", []string{
		"fix the command of `release` in the Procfile and release again",
		"its config vars are the app's own, and those of --release-env and --release-env-file",
	}}
}

// setup is what sets an app up, as on Heroku and Dokku the first time only.
func setup(line string) job {
	return job{line, "scripts.postdeploy", "postdeploy.1", "the app has no release yet", []string{
		"fix scripts.postdeploy in app.json and release again",
		"it runs until the app has a current release; its config vars are those of a release process",
	}}
}

// runProcess unpacks the slug and runs a job in it, in the sandbox and with the network.
func (p *promotion) runProcess(ctx context.Context, made release.Release, j job) error {
	file, err := p.file(made)
	if err != nil {
		return err
	}
	p.Report.Step(fmt.Sprintf("Running %s of %s v%d", j.what, p.app, made.Version))
	p.Report.Detail(j.line)
	box, err := p.Sandbox(ctx)
	if err != nil {
		return err
	}
	unpacked, err := launch.Unpack(ctx, file, launch.UnpackOptions{
		Runs: p.Home.Path("run"), Digest: made.Slug.Digest, Known: p.Home.Digests(),
	})
	if err != nil {
		return err
	}
	defer unpacked.Remove()
	limits := p.Limits
	limits.Deadline, limits.Log = cmp.Or(limits.Deadline, defaultTimeout), outputLimit
	name, _, _ := strings.Cut(j.dyno, ".")
	out := p.Report.Output(name)
	code, err := launch.RunSandboxed(ctx, box, launch.RunOptions{
		Dir: unpacked.Dir, Mounts: unpacked.Mounts, Command: j.line, Dyno: j.dyno, Stdout: out, Stderr: out,
		Env: append(made.Environment(p.app), command.Environ(p.Env)...),
	}, limits)
	if limit, limited := errors.AsType[*sandbox.LimitError](err); limited {
		hint := limit.Hint()
		switch limit.Which {
		case sandbox.LimitFree, sandbox.LimitInodes:
			return fault.TransientError("disk/full", &PhaseError{made.Version, err, j.what}, hint)
		case sandbox.LimitDeadline:
			hint = "raise the limit with --release-timeout if the release process really needs longer"
		}
		return j.failed(made.Version, err, hint)
	}
	if err == nil && code != 0 {
		return j.failed(made.Version, fmt.Errorf("it ended with code %d", code), j.fix...)
	}
	return err
}
