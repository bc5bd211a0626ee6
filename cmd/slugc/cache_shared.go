package main

import (
	"context"
	"time"

	"slugc/buildpacks/reference"
	"slugc/buildpacks/toolchain"
	"slugc/cache"
	"slugc/compiler/artifact"
	"slugc/compiler/launch/trees"
	"slugc/compiler/slug"
	"slugc/compiler/upkeep"
)

// sharedStores opens what all apps share: the toolchains, and the segments of what apps run on.
func sharedStores(home *cache.Home) (*toolchain.Store, *slug.Store, error) {
	tools, err := toolchain.Open(home.Path("toolchains"), toolchain.Settings{})
	if err != nil {
		return nil, nil, err
	}
	segments, err := slug.OpenShared(home.Path("segments"))
	return tools, segments, err
}

// pruneShared removes what all apps share, buildpacks that are not built in included, if all, or else what was not
// used for an age (0: no limit), and the segments of what is no longer there. A running build loses nothing. It
// returns the bytes freed.
func pruneShared(ctx context.Context, home *cache.Home, all bool, age time.Duration) (freed int64, err error) {
	tools, segments, err := sharedStores(home)
	if err != nil {
		return 0, err
	}
	freed, err = tools.Prune(func(_ toolchain.Toolchain, used time.Time) bool {
		return !all && (age <= 0 || time.Since(used) < age)
	})
	if err != nil {
		return freed, err
	}
	n, err := upkeep.SweepSegments(ctx, tools, segments)
	if freed += n; err != nil {
		return freed, err
	}
	taken, err := reference.OpenKept(home.Path("foreign"))
	if taken == nil || err != nil {
		return freed, err
	}
	n, err = taken.Prune(func(k reference.Kept) bool {
		return !all && (age <= 0 || time.Since(k.Used) < age)
	})
	return freed + n, err
}

// verifyShared checks the toolchains and the segments that all apps share, what is kept unpacked to run, and the
// buildpacks that are not built in. It removes what is damaged and says so, one sentence each.
func verifyShared(ctx context.Context, home *cache.Home) ([]string, error) {
	tools, segments, err := sharedStores(home)
	if err != nil {
		return nil, err
	}
	problems, err := tools.Verify(ctx)
	if err != nil {
		return problems, err
	}
	more, err := artifact.VerifySegments(ctx, "shared by all apps", segments)
	if problems = append(problems, more...); err != nil {
		return problems, err
	}
	unpacked, err := trees.Open(home.Path("trees"))
	if err != nil {
		return problems, err
	}
	more, err = unpacked.Verify(ctx)
	if problems = append(problems, more...); err != nil {
		return problems, err
	}
	taken, err := reference.OpenKept(home.Path("foreign"))
	if taken == nil || err != nil {
		return problems, err
	}
	more, err = taken.Verify(ctx)
	return append(problems, more...), err
}
