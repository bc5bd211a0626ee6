package lifecycle

import (
	"errors"
	"fmt"
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
// plan does not fit. As in the lifecycle, a candidate counts as optional with its last alternative only. It returns
// false when no selection fits.
func Resolve(candidates []Candidate) ([]Member, bool) {
	members, err := resolve(candidates)
	return members, err == nil
}

// maxTrials is how many selections of plans are tried: alternatives of many candidates multiply.
const maxTrials = 100_000

// resolve is [Resolve]. Its error says why the last selection does not fit.
func resolve(candidates []Candidate) (members []Member, err error) {
	chosen, last := make([]libcnb.BuildPlan, len(candidates)), make([]bool, len(candidates))
	trials := 0
	var try func(i int) bool
	try = func(i int) bool {
		if i == len(candidates) {
			trials++
			members, err = trial(candidates, chosen, last)
			return err == nil || trials == maxTrials
		}
		c := candidates[i].Plans
		for n, plan := range append([]libcnb.BuildPlan{c.BuildPlan}, c.Or...) {
			chosen[i], last[i] = plan, n == len(c.Or)
			if try(i + 1) {
				return true
			}
		}
		return false
	}
	try(0)
	return members, err
}

// trial returns the group for one selection of plans. It drops optional candidates whose plan does not fit,
// until all plans fit. last says of which candidates the selected plan is the last alternative.
func trial(candidates []Candidate, plans []libcnb.BuildPlan, last []bool) ([]Member, error) {
	kept := make([]bool, len(candidates))
	for i := range kept {
		kept[i] = true
	}
	for {
		unmet, why := firstUnmet(plans, kept)
		if unmet < 0 {
			break
		}
		if !candidates[unmet].Optional || !last[unmet] {
			return nil, errors.New(candidates[unmet].Name() + " " + why)
		}
		kept[unmet] = false
	}
	var members []Member
	for i, c := range candidates {
		if kept[i] {
			members = append(members, Member{
				Buildpack: c.Buildpack, Entries: entriesFor(i, plans, kept), provides: provided(plans[i]),
			})
		}
	}
	if len(members) == 0 {
		return nil, errors.New("of no optional buildpack the plan fits")
	}
	return members, nil
}

// provided lists what a plan provides.
func provided(plan libcnb.BuildPlan) (names []string) {
	for _, p := range plan.Provides {
		names = append(names, p.Name)
	}
	return names
}

// firstUnmet returns the index of the first kept candidate with a requirement that none before it provides,
// or a provision that none after it requires, and says which. It returns -1 if there is none.
func firstUnmet(plans []libcnb.BuildPlan, kept []bool) (index int, why string) {
	for i, plan := range plans {
		if !kept[i] {
			continue
		}
		for _, r := range plan.Requires {
			if !slices.ContainsFunc(providers(plans, kept, r.Name), func(p int) bool { return p <= i }) {
				return i, fmt.Sprintf("requires %q, which no buildpack before it provides", r.Name)
			}
		}
		for _, p := range plan.Provides {
			if !slices.ContainsFunc(requirers(plans, kept, p.Name), func(r int) bool { return r >= i }) {
				return i, fmt.Sprintf("provides %q, which no buildpack after it requires", p.Name)
			}
		}
	}
	return -1, ""
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
