package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"slugc/compiler/artifact"
	"slugc/compiler/fault"
	"slugc/compiler/release"
)

// lockSlug finds the release to roll back to, takes the app's lock and checks the release's slug. It
// returns the release.
func (d *Deployer) lockSlug(
	ctx context.Context, app string, version int,
) (target release.Release, unlock func(), err error) {
	if target, err = d.Releases.RollbackTarget(ctx, app, version); err != nil {
		return target, nil, err
	}
	state, err := d.Home.App(app)
	if err != nil {
		return target, nil, err
	}
	unlock, err = state.Lock(ctx, func(pid int) {
		d.Report.Step(fmt.Sprintf("Waiting for a build of %s (pid %d)", app, pid))
	})
	if err != nil {
		return target, nil, err
	}
	check := func(r release.Release) error { return artifact.Check(ctx, d.OpenStore, r.Slug, state) }
	if err := check(target); err != nil {
		err = d.slugMissing(ctx, app, target, err, check)
		unlock()
		return target, nil, err
	}
	return target, unlock, nil
}

// slugMissing refuses a rollback to a release whose slug cannot be had, because of why. A store that
// may answer later is no such reason.
func (d *Deployer) slugMissing(
	ctx context.Context, app string, target release.Release, why error, check func(release.Release) error,
) error {
	if f, owned := errors.AsType[*fault.Error](why); ctx.Err() != nil || owned && f.Owner == fault.Transient {
		return why
	}
	id := "release/slug-missing"
	if errors.Is(why, artifact.ErrDamaged) {
		id = "release/slug-damaged"
	}
	return fault.New(fault.Usage, fault.ExitRelease, id,
		fmt.Errorf("rolling %s back to v%d: %w", app, target.Version, why),
		d.alternatives(ctx, app, target, check),
		fmt.Sprintf("to release v%d's source again, check it out and run `slugc build --app %s`", target.Version, app))
}

// maxAlternatives is how many earlier releases a refusal looks at, newest first.
const maxAlternatives = 10

// alternatives says which other releases can be rolled back to.
func (d *Deployer) alternatives(
	ctx context.Context, app string, target release.Release, check func(release.Release) error,
) string {
	list, err := d.Releases.List(ctx, app)
	if err != nil {
		return fmt.Sprintf("`slugc releases %s` lists the releases", app)
	}
	var whole []string
	looked := 0
	for _, r := range list {
		if r.Status != release.Superseded || r.Slug.Digest == target.Slug.Digest {
			continue
		}
		if looked++; looked > maxAlternatives {
			break
		}
		if check(r) == nil {
			whole = append(whole, fmt.Sprintf("v%d", r.Version))
		}
	}
	if len(whole) == 0 {
		return "no other release can be rolled back to: the other slugs are missing or damaged too"
	}
	return "these releases can be rolled back to: " + strings.Join(whole, ", ")
}
