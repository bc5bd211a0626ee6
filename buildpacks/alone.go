package buildpacks

import (
	"errors"
	"os"

	"github.com/buildpacks/libcnb/v2"

	"slugc/detect"
)

// detectAlone is bin/detect, which only platforms other than slugc call. slugc chooses a group of languages first and
// asks each of them afterwards; here the buildpack makes that choice itself, and passes if it is part of it. Beyond
// it, a buildpack passes only with plans that another buildpack must ask for.
func (l Language) detectAlone(ctx libcnb.DetectContext) (libcnb.DetectResult, error) {
	in := detect.Input{FS: os.DirFS(ctx.ApplicationPath), Env: ctx.Platform.Environment}
	verdicts := detect.All(in)
	chosen, err := detect.Group(in, verdicts)
	if _, none := errors.AsType[*detect.NoMatch](err); err != nil && !none {
		return libcnb.DetectResult{}, l.concerned(err, verdicts)
	}
	result, err := l.Detect(ctx)
	if err != nil || !result.Pass {
		return result, err
	}
	for _, r := range chosen {
		if r.Language == l.Name {
			tell(result.Plans, MetadataOf(r))
			return result, nil
		}
	}
	return onlyOffers(result), nil
}

// concerned returns the error of a choice, unless it is the business of another language's buildpack.
func (l Language) concerned(err error, verdicts []detect.Verdict) error {
	for _, v := range verdicts {
		if v.Language != l.Name && v.Err != nil && errors.Is(err, v.Err) {
			return nil
		}
	}
	return err
}

// tell adds what the buildpack must know of its place in the group to what it requires: bin/build finds it in its
// part of the build plan.
func tell(plans []libcnb.BuildPlan, metadata []Metadata) {
	for _, plan := range plans {
		for i := range plan.Requires {
			r := &plan.Requires[i]
			for _, m := range metadata {
				if m.Entry != r.Name {
					continue
				}
				if r.Metadata == nil {
					r.Metadata = map[string]any{}
				}
				r.Metadata[m.Key] = m.Value
			}
		}
	}
}

// onlyOffers leaves the plans that require nothing.
func onlyOffers(result libcnb.DetectResult) libcnb.DetectResult {
	var offers []libcnb.BuildPlan
	for _, plan := range result.Plans {
		if len(plan.Requires) == 0 {
			offers = append(offers, plan)
		}
	}
	return libcnb.DetectResult{Pass: len(offers) > 0, Plans: offers}
}
