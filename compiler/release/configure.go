package release

import (
	"context"
	"slices"
)

// Reconfiguration is what a change of an app's config vars does.
type Reconfiguration struct {
	// Release is the release that the change made, or where nothing changed the current one. Version 0: the app has
	// none yet, and its first one gets the config vars.
	Release Release
	Changed []string // the names of the vars that have another value now, or are gone; sorted
	Vars    Config   // the app's config vars after the change
}

// Configure changes an app's config vars, all or none. With a current release it makes the next one, of the same slug
// and formation and current at once. A change that changes nothing makes none. Its errors are those of
// [ConfigChange.Check] and "release/config-too-large", for more than [MaxConfig].
func (r *Releases) Configure(ctx context.Context, app string, change ConfigChange) (done Reconfiguration, err error) {
	if err := change.Check(); err != nil {
		return Reconfiguration{}, err
	}
	key := hash("")
	err = r.update(ctx, app, idempotent, func(tx *transaction) error {
		var row versionRow
		if known, err := tx.get(tx.key(key), &row); err != nil {
			return err
		} else if known { // an earlier attempt, whose outcome was unknown, did it
			done.Release, err = tx.release(row.Version)
			return err
		}
		plan, err := tx.planConfig(change)
		done = plan.Reconfiguration
		if err != nil || len(plan.Changed) == 0 {
			return err
		}
		if err := tx.putConfig(plan); err != nil || plan.Release.Version == 0 {
			return err
		}
		done.Release, err = r.register(tx, key, false, "", plan.next())
		return err
	})
	if err != nil {
		return Reconfiguration{}, err
	}
	return done, nil
}

// ConfigPlan is a change of an app's config vars before it is made. Its Release is the current one.
type ConfigPlan struct {
	Reconfiguration
	change ConfigChange
	head   configHead
	before Config
	began  bool // the app had a release, or tried to
}

// PlanConfig returns what a change would do, and changes nothing. Its errors are those of [Releases.Configure].
func (r *Releases) PlanConfig(ctx context.Context, app string, change ConfigChange) (plan ConfigPlan, err error) {
	if err := change.Check(); err != nil {
		return ConfigPlan{}, err
	}
	err = r.readApp(ctx, app, func(tx *transaction) error {
		plan, err = tx.planConfig(change)
		return err
	})
	return plan, err
}

func (tx *transaction) planConfig(change ConfigChange) (plan ConfigPlan, err error) {
	plan.change = change
	if plan.head, err = tx.configHead(); err != nil {
		return plan, err
	}
	if plan.before, err = tx.configSet(plan.head.Rev); err != nil {
		return plan, err
	}
	if plan.Vars, plan.Changed, err = change.apply(plan.before); err != nil {
		return plan, err
	}
	if plan.began, err = tx.get(tx.next(), new(versionRow)); err != nil {
		return plan, err
	}
	row, err := tx.current()
	if err != nil || row.Version == 0 {
		return plan, err
	}
	plan.Release, err = tx.release(row.Version)
	return plan, err
}

// next returns the release that the plan makes: the current one's slug and all that goes with it.
func (p ConfigPlan) next() Release {
	rel := p.Release
	next := Release{
		Slug: rel.Slug, ProcessTypes: rel.ProcessTypes, Addons: rel.Addons, Commit: rel.Commit,
		Description: p.change.description(p.Vars, p.Changed), ConfigVars: rel.ConfigVars,
	}
	if _, phase := rel.ProcessTypes.Command("release"); phase {
		next.ConfigVars = p.ConfigVars()
	}
	return next
}

// ConfigVars returns the names of the config vars that a release process of the planned release must have: the app's
// own, and what the current release's process had from elsewhere.
func (p ConfigPlan) ConfigVars() []string {
	names := p.Vars.Names()
	for _, name := range p.Release.ConfigVars {
		if !slices.Contains(p.Changed, name) && !slices.Contains(p.change.Unset, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// putConfig writes the plan's config set and makes it the app's own. Before there is any release, nothing can need
// the set that it replaces, which is removed.
func (tx *transaction) putConfig(plan ConfigPlan) error {
	next := configHead{Rev: plan.head.Last + 1, Last: plan.head.Last + 1}
	if err := tx.create(tx.keys.configSet(next.Rev), plan.Vars); err != nil {
		return err
	}
	if !plan.began {
		if plan.head.Rev > 0 {
			tx.remove(tx.keys.configSet(plan.head.Rev))
		}
		if err := tx.put(tx.name(), struct{}{}); err != nil {
			return err
		}
	}
	return tx.putConfigHead(next)
}

// RegisterConfig registers a plan's release as pending, under an idempotency key as in [Request]: its release process
// is to run before [Releases.PromoteConfig] makes it current. Until then no config var changes.
func (r *Releases) RegisterConfig(
	ctx context.Context, app string, plan ConfigPlan, key string,
) (rel Release, err error) {
	hashed := hash(key)
	err = r.update(ctx, app, idempotent, func(tx *transaction) error {
		rel, err = r.register(tx, hashed, true, "", plan.next())
		return err
	})
	return orZero(rel, err)
}

// PromoteConfig makes a pending release of [Releases.RegisterConfig] current, and the plan's config vars the app's own.
// Where a release became current or the config vars changed since the plan was made, it refuses with the transient
// [ErrConfigMoved]: the release would undo that. For the rest it does the same as [Releases.Promote].
func (r *Releases) PromoteConfig(
	ctx context.Context, app string, version int, plan ConfigPlan,
) (rel Release, err error) {
	err = r.update(ctx, app, idempotent, func(tx *transaction) error {
		if rel, err = tx.release(version); err != nil {
			return err
		}
		switch rel.Status {
		case Current, Superseded:
			return nil
		case Pending:
		default:
			return notPending(app, rel)
		}
		head, err := tx.configHead()
		if err != nil {
			return err
		}
		current, err := tx.current()
		if err != nil {
			return err
		}
		if head != plan.head || current.Version != plan.Release.Version {
			return configMoved(app)
		}
		if err := tx.putConfig(plan); err != nil {
			return err
		}
		return tx.promote(&rel)
	})
	return orZero(rel, err)
}
