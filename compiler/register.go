package compiler

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"slugc/cache"
	"slugc/compiler/fault"
	"slugc/compiler/release"
)

// register makes the slug the app's current release, unless it already is, or a pending one if the request says so.
func (b *build) register(ctx context.Context, result *Result) (*Release, error) {
	postponed := func(err error) error { return b.postponed(err, result.Slug.Path) }
	c, err := b.Coordinator(ctx)
	if err != nil {
		return nil, postponed(err)
	}
	defer c.Close()
	releases := release.New(c, release.Options{Actor: b.Rollout.Actor})
	if err := cancelKilled(ctx, releases, b.app); err != nil {
		return nil, postponed(err)
	}
	ref := release.SlugRef{Digest: result.Slug.Digest, Content: result.Slug.Content, Size: result.Slug.Size, URL: FileURL(result.Slug.Path)}
	current, err := releases.Current(ctx, b.App)
	if err != nil && fault.Of(err).ID != "release/no-releases" {
		return nil, postponed(err)
	}
	if err == nil && current.Slug.Digest == ref.Digest && !b.Rollout.Pending {
		return &Release{App: b.App, Version: current.Version, Status: string(current.Status)}, nil
	}
	// One key a build: should the outcome of the commit be unknown, the retry finds the release instead of making a second one.
	key := b.Rollout.Key
	if key == "" {
		key = cache.Key(b.App, ref.Digest, b.started.String())
	}
	r, err := b.Introduce(ctx, releases, b.App, result.Slug.Path, result.ProcessTypes, b.Rollout, func(pending bool) (release.Release, error) {
		if pending && !b.Rollout.Pending {
			if err := begun(b.app, key); err != nil {
				return release.Release{}, err
			}
		}
		if b.Rollout.Begin != nil {
			if err := b.Rollout.Begin(); err != nil {
				return release.Release{}, err
			}
		}
		return releases.Register(ctx, b.App, release.Request{Slug: ref, Processes: result.ProcessTypes, Addons: result.Addons,
			Commit: result.Commit, Description: b.description(result), Key: key, Pending: pending})
	})
	if r.Version > 0 {
		err = errors.Join(err, ended(b.app))
	}
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

// postponed adds to a coordinator's failure that the slug is kept and how to register it later.
func (b *build) postponed(err error, path string) error {
	f := *fault.Of(err)
	if f.ID == "release/phase-failed" {
		return &f // registering it again would run the same command
	}
	if b.Rollout.Pending {
		f.Hints = append(f.Hints, "the slug is kept, so the same source need not be built again")
		return &f
	}
	f.Hints = append(f.Hints, fmt.Sprintf("the slug is kept; register it later with `slugc register %s --app %s`", path, b.App))
	return &f
}

// FileURL is where a slug on this machine is kept.
func FileURL(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

// short is the usual beginning of a digest or commit.
func short(digest string) string {
	if len(digest) > 7 && digest[:7] == "sha256:" {
		digest = digest[7:]
	}
	return digest[:min(len(digest), 8)]
}
