package release

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"slugc/compiler/fault"
	"slugc/compiler/procfile"
	"slugc/detect/lazyregexp"
)

// MaxQuantity is the largest quantity of a process type.
const MaxQuantity = procfile.MaxInstances

// Change is a change of the formation.
type Change struct {
	Type     string
	Quantity int  // the new quantity, or what is added to it
	Relative bool // Quantity is added, and may be negative
}

// changeForm is `type=2`, `type+1` or `type-1`. A type may contain hyphens: the last one before the
// digits is the sign.
var changeForm = lazyregexp.New(`^([A-Za-z0-9_-]{1,63})([=+-])([0-9]{1,6})$`)

// ParseScale reads changes such as "web=2", "worker+1" and "worker-1". Its error is a [fault.Error]
// with id "release/bad-scale".
func ParseScale(args ...string) ([]Change, error) {
	changes := make([]Change, 0, len(args))
	for _, arg := range args {
		m := changeForm.FindStringSubmatch(arg)
		if m == nil {
			return nil, fault.UsageError("release/bad-scale",
				fmt.Errorf("reading %.80q: it is not of the form type=quantity", arg),
				"write `web=2` to set a quantity, `web+1` or `web-1` to change it")
		}
		n, err := strconv.Atoi(m[3])
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", arg, err)
		}
		if m[2] == "-" {
			n = -n
		}
		changes = append(changes, Change{Type: m[1], Quantity: n, Relative: m[2] != "="})
	}
	return changes, nil
}

// Scale changes the formation, all changes in order or none, and returns it as [Releases.Formation]
// does. It refuses with [ErrNoReleases], [ErrUnknownType], [ErrNotScalable] for "release", and
// [ErrBadQuantity]. Relative changes whose outcome is unknown are not tried again.
func (r *Releases) Scale(ctx context.Context, app string, changes ...Change) (f Formation, err error) {
	again := idempotent
	for _, c := range changes {
		if c.Relative {
			again = notIdempotent
		}
	}
	err = r.update(ctx, app, again, func(tx *transaction) error {
		rel, err := tx.currentRelease()
		if err != nil {
			return err
		}
		rows, err := tx.formation(rel.ProcessTypes)
		if err != nil {
			return err
		}
		for _, c := range changes {
			delete(tx.unchecked, tx.row(c.Type))
			if err := rows.apply(app, rel, c); err != nil {
				return err
			}
		}
		f = rows.of(rel.ProcessTypes)
		scaled := map[string]bool{}
		for _, c := range changes {
			if scaled[c.Type] {
				continue
			}
			scaled[c.Type] = true
			if err := tx.put(tx.row(c.Type), quantityRow{rows[c.Type]}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// apply makes one change to the rows.
func (f Formation) apply(app string, rel Release, c Change) error {
	if c.Type == "release" {
		return refusal(ErrNotScalable, fmt.Sprintf("run it once more with `slugc run %s release`", app),
			`process type "release" runs once a release and can't be scaled`)
	}
	if _, ok := rel.ProcessTypes.Command(c.Type); !ok {
		return refusal(ErrUnknownType, "there are: "+scalableTypes(rel.ProcessTypes),
			"v%d of %q has no process type %q", rel.Version, app, c.Type)
	}
	n := c.Quantity
	if c.Relative {
		n += f[c.Type]
	}
	if err := checkQuantity(c.Type, n); err != nil {
		return err
	}
	f[c.Type] = n
	return nil
}

func checkQuantity(typ string, n int) error {
	if n < 0 || n > MaxQuantity {
		return refusal(ErrBadQuantity, fmt.Sprintf("choose a quantity from 0 to %d", MaxQuantity),
			"process type %q can't run %d times", typ, n)
	}
	return nil
}

func scalableTypes(types procfile.ProcessMap) string {
	var names []string
	for _, p := range types {
		if p.Type != "release" {
			names = append(names, p.Type)
		}
	}
	if len(names) == 0 {
		return "none that can be scaled"
	}
	return strings.Join(names, ", ")
}
