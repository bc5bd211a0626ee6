package release

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"slugc/compiler/coordinator"
	"slugc/compiler/procfile"
)

// The values of the store, besides Release and slugRow.
type (
	currentRow struct {
		Version  int `json:"version"`
		Previous int `json:"previous,omitempty"`
	}
	statusRow struct {
		Status Status `json:"status"`
		// ConfigRev is nil while a release is pending, and of one from before config vars were kept.
		ConfigRev *int `json:"config_rev,omitempty"`
	}
	versionRow struct {
		Version   int  `json:"version"`
		Cancelled bool `json:"cancelled,omitempty"` // of an idempotency key: it never gets a release
	}
	quantityRow struct { // of the formation
		Quantity int `json:"quantity"`
	}
	metaRow struct {
		CreatedAt time.Time `json:"created_at"`
	}
)

// promoted is the stored status of a release that is or was current.
const promoted Status = "promoted"

// visible is the status of release n for callers.
func (s statusRow) visible(n int, current currentRow) Status {
	switch {
	case n == current.Version:
		return Current
	case s.Status == promoted:
		return Superseded
	}
	return s.Status
}

// transaction reads as of one moment. Committing its writes compares the revision of everything it
// read.
type transaction struct {
	keys
	ctx  context.Context
	from coordinator.Reader
	// cached is read instead of the store; a key that it lacks is taken to be missing. nil: none.
	cached    map[string]coordinator.Entry
	read      map[string]coordinator.Entry
	order     []string        // of read's keys
	unchecked map[string]bool // keys that are not compared: no write depends on them
	creates   []coordinator.Compare
	head      *configHead // what this transaction puts; nil: nothing
	writes    []coordinator.Write
}

// load reads those keys that were not read yet, in one request. Earlier keys are read again with
// them, and must not have changed.
func (tx *transaction) load(wanted ...string) error {
	before := len(tx.order)
	for _, key := range wanted {
		if !slices.Contains(tx.order, key) {
			tx.order = append(tx.order, key)
		}
	}
	if len(tx.order) == before {
		return nil
	}
	if tx.cached != nil {
		for _, key := range tx.order[before:] {
			e := tx.cached[key]
			e.Key = key
			tx.read[key] = e
		}
		return nil
	}
	entries, err := tx.from.Get(tx.ctx, tx.order...)
	if err != nil {
		return err
	}
	for i, e := range entries {
		if i < before && e.Rev != tx.read[e.Key].Rev {
			return fmt.Errorf("key %q changed between two reads: %w", e.Key, coordinator.ErrConflict)
		}
		tx.read[e.Key] = e
	}
	return nil
}

// get reads a key's JSON into a value and returns whether the key exists. The commit compares the
// key.
func (tx *transaction) get(key string, into any) (bool, error) {
	if err := tx.load(key); err != nil {
		return false, err
	}
	delete(tx.unchecked, key)
	return tx.peek(key, into)
}

// peek is get for a key that was loaded, without marking it to be compared.
func (tx *transaction) peek(key string, into any) (bool, error) {
	e := tx.read[key]
	if e.Rev == 0 {
		return false, nil
	}
	return true, decode(e, into)
}

// commit commits the writes, and returns the entries that the next registration will compare, as
// they are now.
func (tx *transaction) commit(c coordinator.Coordinator) (map[string]coordinator.Entry, error) {
	compares := slices.Clone(tx.creates)
	for _, key := range tx.order {
		if !tx.unchecked[key] {
			compares = append(compares, coordinator.Compare{Key: key, Rev: tx.read[key].Rev})
		}
	}
	rev, err := c.Commit(tx.ctx, compares, tx.writes)
	if err != nil {
		return nil, err
	}
	for _, w := range tx.writes {
		delete(tx.read, w.Key)
		if !w.Delete {
			tx.read[w.Key] = coordinator.Entry{Key: w.Key, Value: w.Value, Rev: rev}
		}
	}
	left := map[string]coordinator.Entry{}
	for key, e := range tx.read {
		if e.Rev > 0 && tx.isHead(key) {
			left[key] = e
		}
	}
	return left, nil
}

// isHead reports whether every registration of the app reads this key, or may.
func (tx *transaction) isHead(key string) bool {
	return key == tx.next() || key == tx.keys.current() || key == tx.keys.configHead() ||
		strings.HasPrefix(key, tx.row("")) || strings.HasPrefix(key, slugKey(""))
}

// put writes a key's JSON when the view is committed.
func (tx *transaction) put(key string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("writing the coordinator's key %q: %w", key, err)
	}
	tx.writes = append(tx.writes, coordinator.Write{Key: key, Value: b})
	return nil
}

// remove removes a key when the view is committed.
func (tx *transaction) remove(key string) {
	tx.writes = append(tx.writes, coordinator.Write{Key: key, Delete: true})
}

// create writes a key that must not exist.
func (tx *transaction) create(key string, value any) error {
	tx.creates = append(tx.creates, coordinator.Compare{Key: key})
	return tx.put(key, value)
}

func (tx *transaction) current() (row currentRow, err error) {
	_, err = tx.get(tx.keys.current(), &row)
	return row, err
}

// formation reads the rows of process types; types without one are left out. The commit does not
// compare rows that only this call reads.
func (tx *transaction) formation(types procfile.ProcessMap) (Formation, error) {
	var wanted []string
	for _, p := range types {
		if key := tx.row(p.Type); p.Type != "release" && !slices.Contains(tx.order, key) {
			wanted = append(wanted, key)
			tx.unchecked[key] = true
		}
	}
	if err := tx.load(wanted...); err != nil {
		return nil, err
	}
	f := Formation{}
	for _, p := range types {
		if p.Type == "release" {
			continue
		}
		var row quantityRow
		if found, err := tx.peek(tx.row(p.Type), &row); err != nil {
			return nil, err
		} else if found {
			f[p.Type] = row.Quantity
		}
	}
	return f, nil
}

// release reads a release with its status.
func (tx *transaction) release(n int) (rel Release, err error) {
	found := false
	if n > 0 {
		if err := tx.load(tx.keys.release(n), tx.status(n), tx.keys.current()); err != nil {
			return Release{}, err
		}
		if found, err = tx.get(tx.keys.release(n), &rel); err != nil {
			return Release{}, err
		}
	}
	if !found {
		return Release{}, refusal(ErrUnknownVersion, fmt.Sprintf("`slugc releases %s` lists the releases", tx.app),
			"app %q has no release v%d", tx.app, n)
	}
	var row statusRow
	if _, err := tx.get(tx.status(n), &row); err != nil {
		return Release{}, err
	}
	current, err := tx.current()
	if err != nil {
		return Release{}, err
	}
	rel.Status = row.visible(n, current)
	if row.ConfigRev != nil {
		rel.ConfigRev = *row.ConfigRev
	}
	return rel, nil
}

func (tx *transaction) currentRelease() (Release, error) {
	row, err := tx.current()
	if err != nil {
		return Release{}, err
	}
	if row.Version == 0 {
		return Release{}, refusal(ErrNoReleases,
			fmt.Sprintf("build and release it with `slugc build --app %s`", tx.app),
			"app %q has no current release", tx.app)
	}
	return tx.release(row.Version)
}

// makeCurrent makes rel current, and writes the row of "web" if the app never had one. The app's first current release
// brings the rows of its own formation.
func (tx *transaction) makeCurrent(rel Release) error {
	before, err := tx.current()
	if err != nil {
		return err
	}
	if err := tx.put(tx.keys.current(), currentRow{Version: rel.Version, Previous: before.Version}); err != nil {
		return err
	}
	if before.Version == 0 && len(rel.Formation) > 0 {
		return tx.begin(rel)
	}
	if _, web := rel.ProcessTypes.Command("web"); !web {
		return nil
	}
	if found, err := tx.get(tx.row("web"), new(quantityRow)); err != nil || found {
		return err
	}
	return tx.put(tx.row("web"), quantityRow{1})
}

// begin writes the formation that the app's first current release brings.
func (tx *transaction) begin(rel Release) error {
	formation := Formation{"web": 1}
	maps.Copy(formation, rel.Formation)
	for _, p := range rel.ProcessTypes {
		if n, ok := formation[p.Type]; ok && p.Type != "release" {
			if err := tx.put(tx.row(p.Type), quantityRow{n}); err != nil {
				return err
			}
		}
	}
	return nil
}
