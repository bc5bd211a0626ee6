package compiler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"slugc/buildpacks"
	"slugc/buildpacks/diagnosis"
	"slugc/buildpacks/toolchain"
	"slugc/compiler/fault"
	"slugc/compiler/source"
	"slugc/detect"
)

// hasChoice reports whether the app leaves the version of a tool to us, within bounds.
func (g Group) hasChoice() bool {
	return slices.ContainsFunc(g.Chosen, func(result detect.Result) bool {
		return slices.ContainsFunc(result.Requires, func(r detect.Requirement) bool { return r.Newer != "" })
	})
}

// newer returns the group with what the app says of newer versions of a tool ([detect.Requirement.Newer]),
// and whether it leaves a choice at all.
func (g Group) newer(tool string) (Group, bool) {
	for i, result := range g.Chosen {
		for j, r := range result.Requires {
			if r.Tool == tool && r.Newer != "" && r.Newer != r.Constraint {
				g.Chosen = slices.Clone(g.Chosen)
				result.Requires = slices.Clone(result.Requires)
				r.Constraint, r.Newer = r.Newer, ""
				result.Requires[j], g.Chosen[i] = r, result
				return g, true
			}
		}
	}
	return g, false
}

// newerFor returns the group for a second try after a build has failed with err, and the tool of which it
// needs a newer version.
func (g Group) newerFor(err error) (newer Group, tool string, ok bool) {
	d, found := errors.AsType[*diagnosis.Diagnosis](err)
	if !found || d.Newer == "" {
		return g, "", false
	}
	newer, ok = g.newer(d.Newer)
	return newer, d.Newer, ok
}

// buildNewer builds from the source again, by a group that newerFor returned after failed. The first build may
// have changed its copy of the source.
func (b *build) buildNewer(
	ctx context.Context, src *source.Source, last Staged, group Group, lease *toolchain.Lease, tool string,
	failed error,
) (Staged, Built, error) {
	why := fault.Of(failed)
	b.Report.Warn(fmt.Sprintf("%s The newest %s is used instead.", why.Error(),
		cmp.Or(buildpacks.Title(detect.Language(tool)), tool)))
	for _, hint := range why.Hints {
		b.Report.Detail("hint: " + hint)
	}
	staged, built, err := b.buildAgain(ctx, src, last, group, lease, reuseSlices)
	if gone, ok := errors.AsType[*toolchain.Unavailable](err); ok && gone.Tool == tool {
		b.Report.Warn(gone.Error())
		return staged, Built{}, failed
	}
	return staged, built, err
}
