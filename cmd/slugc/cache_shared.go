package main

import (
	"context"

	"slugc/buildpacks/toolchain"
	"slugc/cache"
	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/artifact"
	"slugc/compiler/slug"
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

// sharedEntries lists what all apps share, with sizes.
func sharedEntries(home *cache.Home) ([]cacheEntry, error) {
	var list []cacheEntry
	store, _, err := sharedStores(home)
	if err != nil {
		return nil, err
	}
	tools, err := store.List()
	if err != nil {
		return nil, err
	}
	for _, t := range tools {
		size, err := disk.Size(t.Dir)
		if err != nil {
			return nil, err
		}
		list = append(list, cacheEntry{What: "toolchain " + t.Tool + " " + t.Version, Size: size})
	}
	for _, part := range []string{"segments", "run"} {
		size, err := disk.Size(home.Path(part))
		if err != nil {
			return nil, err
		}
		if size > 0 {
			list = append(list, cacheEntry{What: part, Size: size})
		}
	}
	return list, nil
}

// pruneShared removes the toolchains that keep does not hold for, and the segments of what is no longer
// in their store. A running build loses nothing. It returns the bytes freed.
func pruneShared(ctx context.Context, home *cache.Home, keep keepTool) (freed int64, err error) {
	tools, segments, err := sharedStores(home)
	if err != nil {
		return 0, err
	}
	if freed, err = tools.Prune(keep); err != nil {
		return freed, err
	}
	held, err := tools.Digests()
	if err != nil {
		return freed, err
	}
	n, err := segments.Prune(ctx, func(_, key string) bool { return held[digest.Digest(key)] })
	return freed + n, err
}

// verifyShared checks the toolchains and the segments that all apps share. It removes what is damaged and
// says so, one sentence each.
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
	return append(problems, more...), err
}
