package release

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"slugc/cache/digest"
	"slugc/compiler/coordinator"
	"slugc/compiler/fault"
)

// Destroy removes an app with all its releases, its config vars, its formation and its keys, and the records of slugs
// that no other app releases. Where it is killed, the app has no current release, and Destroy again removes the rest.
// It refuses with [ErrUnknownApp], and with a transient fault "release/app-in-use" while a machine builds the app. An
// app that is released again later starts with v1.
func (r *Releases) Destroy(ctx context.Context, app string) error {
	if err := CheckApp(app); err != nil {
		return err
	}
	return r.retry(ctx, r.o.RetryTime, func(ctx context.Context) error {
		_, leave := r.queues.enter(ctx, app)
		defer leave()
		k := keys{app}
		entries, _, err := r.c.List(ctx, k.root())
		if err != nil {
			return err
		}
		named, err := r.c.Get(ctx, k.name())
		if err != nil {
			return err
		}
		if len(entries) == 0 && named[0].Rev == 0 {
			return refusal(ErrUnknownApp, "`slugc apps` lists the apps", "there is no app %q", app)
		}
		for _, e := range entries {
			if e.Key == LockKey(app) {
				return fault.TransientError("release/app-in-use",
					fmt.Errorf("destroying %q: %.80s builds it", app, e.Value), "try again when the build has ended")
			}
		}
		return r.destroy(ctx, k, entries)
	})
}

// destroy removes the entries: first what makes a release current, last what makes the app known.
func (r *Releases) destroy(ctx context.Context, k keys, entries []coordinator.Entry) error {
	releases, err := k.decodeList(entries)
	if err != nil {
		return err
	}
	slices.SortStableFunc(entries, func(a, b coordinator.Entry) int {
		return placeOf(k, a.Key) - placeOf(k, b.Key)
	})
	var doomed []string
	for _, e := range entries {
		doomed = append(doomed, e.Key)
	}
	unused, err := r.unusedSlugs(ctx, k, releases)
	if err != nil {
		return err
	}
	doomed = append(append(doomed, unused...), k.name())
	for some := range slices.Chunk(doomed, coordinator.MaxWrites) {
		var writes []coordinator.Write
		for _, key := range some {
			writes = append(writes, coordinator.Write{Key: key, Delete: true})
		}
		if _, err := r.c.Commit(ctx, nil, writes); err != nil {
			return err
		}
	}
	return nil
}

// placeOf orders the keys that are removed: with the current release go the config vars, which may be secrets.
func placeOf(k keys, key string) int {
	switch {
	case key == k.current(), key == k.configHead(), strings.HasPrefix(key, k.configSets()):
		return 0
	case key == k.next():
		return 2
	}
	return 1
}

// unusedSlugs returns the keys of the slugs of an app's releases that no other app's name.
func (r *Releases) unusedSlugs(ctx context.Context, k keys, releases []Release) (unused []string, err error) {
	doomed := map[digest.Digest]bool{}
	for _, rel := range releases {
		doomed[rel.Slug.Digest] = true
	}
	all, _, err := r.c.List(ctx, "/apps/")
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if strings.HasPrefix(e.Key, k.root()) || !strings.Contains(e.Key, "/releases/") {
			continue
		}
		var rel Release
		if err := decode(e, &rel); err != nil {
			return nil, err
		}
		delete(doomed, rel.Slug.Digest)
	}
	for d := range doomed {
		unused = append(unused, slugKey(d))
	}
	slices.Sort(unused)
	return unused, nil
}
