package deploy

import (
	"context"
	"errors"
	"fmt"

	"slugc/compiler/release"
)

// Configure changes an app's config vars as [release.Releases.Configure] does. If the current slug has a release
// process, that runs first, with the config vars as they will be: if it fails, the release fails and no config var
// changes. Of o, Pending and BeforeRegister have no meaning. What changes while the process runs is not undone: see
// [release.Releases.PromoteConfig]. A config var that the current release's process had and that would be missing is
// refused as "release/config-missing", unless the change removes it.
func (d *Deployer) Configure(
	ctx context.Context, app string, change release.ConfigChange, o Options,
) (release.Reconfiguration, error) {
	plan, err := d.Releases.PlanConfig(ctx, app, change)
	if err != nil {
		return release.Reconfiguration{}, err
	}
	_, hasPhase := plan.Release.ProcessTypes.Command(processType)
	if !hasPhase || len(plan.Changed) == 0 {
		return d.Releases.Configure(ctx, app, change)
	}
	done := plan.Reconfiguration
	o.Pending = false
	p := &promotion{Deployer: d, Options: o, app: app}
	p.Env = merge(plan.Vars, o.Env)
	doing := fmt.Sprintf("changing the config vars of %s", app)
	if err := checkConfig(doing, plan.Release.Version, plan.ConfigVars(), p.Env); err != nil {
		return release.Reconfiguration{}, err
	}
	p.file = func(r release.Release) (string, error) { return d.Fetch(ctx, app, r) }
	p.register = func(key string, _ bool) (release.Release, error) {
		return d.Releases.RegisterConfig(ctx, app, plan, key)
	}
	p.promote = func(version int) (release.Release, error) {
		promoted, err := d.Releases.PromoteConfig(ctx, app, version, plan)
		if errors.Is(err, release.ErrConfigMoved) {
			return p.fail(ctx, release.Release{Version: version}, err)
		}
		return promoted, err
	}
	done.Release, err = p.run(ctx, true)
	return done, err
}
