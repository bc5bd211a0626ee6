// Package deploy makes a built slug an app's current release: [Deployer.Deploy] registers a new
// release, [Deployer.Rollback] goes back to an earlier one, [Deployer.Configure] changes the config vars.
//
// If the slug has the process type "release" (Heroku calls this the release phase), the release is
// registered as pending, that process runs once in the sandbox, and only if it ends with code 0 is
// the release promoted. While a release is pending, its idempotency key is in the app's state
// directory: if slugc is killed, the app's next deployment cancels the release.
//
//	d := deploy.Deployer{Home: home, Releases: releases, Sandbox: sandbox, Report: reporter}
//	made, err := d.Deploy(ctx, "blog", file, release.Request{Slug: ref, Processes: types}, deploy.Options{})
//
// It neither builds nor stores slugs, and does not start the app's other processes.
package deploy

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"slugc/cache"
	"slugc/compiler/artifact"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
	"slugc/compiler/report"
	"slugc/compiler/sandbox"
)

// Deployer deploys on this machine. It may be used concurrently.
type Deployer struct {
	Home     *cache.Home
	Releases *release.Releases
	// Sandbox is called only if a release process runs.
	Sandbox func(context.Context) (*sandbox.Sandbox, error)
	Report  report.Reporter
	// OpenStore opens the store that Rollback looks for a slug in.
	OpenStore artifact.Opener
	// Fetch returns the slug file of an app's release on this machine. Only Rollback calls it, if the
	// slug has a release process.
	Fetch func(ctx context.Context, app string, r release.Release) (file string, err error)
}

// Options say how a release becomes current.
type Options struct {
	// Pending leaves the release pending, for the caller to promote or abandon.
	Pending bool
	Key     string            // idempotency key; "": a random one
	Actor   string            // who deploys, as the release records it
	Env     map[string]string // more config vars of the release process, before the app's own
	Limits  sandbox.Limits    // of the release process; Deadline 0: an hour, Log: always 4 MB
	// Setup is a command that sets an app up: it runs once in the slug, as the release process does and after it,
	// before the app's first release becomes current. "" is none.
	Setup string
	// BeforeRegister is nil, or called right before the release is registered. Its error ends the
	// deployment.
	BeforeRegister func() error
}

// PhaseError says that a release process did not succeed, and so the release failed.
type PhaseError struct {
	Version int // of the release
	Err     error

	what string // of the release it ran: "the release process"
}

// Error returns the text of what happened.
func (e *PhaseError) Error() string {
	return fmt.Sprintf("running %s of v%d: %v", cmp.Or(e.what, phase("").what), e.Version, e.Err)
}

// Unwrap returns what happened.
func (e *PhaseError) Unwrap() error { return e.Err }

// failed is a PhaseError as a fault of the app. The first hint says what the app still
// runs and what to do.
func (j job) failed(version int, why error, hints ...string) error {
	hints[0] = j.still + "; " + hints[0]
	return fault.New(fault.App, fault.ExitRelease, "release/phase-failed", &PhaseError{version, why, j.what}, hints...)
}

// Deploy registers a release of the slug in file as q describes it (Key and Pending are o's) and
// makes it current, or leaves it pending if o says so. If the release process fails, the release
// fails, the current release is unchanged, and the error is a [*PhaseError].
//
// Called again with the same key, it returns the release of the first call. While another process
// deploys under that key, the error is a fault "release/in-progress". A release process without a config var
// that the current release's had is refused as "release/config-missing".
func (d *Deployer) Deploy(
	ctx context.Context, app, file string, q release.Request, o Options,
) (release.Release, error) {
	p := &promotion{Deployer: d, Options: o, app: app}
	p.file = func(release.Release) (string, error) { return file, nil }
	p.register = func(key string, pending bool) (release.Release, error) {
		if o.BeforeRegister != nil {
			if err := o.BeforeRegister(); err != nil {
				return release.Release{}, err
			}
		}
		q.Key, q.Pending = key, pending
		return d.Releases.Register(ctx, app, q)
	}
	_, hasPhase := procfile.ProcessMap(q.Processes).Command(processType)
	if hasPhase || o.Setup != "" {
		if err := p.prepare(ctx, hasPhase); err != nil {
			return release.Release{}, err
		}
	}
	if hasPhase {
		q.ConfigVars = release.Config(p.Env).Names()
	}
	return p.run(ctx, hasPhase || p.Setup != "")
}

// prepare finds out what the release's processes need: the config vars, and whether the app must be set up.
func (p *promotion) prepare(ctx context.Context, hasPhase bool) error {
	kept, err := p.Releases.Config(ctx, p.app)
	if err != nil {
		return err
	}
	p.Env = merge(kept, p.Env)
	current, err := p.Releases.Current(ctx, p.app)
	if errors.Is(err, release.ErrNoReleases) {
		return nil
	}
	p.Setup = ""
	if err == nil && hasPhase {
		err = checkConfig("releasing "+p.app, current.Version, current.ConfigVars, p.Env)
	}
	return err
}

// Rollback makes an earlier release's slug current again, as [release.Releases.Rollback] does and
// under o's key. The slug's release process runs first, as for [Deployer.Deploy]. A slug that is
// neither here nor in the store, or damaged, is refused before anything is registered, and so is a release
// process without a config var that the release's had. Rollback
// holds the app's lock, so that no prune takes the slug.
func (d *Deployer) Rollback(ctx context.Context, app string, version int, o Options) (release.Release, error) {
	target, unlock, err := d.lockSlug(ctx, app, version)
	if err != nil {
		return release.Release{}, err
	}
	defer unlock()
	p := &promotion{Deployer: d, Options: o, app: app}
	if _, hasPhase := target.ProcessTypes.Command(processType); hasPhase {
		kept, err := d.Releases.RollbackConfig(ctx, app, target.Version)
		if err != nil {
			return release.Release{}, err
		}
		p.Env = merge(kept, o.Env)
		err = checkConfig(fmt.Sprintf("rolling %s back", app), target.Version, target.ConfigVars, p.Env)
		if err != nil {
			return release.Release{}, err
		}
	}
	p.file = func(r release.Release) (string, error) { return d.Fetch(ctx, app, r) }
	p.register = func(key string, pending bool) (release.Release, error) {
		return d.Releases.Rollback(ctx, app, target.Version, key, pending)
	}
	return p.run(ctx, true) // only the registered release says whether it has a release process
}

// merge returns the app's own config vars and those of the caller, which win.
func merge(kept release.Config, env map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, kept)
	maps.Copy(all, env)
	return all
}

// checkConfig refuses to run a release process without the config vars that an earlier one had: it would change
// a database that is not the app's.
func checkConfig(doing string, version int, names []string, env map[string]string) error {
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, set := env[name]
		return set
	})
	if len(missing) == 0 {
		return nil
	}
	return fault.UsageError("release/config-missing",
		fmt.Errorf("%s: the release process of v%d had the config vars %s, and now they are not set", doing,
			version, strings.Join(missing, ", ")),
		"keep them with the app: `slugc config set APP NAME=VALUE`",
		"or name them with --release-env-file FILE or --release-env NAME=VALUE, for pushes at `slugc hook install`",
		"a variable that is no longer needed may be empty: --release-env NAME=")
}

// promotion is one release on its way from its registration to being current.
type promotion struct {
	*Deployer
	Options
	app      string
	file     func(release.Release) (string, error)
	register func(key string, pending bool) (release.Release, error)
	promote  func(version int) (release.Release, error) // nil: [release.Releases.Promote]
}

// run registers the release and makes it current. Unless it may have a release process, one
// transaction does both.
func (p *promotion) run(ctx context.Context, mayHavePhase bool) (release.Release, error) {
	if p.Key == "" {
		p.Key = rand.Text()
	}
	if err := p.CancelKilled(ctx, p.app, p.Key); err != nil {
		return release.Release{}, err
	}
	if !mayHavePhase {
		return p.register(p.Key, p.Pending)
	}
	return p.trackPending(ctx)
}

// trackPending registers a pending release and completes it. The key is kept on disk until the
// release is settled. A release that the caller wants pending is the caller's to abandon.
func (p *promotion) trackPending(ctx context.Context) (release.Release, error) {
	state, err := p.Home.App(p.app)
	if err != nil {
		return release.Release{}, err
	}
	key, err := recordKey(state, p.Key)
	if err != nil {
		return release.Release{}, err
	}
	made, err := p.register(p.Key, true)
	if err == nil {
		switch made.Status {
		case release.Pending:
			made, err = p.complete(ctx, made)
		case release.Failed:
			err = phase("").failed(
				made.Version,
				errors.New("it failed under this key before"),
				"deploy again with another key",
			)
		}
	}
	if settled := made.Version > 0 && made.Status != release.Pending || err == nil; !settled {
		key.unlock()
		return made, err
	}
	if removed := key.remove(); err == nil {
		err = removed
	}
	return made, err
}

// complete runs the release process of a pending release, if it has one, and what sets the app up, and promotes the
// release unless the caller wants it pending. It returns the release as it is then.
func (p *promotion) complete(ctx context.Context, made release.Release) (release.Release, error) {
	if command, ok := made.ProcessTypes.Command(processType); ok {
		if err := p.runProcess(ctx, made, phase(command)); err != nil {
			return p.fail(ctx, made, err)
		}
	}
	if p.Setup != "" {
		if err := p.runProcess(ctx, made, setup(p.Setup)); err != nil {
			return p.fail(ctx, made, err)
		}
	}
	if p.Pending {
		return made, nil
	}
	promote := p.promote
	if promote == nil {
		promote = func(version int) (release.Release, error) { return p.Releases.Promote(ctx, p.app, version) }
	}
	promoted, err := promote(made.Version)
	if err != nil {
		return made, err
	}
	return promoted, nil
}

// fail fails a pending release because of err, which it returns. It works also after ctx has ended.
func (p *promotion) fail(ctx context.Context, made release.Release, err error) (release.Release, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	failed, unrecorded := p.Releases.Fail(ctx, p.app, made.Version)
	if unrecorded != nil {
		return made, fmt.Errorf("%w; recording it with the coordinator: %w", err, unrecorded)
	}
	return failed, err
}
