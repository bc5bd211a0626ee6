package release

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
	"slugc/compiler/procfile"
)

// The rows of the store beside Release and slugRow.
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
	quantityRow struct { // of the formation
		Quantity int `json:"quantity"`
	}
	metaRow struct {
		CreatedAt time.Time `json:"created_at"`
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

// view is a transaction: whatever is read through it is compared when its writes are committed, and
// was true at one moment.
type view struct {
	keys
	ctx  context.Context
	from coordinator.Reader
	// what is taken for true without reading it; nil: nothing, else a key that is not in it is
	// taken to be missing
	known   map[string]coordinator.Entry
	read    map[string]coordinator.Entry
	order   []string        // of read's keys
	loose   map[string]bool // keys that are not compared: nothing that is written depends on them
	creates []coordinator.Compare
	writes  []coordinator.Write
}

// load reads keys that were not read yet, in one request. What was read before is read again with
// them, and must not have changed.
func (v *view) load(wanted ...string) error {
	before := len(v.order)
	for _, key := range wanted {
		if !slices.Contains(v.order, key) {
			v.order = append(v.order, key)
		}
	}
	if len(v.order) == before {
		return nil
	}
	if v.known != nil {
		for _, key := range v.order[before:] {
			e := v.known[key]
			e.Key = key
			v.read[key] = e
		}
		return nil
	}
	entries, err := v.from.Get(v.ctx, v.order...)
	if err != nil {
		return err
	}
	for i, e := range entries {
		if i < before && e.Rev != v.read[e.Key].Rev {
			return fmt.Errorf("key %q changed between two reads: %w", e.Key, coordinator.ErrConflict)
		}
		v.read[e.Key] = e
	}
	return nil
}

// get reads a key's JSON, and says whether the key exists. Reading a key again gives the same.
func (v *view) get(key string, into any) (bool, error) {
	if err := v.load(key); err != nil {
		return false, err
	}
	delete(v.loose, key)
	return v.peek(key, into)
}

// peek is get for a key that was loaded and is not to be compared.
func (v *view) peek(key string, into any) (bool, error) {
	e := v.read[key]
	if e.Rev == 0 {
		return false, nil
	}
	return true, decode(e, into)
}

// commit commits the writes, and returns what is known of the keys that the next registration
// compares.
func (v *view) commit(c coordinator.Coordinator) (map[string]coordinator.Entry, error) {
	compares := slices.Clone(v.creates)
	for _, key := range v.order {
		if !v.loose[key] {
			compares = append(compares, coordinator.Compare{Key: key, Rev: v.read[key].Rev})
		}
	}
	rev, err := c.Commit(v.ctx, compares, v.writes)
	if err != nil {
		return nil, err
	}
	for _, w := range v.writes {
		v.read[w.Key] = coordinator.Entry{Key: w.Key, Value: w.Value, Rev: rev}
	}
	known := map[string]coordinator.Entry{}
	for key, e := range v.read {
		if e.Rev > 0 &&
			(key == v.next() || key == v.keys.current() || strings.HasPrefix(key, v.row("")) || strings.HasPrefix(key, slugKey(""))) {
			known[key] = e
		}
	}
	return known, nil
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
	v.creates = append(v.creates, coordinator.Compare{Key: key})
	return v.put(key, value)
}

func (v *view) current() (row currentRow, err error) {
	_, err = v.get(v.keys.current(), &row)
	return row, err
}

// formation reads the rows of process types; those without one are left out. Rows that nothing else
// reads are not compared.
func (v *view) formation(types procfile.ProcessMap) (Formation, error) {
	var wanted []string
	for _, p := range types {
		if key := v.row(p.Type); p.Type != "release" && !slices.Contains(v.order, key) {
			wanted = append(wanted, key)
			v.loose[key] = true
		}
	}
	if err := v.load(wanted...); err != nil {
		return nil, err
	}
	f := Formation{}
	for _, p := range types {
		if p.Type == "release" {
			continue
		}
		var row quantityRow
		if found, err := v.peek(v.row(p.Type), &row); err != nil {
			return nil, err
		} else if found {
			f[p.Type] = row.Quantity
		}
	}
	return f, nil
}

// release reads a release with its status.
func (v *view) release(n int) (rel Release, err error) {
	found := false
	if n > 0 {
		if err := v.load(v.keys.release(n), v.status(n), v.keys.current()); err != nil {
			return Release{}, err
		}
		if found, err = v.get(v.keys.release(n), &rel); err != nil {
			return Release{}, err
		}
	}
	if !found {
		return Release{}, refuse(
			"unknown-version",
			fmt.Sprintf("app %q has no release v%d", v.app, n),
			fmt.Sprintf("`slugc releases %s` lists those there are", v.app),
		)
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
		return Release{}, refuse(
			"no-releases",
			fmt.Sprintf("app %q has no current release", v.app),
			fmt.Sprintf("build and release it with `slugc build --app %s`", v.app),
		)
	}
	return v.release(row.Version)
}

// makeCurrent makes rel current, and gives its web processes a row where they never had one.
func (v *view) makeCurrent(rel Release) error {
	former, err := v.current()
	if err != nil {
		return err
	}
	if err := v.put(v.keys.current(), currentRow{Version: rel.Version, Previous: former.Version}); err != nil {
		return err
	}
	if _, web := rel.ProcessTypes.Command("web"); !web {
		return nil
	}
	if found, err := v.get(v.row("web"), new(quantityRow)); err != nil || found {
		return err
	}
	return v.put(v.row("web"), quantityRow{1})
}

// refuse is a fault of whoever asked for what can't be done; exit code 72.
func refuse(id, text string, hints ...string) error {
	return fault.New(fault.Usage, fault.ExitRelease, "release/"+id, fmt.Errorf("%s", text), hints...)
}
