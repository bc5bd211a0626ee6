package npmrange

import "github.com/Masterminds/semver/v3"

// Intersects reports whether some release satisfies both ranges. Pre-releases do not count: two
// ranges that have only pre-releases in common do not intersect.
func (r Range) Intersects(o Range) bool {
	// The lowest release of an intersection of intervals is the lowest release of one of them, or
	// 0.0.0.
	candidates := append(r.floors(), o.floors()...)
	for _, v := range append(candidates, semver.New(0, 0, 0, "", "")) {
		if r.match(v) && o.match(v) {
			return true
		}
	}
	return false
}

func (r Range) floors() []*semver.Version {
	var floors []*semver.Version
	for _, set := range r.sets {
		for _, c := range set {
			low := semver.New(c.v.Major(), c.v.Minor(), c.v.Patch(), "", "")
			next := low.IncPatch()
			floors = append(floors, low, &next)
		}
	}
	return floors
}
