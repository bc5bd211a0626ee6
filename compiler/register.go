package compiler

import (
	"context"
	"errors"
	"fmt"

	"slugc/cache"
	"slugc/cache/digest"
	"slugc/compiler/artifact"
	"slugc/compiler/deploy"
	"slugc/compiler/fault"
	"slugc/compiler/release"
)

// register makes the slug the app's current release, unless it already is, or a pending one if the
// request says so.
func (b *build) register(ctx context.Context, result *Result) (*Release, error) {
	postponed := func(err error) error { return b.postponed(err, result.Slug.Path) }
	c, err := b.Coordinator(ctx)
	if err != nil {
		return nil, postponed(err)
	}
	defer c.Close()
	releases := release.New(c, release.Options{Actor: b.Deploy.Actor})
	ref := release.SlugRef{Digest: result.Slug.Digest, Content: result.Slug.Content, Size: result.Slug.Size}
	current, err := releases.Current(ctx, b.App)
	if err != nil && !errors.Is(err, release.ErrNoReleases) {
		return nil, postponed(err)
	}
	ref.URL = current.Slug.URL
	// A release that names a store has its slug there. One that names a file may be older than the
	// store.
	if current.Slug.Digest != ref.Digest || artifact.IsFileURL(current.Slug.URL) {
		var err error
		if ref.URL, err = artifact.Store(ctx, b.Store, b.Report, result.Slug.Path, digest.Digest(ref.Digest)); err != nil {
			return nil, postponed(err)
		}
	}
	deployer := &deploy.Deployer{Home: b.Home, Sandbox: b.Sandbox, Report: b.Report}
	o := b.Deploy
	if err == nil && current.Slug.Digest == ref.Digest && !o.Pending {
		if err := deployer.CancelKilled(ctx, releases, b.App, o.Key); err != nil {
			return nil, postponed(err)
		}
		return &Release{App: b.App, Version: current.Version, Status: string(current.Status)}, nil
	}
	if o.Key == "" {
		// One key a build: if the outcome of the commit is unknown, the retry finds the release
		// instead of making a second one.
		o.Key = cache.Key(b.App, ref.Digest, b.started.String())
	}
	r, err := deployer.Deploy(ctx, releases, b.App, result.Slug.Path, release.Request{
		Slug: ref, Processes: result.ProcessTypes, Addons: result.Addons, Commit: result.Commit,
		Description: b.description(result), Target: b.Target.OS + "/" + b.Target.Arch,
	}, o)
	if err != nil {
		return nil, postponed(err)
	}
	return &Release{App: b.App, Version: r.Version, Status: string(r.Status), New: true}, nil
}

// description is what the release says of itself.
func (b *build) description(result *Result) string {
	switch {
	case b.Message != "":
		return b.Message
	case result.Commit != "":
		return "Deploy " + short(result.Commit)
	}
	return "Build " + short(result.Slug.Digest)
}

// postponed adds to a coordinator's or store's failure that the slug is kept and how to register it
// later.
func (b *build) postponed(err error, path string) error {
	f := *fault.Of(err)
	if _, failed := errors.AsType[*deploy.PhaseError](err); failed {
		return &f // registering it again would run the same command
	}
	if b.Deploy.Pending {
		f.Hints = append(f.Hints, "the slug is kept, so the same source need not be built again")
		return &f
	}
	f.Hints = append(
		f.Hints,
		fmt.Sprintf("the slug is kept; register it later with `slugc register %s --app %s`", path, b.App),
	)
	return &f
}

// short is the usual beginning of a digest or commit.
func short(digest string) string {
	if len(digest) > 7 && digest[:7] == "sha256:" {
		digest = digest[7:]
	}
	return digest[:min(len(digest), 8)]
}
