package follow

import (
	"maps"
	"slices"

	"slugc/cache/digest"
	"slugc/compiler/procfile"
	"slugc/compiler/release"
)

// identity tells releases apart, also those of a coordinator that was put in the place of another.
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

// view is what runs, as far as a plan depends on it.
type view struct {
	live, next *running          // nil: none; next is being started beside live
	failed     *release.Snapshot // what could not be started and is not to be tried again
}

// running is a release that runs or is being started.
type running struct {
	id      identity
	types   procfile.ProcessMap
	ready   bool // unpacked: members can be started
	members []member
}

// verb is what an action does.
type verb string

const (
	drop   verb = "drop"   // stop the next release
	boot   verb = "boot"   // fetch the snapshot's release and start it beside the live one
	add    verb = "add"    // start a member
	remove verb = "remove" // stop a member
)

// action is one step of a plan.
type action struct {
	verb   verb
	next   bool // of the next release, not of the live one
	member member
}

// plan says what is to be done to get from what runs to what is wanted. Planning again while it is
// being done plans nothing twice.
func plan(v view, want release.Snapshot) []action {
	id := identify(want.Current)
	if id.version == 0 {
		return nil // what runs goes on
	}
	var todo []action
	if v.live != nil {
		todo = v.live.resize(false, want.Formation)
	}
	if v.next != nil && v.next.id == id {
		return append(todo, v.next.resize(true, want.Formation)...)
	}
	if v.next != nil {
		todo = append(todo, action{verb: drop, next: true})
	}
	if v.live != nil && v.live.id == id || v.failed != nil && same(*v.failed, want) {
		return todo
	}
	return append(todo, action{verb: boot, next: true})
}

// same says whether nothing has changed between two snapshots that could make a release start that
// did not.
func same(a, b release.Snapshot) bool {
	return identify(a.Current) == identify(b.Current) && maps.Equal(a.Formation, b.Formation)
}

// resize adds and removes members until the release has the formation's numbers. A type that the
// formation does not name keeps its members.
func (r *running) resize(next bool, formation release.Formation) (todo []action) {
	if !r.ready {
		return nil
	}
	for _, p := range r.types {
		quantity, named := formation[p.Type]
		if !named || p.Type == "release" {
			continue
		}
		for n := range quantity {
			if m := (member{p.Type, n + 1}); !slices.Contains(r.members, m) {
				todo = append(todo, action{add, next, m})
			}
		}
	}
	for _, m := range slices.Backward(r.members) {
		if quantity, named := formation[m.typ]; named && m.number > quantity {
			todo = append(todo, action{remove, next, m})
		}
	}
	return todo
}
