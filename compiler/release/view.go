package release

import (
	"context"
	"encoding/json"
	"fmt"

	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
)

// The rows of the store beside Release and Formation.
type (
	currentRow struct {
		Version  int `json:"version"`
		Previous int `json:"previous,omitempty"`
	}
	statusRow struct {
		Status Status `json:"status"`
	}
	versionRow struct {
		Version   int  `json:"version"`
		Cancelled bool `json:"cancelled,omitempty"` // of an idempotency key: it has no release, and gets none
	}
)

// promoted is the stored status of what is or was current.
const promoted Status = "promoted"

// seen is the status of release n as callers see it.
func (s statusRow) seen(n int, current currentRow) Status {
	switch {
	case n == current.Version:
		return Current
	case s.Status == promoted:
		return Superseded
	}
	return s.Status
}

// view is a transaction: whatever is read through it is compared when its writes are committed.
type view struct {
	keys
	ctx      context.Context
	c        coordinator.Coordinator
	read     map[string]coordinator.Entry
	compares []coordinator.Compare
	writes   []coordinator.Write
}

// get reads a key's JSON, and says whether the key exists. Reading a key again gives the same.
func (v *view) get(key string, into any) (bool, error) {
	e, ok := v.read[key]
	if !ok {
		var err error
		if e, err = v.c.Get(v.ctx, key); err != nil {
			return false, err
		}
		v.read[key] = e
		v.compares = append(v.compares, coordinator.Compare{Key: key, Rev: e.Rev})
	}
	if e.Rev == 0 {
		return false, nil
	}
	return true, decode(e, into)
}

// put writes a key's JSON when the view is committed.
func (v *view) put(key string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing the coordinator's key %q: %w", key, err)
	}
	v.writes = append(v.writes, coordinator.Write{Key: key, Value: b})
	return nil
}

// create writes a key that must not exist.
func (v *view) create(key string, value any) error {
	v.compares = append(v.compares, coordinator.Compare{Key: key})
	return v.put(key, value)
}

func (v *view) current() (row currentRow, err error) {
	_, err = v.get(v.keys.current(), &row)
	return row, err
}

func (v *view) formation() (Formation, error) {
	f := Formation{}
	_, err := v.get(v.keys.formation(), &f)
	return f, err
}

// release reads a release with its status.
func (v *view) release(n int) (rel Release, err error) {
	found := false
	if n > 0 {
		if found, err = v.get(v.keys.release(n), &rel); err != nil {
			return Release{}, err
		}
	}
	if !found {
		return Release{}, refuse("unknown-version", fmt.Sprintf("app %q has no release v%d", v.app, n), fmt.Sprintf("`slugc releases %s` lists those there are", v.app))
	}
	var row statusRow
	if _, err := v.get(v.status(n), &row); err != nil {
		return Release{}, err
	}
	current, err := v.current()
	rel.Status = row.seen(n, current)
	return rel, err
}

func (v *view) currentRelease() (Release, error) {
	row, err := v.current()
	if err != nil {
		return Release{}, err
	}
	if row.Version == 0 {
		return Release{}, refuse("no-releases", fmt.Sprintf("app %q has no current release", v.app), fmt.Sprintf("build and release it with `slugc build --app %s`", v.app))
	}
	return v.release(row.Version)
}

// makeCurrent makes rel current and gives its new process types their rows.
func (v *view) makeCurrent(rel Release) error {
	former, err := v.current()
	if err != nil {
		return err
	}
	if err := v.put(v.keys.current(), currentRow{Version: rel.Version, Previous: former.Version}); err != nil {
		return err
	}
	f, err := v.formation()
	if err != nil {
		return err
	}
	rows := len(f)
	for _, p := range rel.ProcessTypes {
		if _, ok := f[p.Type]; ok || p.Type == "release" {
			continue
		}
		f[p.Type] = 0
		if p.Type == "web" {
			f[p.Type] = 1
		}
	}
	if len(f) == rows {
		return nil
	}
	return v.put(v.keys.formation(), f)
}

// refuse is a fault of whoever asked for what can't be done; exit code 72.
func refuse(id, text string, hints ...string) error {
	return fault.New(fault.Usage, fault.ExitRelease, "release/"+id, fmt.Errorf("%s", text), hints...)
}
