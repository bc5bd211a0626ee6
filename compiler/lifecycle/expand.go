package lifecycle

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"slugc/compiler/fault"
)

// Ordered is a buildpack in an order.
type Ordered struct {
	Buildpack
	Optional bool // the group can do without it
}

// maxGroups is how many groups an order may have: composite buildpacks of composite buildpacks multiply them.
const maxGroups = 1000

// Expand replaces the composite buildpacks in list by what they consist of, and returns the groups to try, in
// order. Each group of a composite buildpack is followed by the rest of list. A composite one that is optional adds
// the groups without it. A buildpack whose id a group already has is left out (specification, "Order Resolution").
// find returns the buildpack with that id and version, or false. The fault is "buildpack/composite" (exit 21), of a
// buildpack that is missing, of a cycle, or of too many groups.
func Expand(list []Ordered, find func(id, version string) (Buildpack, bool)) ([][]Ordered, error) {
	e := expansion{find: find}
	if err := e.expand(nil, list, nil); err != nil {
		return nil, err
	}
	return e.groups, nil
}

type expansion struct {
	find   func(id, version string) (Buildpack, bool)
	groups [][]Ordered
}

// pending is what is still to expand, of the composite buildpacks in within, the outermost first.
type pending struct {
	list   []Ordered
	within []string
}

// expand adds the groups that begin with done and continue with list and then with rest.
func (e *expansion) expand(done, list []Ordered, rest []pending) error {
	return e.next(done, append([]pending{{list: list}}, rest...))
}

func (e *expansion) next(done []Ordered, todo []pending) error {
	for len(todo) > 0 && len(todo[0].list) == 0 {
		todo = todo[1:]
	}
	if len(todo) == 0 {
		if len(e.groups) == maxGroups {
			return compositeFault(fmt.Errorf("expanding an order: it makes more than %d groups", maxGroups))
		}
		e.groups = append(e.groups, slices.Clone(done))
		return nil
	}
	first, within := todo[0].list[0], todo[0].within
	rest := append([]pending{{todo[0].list[1:], within}}, todo[1:]...)
	if slices.ContainsFunc(done, func(o Ordered) bool { return o.Info.ID == first.Info.ID }) {
		return e.next(done, rest)
	}
	if len(first.Order) == 0 {
		return e.next(append(slices.Clip(done), first), rest)
	}
	if at := slices.Index(within, first.Name()); at >= 0 {
		cycle := append(slices.Clip(within[at:]), first.Name())
		return compositeFault(fmt.Errorf("expanding composite buildpacks: a cycle, %s", strings.Join(cycle, " -> ")))
	}
	inside := append(slices.Clip(within), first.Name())
	for _, group := range first.Order {
		members, err := e.members(first, group)
		if err != nil {
			return err
		}
		if err := e.next(done, append([]pending{{members, inside}}, rest...)); err != nil {
			return err
		}
	}
	if first.Optional {
		return e.next(done, rest)
	}
	return nil
}

// members finds the buildpacks of a group of a composite buildpack.
func (e *expansion) members(of Ordered, group OrderOf) (members []Ordered, err error) {
	for _, r := range group {
		b, ok := e.find(r.ID, r.Version)
		if !ok {
			return nil, compositeFault(fmt.Errorf("expanding composite buildpack %s: %s@%s of its order is missing",
				of.Name(), r.ID, r.Version))
		}
		members = append(members, Ordered{b, r.Optional})
	}
	return members, nil
}

func compositeFault(err error) error {
	return fault.New(fault.App, fault.ExitDetect, "buildpack/composite", err,
		"name the buildpacks that it consists of one by one, or report it to the buildpack's author")
}

var errNoGroups = errors.New("choosing buildpacks: no buildpacks are named")
