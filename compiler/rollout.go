package compiler

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
	"slugc/compiler/sandbox"
)

// releaseProcess is the process type that runs once before a release becomes current (platform.md
// 1.4).
const releaseProcess = "release"

// releasePhase bounds it where the caller does not, as Heroku does.
const releasePhase = time.Hour

// Rollout says how a release becomes current.
type Rollout struct {
	// leave it pending, for the caller to promote or abandon, also if the app's current release is
	// the same slug
	Pending bool
	Key     string            // idempotency key; "": a random one
	Actor   string            // who releases, as the release will say
	Env     map[string]string // config vars of the release process
	Timeout time.Duration     // of the release process; 0: an hour
	Begin   func() error      // nil, or called right before the registration is sent; an error ends it
}

// Introduce registers a release of the slug at path and makes it current, or leaves it pending if o
// says so. If the slug has the process type "release", the release is pending until that process
// has run, once, in the sandbox and with the network. If it does not end with code 0, the release
// fails, what was current stays so, and the error is a fault "release/phase-failed". Killed
// meanwhile, it leaves a pending release that the app's next registration cancels.
//
// register is called once, with the idempotency key and with whether the release is to be pending
// at first. A release that is no longer pending was introduced by an earlier call and is returned
// as it is; if another process is introducing it just now, the error is a fault
// "release/in-progress".
func (e *Engine) Introduce(
	ctx context.Context,
	releases *release.Releases,
	app, path string,
	types procfile.ProcessMap,
	o Rollout,
	register func(key string, pending bool) (release.Release, error),
) (release.Release, error) {
	o.setKey()
	if err := cancelKilled(ctx, releases, e.Home.App(app), o.Key); err != nil {
		return release.Release{}, err
	}
	if _, phase := types.Command(releaseProcess); !phase {
		return register(o.Key, o.Pending)
	}
	file := func(release.Release) (string, error) { return path, nil }
	return e.noted(ctx, releases, app, o, file, func() (release.Release, error) { return register(o.Key, true) })
}

// Rollback makes an earlier release's slug current again, as [release.Releases.Rollback] does and
// under o's key, but only once the release process of that slug has run as for [Engine.Introduce].
// file gives the path of the slug and is called only if there is such a process.
func (e *Engine) Rollback(
	ctx context.Context,
	releases *release.Releases,
	app string,
	version int,
	o Rollout,
	file func(release.Release) (string, error),
) (release.Release, error) {
	o.setKey()
	if err := cancelKilled(ctx, releases, e.Home.App(app), o.Key); err != nil {
		return release.Release{}, err
	}
	return e.noted(
		ctx,
		releases,
		app,
		o,
		file,
		func() (release.Release, error) { return releases.Rollback(ctx, app, version, o.Key, true) },
	)
}

func (o *Rollout) setKey() {
	if o.Key == "" {
		o.Key = rand.Text()
	}
}

// noted registers a pending release and completes it, and notes the key until it is settled. What
// the caller wants pending is the caller's to abandon.
func (e *Engine) noted(
	ctx context.Context,
	releases *release.Releases,
	app string,
	o Rollout,
	file func(release.Release) (string, error),
	register func() (release.Release, error),
) (release.Release, error) {
	n, err := begin(e.Home.App(app), o.Key)
	if err != nil {
		return release.Release{}, err
	}
	made, err := register()
	if err == nil && made.Status == release.Pending {
		made, err = e.complete(ctx, releases, app, made, o, file)
	} else if err == nil && made.Status == release.Failed {
		err = phaseFailed(made, errors.New("it failed when it was registered first"), "what was current stays so; release again under another key")
	}
	if made.Version > 0 && made.Status != release.Pending || err == nil {
		if ended := n.end(); err == nil {
			err = ended
		}
		return made, err
	}
	n.leave()
	return made, err
}

// complete runs the release process of a pending release, if it has one, and makes the release
// current, or leaves it pending if o says so. The release it returns is as it is then.
func (e *Engine) complete(
	ctx context.Context,
	releases *release.Releases,
	app string,
	made release.Release,
	o Rollout,
	file func(release.Release) (string, error),
) (release.Release, error) {
	if command, phase := made.ProcessTypes.Command(releaseProcess); phase {
		path, err := file(made)
		if err == nil {
			err = e.releasePhase(ctx, app, path, command, made, o)
		}
		if err != nil {
			// Its own time: that the phase was interrupted must be told too.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			failed, telling := releases.Fail(ctx, app, made.Version)
			if telling != nil {
				return made, fmt.Errorf("%w; telling the coordinator: %w", err, telling)
			}
			return failed, err
		}
	}
	if o.Pending {
		return made, nil
	}
	promoted, err := releases.Promote(ctx, app, made.Version)
	if err != nil {
		return made, err
	}
	return promoted, nil
}

// releasePhase unpacks the slug and runs the release process.
func (e *Engine) releasePhase(ctx context.Context, app, path, command string, made release.Release, o Rollout) error {
	e.Report.Step(fmt.Sprintf("Running the release process of %s v%d", app, made.Version))
	e.Report.Detail(command)
	box, err := e.Sandbox(ctx)
	if err != nil {
		return err
	}
	unpacked, err := launch.Unpack(ctx, e.Home.Path("run"), path, made.Slug.Digest, nil)
	if err != nil {
		return err
	}
	defer unpacked.Remove()
	limits := sandbox.Limits{Deadline: o.Timeout, Log: 4 << 20}
	if limits.Deadline == 0 {
		limits.Deadline = releasePhase
	}
	out := e.Report.Output(releaseProcess)
	code, err := launch.RunSandboxed(ctx, box, launch.RunOptions{
		Dir: unpacked.Dir, Command: command, Env: pairs(o.Env), Dyno: "release.1", Stdout: out, Stderr: out,
	}, limits)
	if _, limited := errors.AsType[*sandbox.LimitError](err); limited {
		return phaseFailed(
			made,
			err,
			"what was current stays so; raise the limit with --release-timeout if the release process really needs longer",
		)
	}
	if err == nil && code != 0 {
		err = phaseFailed(made, fmt.Errorf("it ended with code %d", code),
			"what was current stays so; mend the command that the Procfile gives for `release`, and release again",
			"its config vars are those of --release-env and --release-env-file")
	}
	return err
}

func phaseFailed(made release.Release, why error, hints ...string) error {
	return fault.New(
		fault.App,
		fault.ExitRelease,
		"release/phase-failed",
		fmt.Errorf("running the release process of v%d: %w", made.Version, why),
		hints...)
}
