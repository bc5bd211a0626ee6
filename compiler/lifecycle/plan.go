package lifecycle

import (
	"slices"

	"github.com/buildpacks/libcnb/v2"
)

// Candidate is a buildpack that passed detection, with the build plans it offers.
type Candidate struct {
	Buildpack
	Optional bool
	Plans    libcnb.BuildPlans
}

// Resolve picks for every candidate one of its plans so that each requirement has a provider at the
// same place or earlier and each provision is required at the same place or later (buildpack
// specification, phase 1). Alternatives are tried left to right, depth first; an optional candidate
// whose plan cannot be met is dropped. It returns false when no choice works.
func Resolve(candidates []Candidate) ([]Member, bool) {
	chosen := make([]libcnb.BuildPlan, len(candidates))
	var try func(i int) ([]Member, bool)
	try = func(i int) ([]Member, bool) {
		if i == len(candidates) {
			return settle(candidates, chosen)
		}
		for _, plan := range append([]libcnb.BuildPlan{candidates[i].Plans.BuildPlan}, candidates[i].Plans.Or...) {
			chosen[i] = plan
			if members, ok := try(i + 1); ok {
				return members, true
			}
		}
		return nil, false
	}
	return try(0)
}

// settle checks one trial, dropping optional buildpacks that break it until nothing changes.
func settle(candidates []Candidate, plans []libcnb.BuildPlan) ([]Member, bool) {
	alive := make([]bool, len(candidates))
	for i := range alive {
		alive[i] = true
	}
	for {
		broken := firstUnmet(plans, alive)
		if broken < 0 {
			break
		}
		if !candidates[broken].Optional {
			return nil, false
		}
		alive[broken] = false
	}
	var members []Member
	for i, c := range candidates {
		if alive[i] {
			members = append(members, Member{Buildpack: c.Buildpack, Entries: entriesFor(i, plans, alive)})
		}
	}
	return members, len(members) > 0
}

// firstUnmet returns the first buildpack with a requirement that nobody provides in time or a
// provision that nobody wants, or -1.
func firstUnmet(plans []libcnb.BuildPlan, alive []bool) int {
	for i, plan := range plans {
		if !alive[i] {
			continue
		}
		for _, r := range plan.Requires {
			if !slices.ContainsFunc(providers(plans, alive, r.Name), func(p int) bool { return p <= i }) {
				return i
			}
		}
		for _, p := range plan.Provides {
			if !slices.ContainsFunc(requirers(plans, alive, p.Name), func(r int) bool { return r >= i }) {
				return i
			}
		}
	}
	return -1
}

func providers(plans []libcnb.BuildPlan, alive []bool, name string) (found []int) {
	for i, plan := range plans {
		if alive[i] &&
			slices.ContainsFunc(plan.Provides, func(p libcnb.BuildPlanProvide) bool { return p.Name == name }) {
			found = append(found, i)
		}
	}
	return found
}

func requirers(plans []libcnb.BuildPlan, alive []bool, name string) (found []int) {
	for i, plan := range plans {
		if alive[i] &&
			slices.ContainsFunc(plan.Requires, func(r libcnb.BuildPlanRequire) bool { return r.Name == name }) {
			found = append(found, i)
		}
	}
	return found
}

// entriesFor returns the requirements of the whole group that buildpack i is the first to provide.
func entriesFor(i int, plans []libcnb.BuildPlan, alive []bool) (entries []libcnb.BuildpackPlanEntry) {
	for j, plan := range plans {
		if !alive[j] {
			continue
		}
		for _, r := range plan.Requires {
			if p := providers(plans, alive, r.Name); len(p) > 0 && p[0] == i {
				entries = append(entries, libcnb.BuildpackPlanEntry{Name: r.Name, Metadata: r.Metadata})
			}
		}
	}
	return entries
}
