package release

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
	"slugc/detect/lazyregexp"
)

// Config is a set of config vars: values by name. A value may be a secret, so a Config prints as its names; only
// its JSON has the values.
type Config map[string]string

// Names returns the names, sorted.
func (c Config) Names() []string { return slices.Sorted(maps.Keys(c)) }

// String returns the names, and no value.
func (c Config) String() string { return strings.Join(c.Names(), ", ") }

// GoString returns what String does.
func (c Config) GoString() string { return c.String() }

// MaxConfig is the most bytes of an app's config vars, names and values together, as on Heroku (Dev Center,
// "Configuration and Config Vars").
const MaxConfig = 64 << 10

// ConfigChange is a change of an app's config vars.
type ConfigChange struct {
	Set   Config
	Unset []string // what is not set is ignored
}

var varName = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]{0,255}$`)

// ownVars are variables that every process gets from slugc, so that a config var of the name has no effect.
var ownVars = map[string]string{
	"HOME": "every process gets its own", "PWD": "every process gets its own",
	"DYNO": "every process gets its own", "PS": "every process gets its own",
	"PORT": "a port belongs to the machine, and every process gets its own",
}

// OwnVar returns why a config var of the name would have no effect, "" if it has one.
func OwnVar(name string) string { return ownVars[name] }

var shownVar = lazyregexp.New(`^[A-Za-z0-9_.-]{1,40}$`)

// ShowVar quotes what cannot be a variable's name for an error. What does not even look like one may be a value, and
// a secret: it is not shown.
func ShowVar(name string) string {
	if shownVar.MatchString(name) {
		return strconv.Quote(name)
	}
	return "a text that is not shown (it may be a secret)"
}

// Check returns an error if a config var cannot be called so, or cannot have its value: a fault
// "release/config-name" or "release/config-value". No error has a value in it.
func (c ConfigChange) Check() error {
	for _, name := range slices.Concat(c.Set.Names(), c.Unset) {
		if !varName.MatchString(name) {
			return fault.UsageError("release/config-name",
				fmt.Errorf("naming a config var: %s is not a variable's name", ShowVar(name)),
				"write letters, digits and `_`, and no digit first, then = and the value")
		}
	}
	for name, value := range c.Set {
		if why := OwnVar(name); why != "" {
			hint := "choose another name"
			if name == "PORT" {
				hint = "name the port where the app runs: `-p 5000` of `slugc run`, `start` and `export`"
			}
			return fault.UsageError("release/config-name",
				fmt.Errorf("setting the config var %s: %s", name, why), hint)
		}
		if strings.ContainsRune(value, 0) || !utf8.ValidString(value) {
			return fault.UsageError("release/config-value",
				fmt.Errorf("setting the config var %s: its value is not text in UTF-8", name),
				"encode it, in base64 for one, and have the app decode it")
		}
	}
	return nil
}

// apply returns the config vars after the change, and the names of those that it sets to another value or removes,
// sorted.
func (c ConfigChange) apply(before Config) (after Config, changed []string, err error) {
	after = maps.Clone(before)
	if after == nil {
		after = Config{}
	}
	maps.Copy(after, c.Set)
	for _, name := range c.Unset {
		delete(after, name)
	}
	size := 0
	for name, value := range after {
		size += len(name) + len(value)
		if was, set := before[name]; !set || was != value {
			changed = append(changed, name)
		}
	}
	for name := range before {
		if _, set := after[name]; !set {
			changed = append(changed, name)
		}
	}
	if size > MaxConfig && len(changed) > 0 {
		return nil, nil, fault.UsageError("release/config-too-large",
			fmt.Errorf("setting config vars: they would have %d bytes together, more than %d", size, MaxConfig),
			"keep what is large where the app can read it, and its address in a config var")
	}
	slices.Sort(changed)
	return after, changed, nil
}

// maxNamed is how many config vars a description names.
const maxNamed = 10

// description describes the release that a change makes, by the names of the vars that it changes.
func (c ConfigChange) description(after Config, changed []string) string {
	var set, unset []string
	for _, name := range changed {
		if _, is := after[name]; is {
			set = append(set, name)
		} else {
			unset = append(unset, name)
		}
	}
	var parts []string
	for verb, names := range map[string][]string{"Set": set, "Unset": unset} {
		if len(names) == 0 {
			continue
		}
		more := ""
		if n := len(names) - maxNamed; n > 0 {
			names, more = names[:maxNamed], fmt.Sprintf(" and %d more", n)
		}
		parts = append(parts, verb+" "+strings.Join(names, ", ")+more)
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

// configHead is which config set is the app's own.
type configHead struct {
	Rev  int `json:"rev"`  // 0: none
	Last int `json:"last"` // the last revision that was given
}

// Config returns the app's own config vars: those that its next release gets.
func (r *Releases) Config(ctx context.Context, app string) (vars Config, err error) {
	err = r.readApp(ctx, app, func(tx *transaction) error {
		head, err := tx.configHead()
		if err == nil {
			vars, err = tx.configSet(head.Rev)
		}
		return err
	})
	return vars, err
}

// ConfigOf returns the config vars of a release. Those of a release that never was current are what it would get
// now. They never change, so that any member of the coordinator may answer. It refuses with [ErrUnknownVersion] and
// [ErrConfigGone].
func (r *Releases) ConfigOf(ctx context.Context, app string, version int) (vars Config, err error) {
	if err := CheckApp(app); err != nil {
		return nil, err
	}
	_, err = r.read(ctx, true, func(ctx context.Context, from coordinator.Reader) error {
		tx := r.begin(ctx, app, from)
		rel, err := tx.release(version)
		if err == nil && rel.Status != Current && rel.Status != Superseded && rel.RollbackOf > 0 {
			vars, _, err = tx.rollbackConfig(rel.RollbackOf, rel.ConfigVars)
			return err
		}
		rev, err := tx.configRev(version)
		if err == nil {
			vars, err = tx.configSet(rev)
		}
		return err
	})
	return vars, err
}

// RollbackConfig returns the config vars that an app gets by a rollback to a release: those of the release, and of
// the names that its release process had from elsewhere, such as a flag, what the app has now. It refuses as ConfigOf.
func (r *Releases) RollbackConfig(ctx context.Context, app string, version int) (vars Config, err error) {
	err = r.readApp(ctx, app, func(tx *transaction) error {
		rel, err := tx.release(version)
		if err == nil {
			vars, _, err = tx.rollbackConfig(version, rel.ConfigVars)
		}
		return err
	})
	return vars, err
}

// configHead reads which config set is the app's own, as this transaction leaves it.
func (tx *transaction) configHead() (row configHead, err error) {
	if tx.head != nil {
		return *tx.head, nil
	}
	_, err = tx.get(tx.keys.configHead(), &row)
	return row, err
}

// putConfigHead makes a config set the app's own.
func (tx *transaction) putConfigHead(row configHead) error {
	tx.head = &row
	return tx.put(tx.keys.configHead(), row)
}

// configSet reads a config set; that of revision 0 is empty.
func (tx *transaction) configSet(rev int) (vars Config, err error) {
	vars = Config{}
	if rev == 0 {
		return vars, nil
	}
	found, err := tx.get(tx.keys.configSet(rev), &vars)
	if err == nil && !found {
		err = refusal(ErrConfigGone, fmt.Sprintf("set them again: `slugc config set %s NAME=VALUE`", tx.app),
			"the config vars of that release of %q (revision %d) were removed by a prune", tx.app, rev)
	}
	return vars, err
}

// configRev returns the revision of the config set that a release has. It is fixed when the release becomes current.
// One that slugc registered before it kept config vars has none of its own: it has the app's.
func (tx *transaction) configRev(version int) (int, error) {
	var row statusRow
	if _, err := tx.get(tx.status(version), &row); err != nil {
		return 0, err
	}
	if row.ConfigRev != nil {
		return *row.ConfigRev, nil
	}
	head, err := tx.configHead()
	return head.Rev, err
}

// rollbackConfig returns the config vars after a rollback to a release whose release process had the names, and the
// revision of the set that has them, 0 if there is no such set yet.
func (tx *transaction) rollbackConfig(version int, names []string) (vars Config, rev int, err error) {
	head, err := tx.configHead()
	if err != nil {
		return nil, 0, err
	}
	if rev, err = tx.configRev(version); err != nil {
		return nil, 0, err
	}
	if vars, err = tx.configSet(rev); err != nil || rev == head.Rev {
		return vars, rev, err
	}
	present, err := tx.configSet(head.Rev)
	if err != nil {
		return nil, 0, err
	}
	own := len(vars)
	for _, name := range names {
		value, set := present[name]
		if _, has := vars[name]; set && !has {
			vars[name] = value
		}
	}
	switch {
	case len(vars) == own:
		return vars, rev, nil
	case maps.Equal(vars, present):
		return vars, head.Rev, nil
	}
	return vars, 0, nil
}

// adoptConfig returns the status of a release that becomes current, with its config set, which becomes the app's
// own.
func (tx *transaction) adoptConfig(rel Release) (statusRow, error) {
	head, err := tx.configHead()
	if err != nil || rel.RollbackOf == 0 {
		return statusRow{promoted, &head.Rev}, err
	}
	vars, rev, err := tx.rollbackConfig(rel.RollbackOf, rel.ConfigVars)
	if err != nil {
		return statusRow{}, err
	}
	if rev == 0 && len(vars) > 0 {
		head.Last++
		rev = head.Last
		if err := tx.create(tx.keys.configSet(rev), vars); err != nil {
			return statusRow{}, err
		}
	}
	return statusRow{promoted, &rev}, tx.putConfigHead(configHead{rev, head.Last})
}
