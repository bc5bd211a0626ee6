package compiler

import (
	"context"
	"errors"
	"fmt"

	"slugc/cache"
	"slugc/cache/disk"
	"slugc/compiler/artifact"
	"slugc/compiler/deploy"
	"slugc/compiler/fault"
	"slugc/compiler/release"
)

// release copies the slug to where the request wants it and makes it the app's current release.
func (b *build) release(ctx context.Context, result *Result) (*Result, error) {
	if b.Output != "" {
		if err := disk.ReplaceFile(result.Slug.Path, b.Output, 0o644); err != nil {
			return nil, fault.UsageError("slug/output",
				fmt.Errorf("writing the slug to %q: %w", b.Output, withoutPath(err)),
				"name a file in a directory that exists and can be written to",
				"the slug itself is kept: "+result.Slug.Path)
		}
	}
	var err error
	if b.Register {
		if result.Release, err = b.register(ctx, result); err != nil {
			err = b.registerLater(err, result.Slug.Path)
		}
		b.clock.mark("register")
	}
	if b.Output != "" {
		result.Slug.Path = b.Output
	}
	result.Phases = b.clock.phases
	return result, err
}

// register stores the slug and deploys it, unless it is the app's current release already. A
// pending release is made whether it is or not.
func (b *build) register(ctx context.Context, result *Result) (*Release, error) {
	c, err := b.Coordinator(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	releases := release.New(c, release.Options{Actor: b.Deploy.Actor})
	current, err := releases.Current(ctx, b.App)
	if err != nil && !errors.Is(err, release.ErrNoReleases) {
		return nil, err
	}
	notYet := err
	isCurrent := err == nil && current.Slug.Digest == result.Slug.Digest
	url := current.Slug.URL
	// A current release that names a store had its slug there once. One that names a file may be older
	// than the store.
	if file, sum := result.Slug.Path, result.Slug.Digest; isCurrent && !artifact.IsFileURL(url) {
		err = artifact.Repair(ctx, b.OpenStore, b.Report, url, file, sum, b.Fresh)
	} else {
		url, err = artifact.Store(ctx, b.OpenStore, b.Report, file, sum)
	}
	if err != nil {
		return nil, err
	}
	deployer := &deploy.Deployer{Home: b.Home, Releases: releases, Sandbox: b.Sandbox, Report: b.Report}
	if isCurrent && !b.Deploy.Pending {
		if err := deployer.CancelKilled(ctx, b.App, b.Deploy.Key); err != nil {
			return nil, err
		}
		return &Release{App: b.App, Version: current.Version, Status: string(current.Status)}, nil
	}
	first := errors.Is(notYet, release.ErrNoReleases)
	if err := b.setUpVars(ctx, releases, result.AppJSON, first); err != nil {
		return nil, err
	}
	made, err := deployer.Deploy(ctx, b.App, result.Slug.Path, b.releaseRequest(result, url), b.deployOptions(result))
	if err != nil {
		return nil, err
	}
	return &Release{App: b.App, Version: made.Version, Status: string(made.Status), New: true}, nil
}

// releaseRequest describes the new release.
func (b *build) releaseRequest(result *Result, url string) release.Request {
	s := result.Slug
	return release.Request{
		Slug:      release.SlugRef{Digest: s.Digest, Content: s.Content, Size: s.Size, URL: url},
		Processes: result.ProcessTypes, Addons: result.Addons, Commit: result.Commit,
		Description: b.description(result), Target: b.platform(), Formation: formationOf(result),
	}
}

// deployOptions are the request's, with one key a build: if the outcome of the commit is unknown,
// the retry finds the release instead of making a second one. A release process may use as much as the
// build's processes.
func (b *build) deployOptions(result *Result) deploy.Options {
	o := b.Deploy
	deadline := o.Limits.Deadline
	o.Limits = b.Limits
	o.Limits.Deadline, o.Limits.Idle = deadline, 0
	if result.AppJSON != nil {
		o.Setup = result.AppJSON.Postdeploy
	}
	if o.Key == "" {
		o.Key = cache.Key(b.App, string(result.Slug.Digest), b.clock.started.String())
	}
	return o
}

// shortForm is how many digits of a commit or digest a description shows.
const shortForm = 8

// description is the release's description.
func (b *build) description(result *Result) string {
	switch commit := result.Commit; {
	case b.Message != "":
		return b.Message
	case commit != "":
		return "Deploy " + commit[:min(len(commit), shortForm)]
	}
	return "Build " + result.Slug.Digest.Hex()[:shortForm]
}

// registerLater adds to the failure of a coordinator or store that the slug is kept and how to register
// it later. A failed release process would only fail again.
func (b *build) registerLater(err error, path string) error {
	if _, failed := errors.AsType[*deploy.PhaseError](err); failed {
		return err
	}
	f := *fault.Of(err)
	if b.Deploy.Pending {
		f.Hints = append(f.Hints, "the slug is kept, so the same source need not be built again")
	} else {
		f.Hints = append(f.Hints,
			fmt.Sprintf("the slug is kept; register it later with `slugc register %s --app %s`", path, b.App))
	}
	return &f
}
