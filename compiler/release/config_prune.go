package release

import (
	"context"
	"strings"

	"slugc/compiler/coordinator"
)

// PruneConfig removes the config sets that nothing needs: that are not the app's own, nor of a current release, nor of
// an earlier one that keep returns true for or that a pending rollback goes back to. It returns how many it removed.
func (r *Releases) PruneConfig(ctx context.Context, app string, keep func(Release) bool) (removed int, err error) {
	for done := false; !done && err == nil; {
		var some []string
		err = r.update(ctx, app, idempotent, func(tx *transaction) error {
			if some, err = tx.unneededConfigs(r.c, keep); err != nil {
				return err
			}
			done = len(some) <= coordinator.MaxWrites
			some = some[:min(len(some), coordinator.MaxWrites)]
			for _, key := range some {
				tx.remove(key)
			}
			return nil
		})
		if err == nil {
			removed += len(some)
		}
	}
	return removed, err
}

// unneededConfigs returns the keys of the config sets that nothing needs.
func (tx *transaction) unneededConfigs(c coordinator.Coordinator, keep func(Release) bool) ([]string, error) {
	// Whoever makes another set needed writes one of these keys: so what is listed next holds when it is committed.
	if err := tx.load(tx.keys.configHead(), tx.next(), tx.keys.current()); err != nil {
		return nil, err
	}
	head, err := tx.configHead()
	if err != nil {
		return nil, err
	}
	entries, _, err := c.List(tx.ctx, tx.root())
	if err != nil {
		return nil, err
	}
	releases, err := tx.decodeList(entries) // the newest first
	if err != nil {
		return nil, err
	}
	needed, rolledBack := map[string]bool{tx.keys.configSet(head.Rev): true}, map[int]bool{}
	for _, rel := range releases {
		rolledBack[rel.RollbackOf] = rolledBack[rel.RollbackOf] || rel.Status == Pending
		if rel.Status == Current || rolledBack[rel.Version] || rel.Status == Superseded && keep(rel) {
			needed[tx.keys.configSet(rel.ConfigRev)] = true
		}
	}
	var unneeded []string
	for _, e := range entries {
		if strings.HasPrefix(e.Key, tx.configSets()) && !needed[e.Key] {
			unneeded = append(unneeded, e.Key)
		}
	}
	return unneeded, nil
}
