package compiler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"slugc/cache"
	"slugc/compiler/fault"
	"slugc/compiler/launch"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
	"slugc/compiler/sandbox"
	"slugc/compiler/slug"
)

// releaseProcess is the process type that runs once before a release becomes current (platform.md 1.4).
const releaseProcess = "release"

// releasePhase bounds it, as Heroku does.
const releasePhase = time.Hour

// Rollout says how a release becomes current.
type Rollout struct {
	Pending bool              // leave it pending, for the caller to promote or abandon, also if the app's current release is the same slug
	Key     string            // idempotency key; "": one of this build
	Actor   string            // who releases, as the release will say
	Env     map[string]string // config vars of the release process
	Begin   func() error      // nil, or called right before the registration is sent; an error ends it
}

// Introduce registers a release of the slug at path and makes it current, or leaves it pending if o says so. If the slug has the process type
// "release", the release is pending until that process has run; see [Engine.Complete]. register is called once, with whether the release is to be pending at first.
// A release that is no longer pending was introduced by an earlier call and is returned as it is.
func (e *Engine) Introduce(ctx context.Context, releases *release.Releases, app, path string, types procfile.ProcessMap, o Rollout,
	register func(pending bool) (release.Release, error)) (release.Release, error) {
	_, phase := types.Command(releaseProcess)
	made, err := register(o.Pending || phase)
	if err != nil || made.Status != release.Pending {
		return made, err
	}
	return e.Complete(ctx, releases, app, path, made, o)
}

// Complete runs the release process of a pending release, if it has one, in the sandbox and with the network, from the slug at path, and makes the release current,
// or leaves it pending if o says so. If the process does not end with code 0, the release fails, what was current stays so, and the error is a fault
// "release/phase-failed".
func (e *Engine) Complete(ctx context.Context, releases *release.Releases, app, path string, made release.Release, o Rollout) (release.Release, error) {
	if command, phase := made.ProcessTypes.Command(releaseProcess); phase {
		if err := e.releasePhase(ctx, app, path, command, made.Version, o.Env); err != nil {
			// Its own time: that the phase was interrupted must be told too.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			_, failed := releases.Fail(ctx, app, made.Version)
			return made, errors.Join(err, failed)
		}
	}
	if o.Pending {
		return made, nil
	}
	return releases.Promote(ctx, app, made.Version)
}

// releasePhase unpacks the slug and runs the release process.
func (e *Engine) releasePhase(ctx context.Context, app, path, command string, version int, env map[string]string) error {
	e.Report.Step(fmt.Sprintf("Running the release process of %s v%d", app, version))
	e.Report.Detail(command)
	box, err := e.Sandbox(ctx)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(e.Home.Path("run"), 0o700); err != nil {
		return fmt.Errorf("making a directory to run in: %w", err)
	}
	tmp, err := os.MkdirTemp(e.Home.Path("run"), fmt.Sprintf("%d-*", os.Getpid()))
	if err != nil {
		return fmt.Errorf("making a directory to run in: %w", err)
	}
	defer cache.RemoveAll(tmp)
	dir := filepath.Join(tmp, "app")
	if err := slug.Unpack(ctx, path, dir, slug.UnpackOptions{}); err != nil {
		return err
	}
	out := e.Report.Output(releaseProcess)
	code, err := launch.Contained(ctx, box, launch.RunOptions{
		Dir: dir, Command: command, Env: pairs(env), Dyno: "release.1", Stdout: out, Stderr: out,
	}, sandbox.Limits{Deadline: releasePhase, Log: 4 << 20})
	if err == nil && code != 0 {
		err = fmt.Errorf("it ended with code %d", code)
	} else if _, limited := errors.AsType[*sandbox.LimitError](err); err != nil && !limited {
		return err
	}
	if err == nil {
		return nil
	}
	return fault.New(fault.App, fault.ExitRelease, "release/phase-failed", fmt.Errorf("running the release process of v%d: %w", version, err),
		"what was current stays so; mend the command that the Procfile gives for `release`, and release again",
		"its config vars are those of --release-env and --release-env-file")
}

// begun remembers the key of a registration that the app's next build is to cancel if this process is killed before it becomes current.
func begun(app *cache.App, key string) error {
	return cache.WriteFile(app.Path("registering"), []byte(key), 0o600)
}

// ended forgets it.
func ended(app *cache.App) error {
	if err := os.Remove(app.Path("registering")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("ending a registration: %w", err)
	}
	return nil
}

// cancelKilled abandons the pending release of a build that was killed in its release phase. The app's lock must be held.
func cancelKilled(ctx context.Context, releases *release.Releases, app *cache.App) error {
	key, err := os.ReadFile(app.Path("registering"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading what a killed build left: %w", err)
	}
	if len(key) > 0 {
		if _, err := releases.Cancel(ctx, app.Name, string(key)); err != nil {
			return err
		}
	}
	return ended(app)
}
