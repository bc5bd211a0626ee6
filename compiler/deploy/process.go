package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// runProcess unpacks the slug and runs the release process in it, in the sandbox and with the
// network.
func (p *promotion) runProcess(ctx context.Context, made release.Release, line string) error {
	file, err := p.file(made)
	if err != nil {
		return err
	}
	p.Report.Step(fmt.Sprintf("Running the release process of %s v%d", p.app, made.Version))
	p.Report.Detail(line)
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
	out := p.Report.Output(processType)
	code, err := launch.RunSandboxed(ctx, box, launch.RunOptions{
		Dir: unpacked.Dir, Mounts: unpacked.Mounts, Command: line, Dyno: "release.1", Stdout: out, Stderr: out,
		Env: append(made.Environment(p.app), command.Environ(p.Env)...),
	}, limits)
	if limit, limited := errors.AsType[*sandbox.LimitError](err); limited {
		hint := limit.Hint()
		switch limit.Which {
		case sandbox.LimitFree, sandbox.LimitInodes:
			return fault.TransientError("disk/full", &PhaseError{made.Version, err}, hint)
		case sandbox.LimitDeadline:
			hint = "raise the limit with --release-timeout if the release process really needs longer"
		}
		return phaseFailed(made.Version, err, hint)
	}
	if err == nil && code != 0 {
		return phaseFailed(made.Version, fmt.Errorf("it ended with code %d", code),
			"fix the command of `release` in the Procfile and release again",
			"its config vars are the app's own, and those of --release-env and --release-env-file")
	}
	return err
}
