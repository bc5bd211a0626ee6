package follow

import (
	"maps"
	"slices"

	"slugc/cache/digest"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
)

// identity tells releases apart. Version numbers alone do not if another coordinator takes the place of the
// first.
type identity struct {
	version int
	digest  digest.Digest
}

func identify(r release.Release) identity { return identity{r.Version, r.Slug.Digest} }

// member is one process of a formation.
type member struct {
	typ    string
	number int // from 1
}

// view is the part of the follower's state that a plan depends on.
type view struct {
	live, next *running          // nil for none; next is being started beside live
	failed     *release.Snapshot // what could not be started; it is not tried again
}

// running is a release that runs or is being started.
type running struct {
	id       identity
	types    procfile.ProcessMap
	unpacked bool // its members can be started
	members  []member
}

// verb is what an action does.
type verb string

const (
	verbDrop   verb = "drop"   // stop the next release
	verbStart  verb = "start"  // fetch the wanted release and start it beside the live one
	verbAdd    verb = "add"    // start a member
	verbRemove verb = "remove" // stop a member
)

// action is one step of a plan.
type action struct {
	verb   verb
	next   bool // on the next release, not on the live one
	member member
}

// plan returns the actions that lead from what runs to what is wanted. Called again while they are carried
// out, it returns none of them twice.
func plan(v view, wanted release.Snapshot) []action {
	id := identify(wanted.Current)
	if id.version == 0 {
		return nil // what runs goes on
	}
	var todo []action
	if v.live != nil {
		todo = v.live.resize(false, wanted.Formation)
	}
	if v.next != nil && v.next.id == id {
		return append(todo, v.next.resize(true, wanted.Formation)...)
	}
	if v.next != nil {
		todo = append(todo, action{verb: verbDrop, next: true})
	}
	if v.live != nil && v.live.id == id || v.failed != nil && sameStart(*v.failed, wanted) {
		return todo
	}
	return append(todo, action{verb: verbStart, next: true})
}

// sameStart reports whether a release that does not start from one snapshot does not start from the other
// either: release and formation are the same.
func sameStart(a, b release.Snapshot) bool {
	return identify(a.Current) == identify(b.Current) && maps.Equal(a.Formation, b.Formation)
}

// resize returns the actions after which the release has the formation's numbers. A type that is not in the
// formation keeps its members.
func (r *running) resize(next bool, formation release.Formation) (todo []action) {
	if !r.unpacked {
		return nil
	}
	for _, p := range r.types {
		quantity, named := formation[p.Type]
		if !named || p.Type == "release" {
			continue
		}
		for n := range quantity {
			if m := (member{p.Type, n + 1}); !slices.Contains(r.members, m) {
				todo = append(todo, action{verbAdd, next, m})
			}
		}
	}
	for _, m := range slices.Backward(r.members) {
		if quantity, named := formation[m.typ]; named && m.number > quantity {
			todo = append(todo, action{verbRemove, next, m})
		}
	}
	return todo
}
