package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/buildpacks/libcnb/v2"

	"slugc/compiler/fault"
)

// Outcome is what a buildpack's detection says of the app.
type Outcome struct {
	Pass   bool
	Plans  libcnb.BuildPlans // what it provides and requires, if it passes
	Output string            // what it wrote, for people
	Err    error             // it could not decide: it neither passes nor declines
}

// Verdict is what became of a buildpack, for people.
type Verdict struct {
	Buildpack
	Outcome
	Why string // "passed", "declined", "failed: exited with code 3"
}

// Choice is the group that builds the app.
type Choice struct {
	Members  []Member  // in order, with their entries of the Buildpack Plan; none without a group
	Verdicts []Verdict // of every buildpack that was asked, in the order of the groups
}

// Choose tries the groups of an order one after the other, and returns the first whose buildpacks pass and whose
// plans go together ([Resolve]). probe detects with one buildpack. It is called once for each that a group needs,
// and at the same time for those of one group. The Choice has the verdicts also with an error. The fault is
// "detect/no-match" where no group passes, and "buildpack/detect-failed" where none passes and a detection failed.
func Choose(
	ctx context.Context, order [][]Ordered, probe func(context.Context, Buildpack) Outcome,
) (choice Choice, err error) {
	c := chooser{probe: probe, outcomes: map[string]Outcome{}}
	for _, group := range order {
		if err := c.ask(ctx, group); err != nil {
			return Choice{Verdicts: c.verdicts}, err
		}
		if members, ok := c.try(group); ok {
			return Choice{members, c.verdicts}, nil
		}
	}
	return Choice{Verdicts: c.verdicts}, c.fault(order)
}

// chooser is one call of Choose.
type chooser struct {
	probe    func(context.Context, Buildpack) Outcome
	outcomes map[string]Outcome // by the buildpack's name
	verdicts []Verdict
	failed   []Verdict // those whose failure decided against a group
	reasons  []string  // why each group was not chosen
}

// ask detects with the buildpacks of a group that were not asked before.
func (c *chooser) ask(ctx context.Context, group []Ordered) error {
	var asked []Buildpack
	seen := map[string]bool{}
	for _, o := range group {
		if _, ok := c.outcomes[o.Name()]; !ok && !seen[o.Name()] {
			asked = append(asked, o.Buildpack)
			seen[o.Name()] = true
		}
	}
	outcomes := make([]Outcome, len(asked))
	var all sync.WaitGroup
	for i, b := range asked {
		all.Go(func() { outcomes[i] = c.probe(ctx, b) })
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	for i, b := range asked {
		c.outcomes[b.Name()] = outcomes[i]
		c.verdicts = append(c.verdicts, Verdict{b, outcomes[i], why(outcomes[i])})
	}
	return nil
}

func why(o Outcome) string {
	switch {
	case o.Err != nil:
		return "failed: " + o.Err.Error()
	case o.Pass:
		return "passed"
	}
	return "declined"
}

// try returns the members of a group, or false where they do not pass or their plans do not go together.
func (c *chooser) try(group []Ordered) ([]Member, bool) {
	var candidates []Candidate
	for _, o := range group {
		switch outcome := c.outcomes[o.Name()]; {
		case outcome.Pass:
			candidates = append(candidates, Candidate{o.Buildpack, o.Optional, outcome.Plans})
		case !o.Optional && outcome.Err != nil:
			c.failed = append(c.failed, Verdict{o.Buildpack, outcome, why(outcome)})
			return nil, false
		case !o.Optional:
			c.reasons = append(c.reasons, o.Name()+" declines the app")
			return nil, false
		}
	}
	if len(candidates) == 0 {
		c.reasons = append(c.reasons, "none of the optional buildpacks takes the app")
		return nil, false
	}
	members, err := resolve(candidates)
	if err != nil {
		c.reasons = append(c.reasons, err.Error())
	}
	return members, err == nil
}

// fault is the fault of an order of which no group passes.
func (c *chooser) fault(order [][]Ordered) error {
	if len(order) == 0 {
		return fault.New(fault.App, fault.ExitNoMatch, "detect/no-match", errNoGroups, "name a buildpack")
	}
	if len(c.failed) > 0 {
		v := c.failed[0]
		if f, ok := errors.AsType[*fault.Error](v.Err); ok {
			return f
		}
		return fault.New(fault.App, fault.ExitDetect, "buildpack/detect-failed",
			fmt.Errorf("detecting with buildpack %s: %w", v.Name(), v.Err), detectHints(v.Output)...)
	}
	return fault.New(fault.App, fault.ExitNoMatch, "detect/no-match",
		fmt.Errorf("choosing buildpacks: %s", strings.Join(first(c.reasons, 3), "; ")),
		"check what the buildpacks look for in the app, or name others")
}

func detectHints(output string) []string {
	if strings.TrimSpace(output) == "" {
		return []string{"it says no more: ask the buildpack's author"}
	}
	return []string{"its output above says more"}
}

// first returns at most n different texts, and says how many more there are.
func first(texts []string, n int) (some []string) {
	seen := map[string]bool{}
	for _, t := range texts {
		if !seen[t] {
			some = append(some, t)
		}
		seen[t] = true
	}
	if len(some) > n {
		some = append(some[:n:n], fmt.Sprintf("and %d more", len(some)-n))
	}
	return some
}
