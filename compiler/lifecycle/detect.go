package lifecycle

import (
	"errors"
	"fmt"

	"github.com/buildpacks/libcnb/v2"
)

// Detect calls a built-in buildpack's detect function for the app in dir, and returns the build plans that
// it offers. What the platform tells it is in the directory platform, which may be missing: [extension.Member]. It does
// so in this process, because built-in detection only reads files.
func Detect(
	bp Buildpack, detect libcnb.DetectFunc, dir, platform string, env map[string]string,
) (Candidate, error) {
	result, err := detect(libcnb.DetectContext{
		ApplicationPath: dir, Buildpack: bp.Buildpack, Platform: libcnb.Platform{Path: platform, Environment: env},
	})
	if err == nil && (!result.Pass || len(result.Plans) == 0) {
		err = errors.New("the buildpack declines what its detector accepts")
	}
	if err != nil {
		return Candidate{}, fmt.Errorf("detecting with %s: %w", bp.Info.ID, err)
	}
	return Candidate{Buildpack: bp, Plans: libcnb.BuildPlans{BuildPlan: result.Plans[0], Or: result.Plans[1:]}}, nil
}
