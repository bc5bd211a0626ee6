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

// Resolve selects one of the plans of every candidate, so that the same or an earlier candidate provides
// each requirement, and the same or a later one requires each provision (specification, "Phase #1:
// Detection"). It tries alternatives from left to right, depth first, and drops an optional candidate whose
// plan does not fit. It returns false when no selection fits.
func Resolve(candidates []Candidate) ([]Member, bool) {
	chosen := make([]libcnb.BuildPlan, len(candidates))
	var try func(i int) ([]Member, bool)
	try = func(i int) ([]Member, bool) {
		if i == len(candidates) {
			return trial(candidates, chosen)
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

// trial returns the group for one selection of plans. It drops optional candidates whose plan does not fit,
// until all plans fit.
func trial(candidates []Candidate, plans []libcnb.BuildPlan) ([]Member, bool) {
	kept := make([]bool, len(candidates))
	for i := range kept {
		kept[i] = true
	}
	for {
		unmet := firstUnmet(plans, kept)
		if unmet < 0 {
			break
		}
		if !candidates[unmet].Optional {
			return nil, false
		}
		kept[unmet] = false
	}
	var members []Member
	for i, c := range candidates {
		if kept[i] {
			members = append(members, Member{Buildpack: c.Buildpack, Entries: entriesFor(i, plans, kept)})
		}
	}
	return members, len(members) > 0
}

// firstUnmet returns the index of the first kept candidate with a requirement that none before it provides,
// or a provision that none after it requires. It returns -1 if there is none.
func firstUnmet(plans []libcnb.BuildPlan, kept []bool) int {
	for i, plan := range plans {
		if !kept[i] {
			continue
		}
		for _, r := range plan.Requires {
			if !slices.ContainsFunc(providers(plans, kept, r.Name), func(p int) bool { return p <= i }) {
				return i
			}
		}
		for _, p := range plan.Provides {
			if !slices.ContainsFunc(requirers(plans, kept, p.Name), func(r int) bool { return r >= i }) {
				return i
			}
		}
	}
	return -1
}

// providers returns the indexes of the kept candidates that provide name.
func providers(plans []libcnb.BuildPlan, kept []bool, name string) []int {
	return indexes(plans, kept, func(plan libcnb.BuildPlan) bool {
		return slices.ContainsFunc(plan.Provides, func(p libcnb.BuildPlanProvide) bool { return p.Name == name })
	})
}

// requirers returns the indexes of the kept candidates that require name.
func requirers(plans []libcnb.BuildPlan, kept []bool, name string) []int {
	return indexes(plans, kept, func(plan libcnb.BuildPlan) bool {
		return slices.ContainsFunc(plan.Requires, func(r libcnb.BuildPlanRequire) bool { return r.Name == name })
	})
}

func indexes(plans []libcnb.BuildPlan, kept []bool, holds func(libcnb.BuildPlan) bool) (found []int) {
	for i, plan := range plans {
		if kept[i] && holds(plan) {
			found = append(found, i)
		}
	}
	return found
}

// entriesFor returns the plan entries of candidate i: the requirements of the group that it provides first.
func entriesFor(i int, plans []libcnb.BuildPlan, kept []bool) (entries []libcnb.BuildpackPlanEntry) {
	for j, plan := range plans {
		if !kept[j] {
			continue
		}
		for _, r := range plan.Requires {
			if p := providers(plans, kept, r.Name); len(p) > 0 && p[0] == i {
				entries = append(entries, libcnb.BuildpackPlanEntry(r))
			}
		}
	}
	return entries
}
