package upkeep

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"slugc/buildpacks/reference"
	"slugc/buildpacks/toolchain"
	"slugc/cache"
	"slugc/cache/digest"
	"slugc/compiler/artifact"
	"slugc/compiler/launch/trees"
	"slugc/compiler/slug"
)

// building is why an app's cache stays that a build is about to use or has just used.
const building = "a build uses it"

// inventory lists everything that is kept, sorted. What is kept for the next build of the app being built stays.
func (k *Keeper) inventory(ctx context.Context, built string) (*inventory, error) {
	inv := &inventory{}
	if err := k.addShared(inv); err != nil {
		return nil, err
	}
	if err := k.addTrees(inv); err != nil {
		return nil, err
	}
	if err := k.addBuildpacks(inv); err != nil {
		return nil, err
	}
	apps, err := k.Home.Apps()
	if err != nil {
		return nil, err
	}
	for _, app := range apps {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		kept, err := app.Kept()
		if err != nil {
			return nil, err
		}
		if kept.Size() > 0 {
			inv.add(k.buildCache(app, kept, app.Name == built))
		}
		slugs, err := artifact.Slugs(app)
		if err != nil {
			return nil, err
		}
		for _, s := range slugs {
			inv.add(k.slugEntry(app, s))
		}
	}
	inv.sort(latest)
	return inv, nil
}

func (inv *inventory) add(e Entry) {
	inv.entries, inv.total = append(inv.entries, e), inv.total+e.Size
}

// addShared adds what all apps share: toolchains, what was made of them, and the segments of that.
func (k *Keeper) addShared(inv *inventory) error {
	tools, err := toolchain.Open(k.Home.Path("toolchains"), toolchain.Settings{})
	if err != nil {
		return err
	}
	segments, err := slug.OpenShared(k.Home.Path("segments"))
	if err != nil {
		return err
	}
	kept, err := tools.Kept()
	if err != nil {
		return err
	}
	sections, files, err := segments.Usage()
	if err != nil {
		return err
	}
	own := map[string]int64{} // bytes of segments by what they are of
	for _, s := range sections {
		own[s.Key] += s.Own
	}
	tree := 0 // the last one that is no derived directory
	for i := range kept {
		t := kept[i]
		if t.Derived == "" {
			tree = len(inv.entries)
		}
		e := k.sharedEntry(tools, segments, t)
		if n := own[string(t.Content)]; n > 0 {
			e.Parts = map[string]int64{"files": t.Size, "segments": n}
			e.Size += n
			files -= n
		}
		e.Frees = e.Size
		inv.add(e)
		if t.Derived != "" {
			inv.entries[tree].Frees += e.Size // it goes with its tree
		}
	}
	if files > 0 {
		inv.add(Entry{What: "segments of several runtimes", For: "packing what apps run on", Size: files,
			Used: time.Now(), Kept: "they go with the runtimes"})
	}
	return nil
}

// addTrees adds the sections of slugs that are kept unpacked to run.
func (k *Keeper) addTrees(inv *inventory) error {
	store, err := trees.Open(k.Home.Path("trees"))
	if err != nil {
		return err
	}
	list, err := store.List()
	if err != nil {
		return err
	}
	for _, t := range list {
		e := Entry{What: "unpacked " + t.Section + " " + t.Digest.Short(), For: "run and start", Size: t.Size,
			Frees: t.Size, Used: t.Used}
		if t.InUse {
			e.Kept = "a process runs on it"
		}
		e.remove = func(context.Context) (int64, error) { return store.Drop(t) }
		inv.add(e)
	}
	return nil
}

// addBuildpacks adds the buildpacks that are not built in.
func (k *Keeper) addBuildpacks(inv *inventory) error {
	store, err := reference.OpenKept(k.Home.Path("foreign"))
	if store == nil || err != nil {
		return err
	}
	list, err := store.List()
	if err != nil {
		return err
	}
	for _, p := range list {
		e := Entry{What: "buildpack " + p.Buildpacks[0].ID + " " + p.Digest.Short(), For: "builds with " + p.Ref,
			Size: p.Size, Frees: p.Size, Used: p.Used}
		if p.InUse {
			e.Kept = building
		}
		e.remove = func(context.Context) (int64, error) { return store.Drop(p.Digest) }
		inv.add(e)
	}
	return nil
}

// sharedEntry is a toolchain or what was derived from it, without its segments.
func (k *Keeper) sharedEntry(tools *toolchain.Store, segments *slug.Store, t toolchain.Kept) Entry {
	e := Entry{What: "toolchain " + t.Tool + " " + t.Version, Size: t.Size, Used: t.Used}
	if t.Derived != "" {
		kind := t.Derived[:max(strings.LastIndexByte(t.Derived, '-'), 0)]
		e.What = fmt.Sprintf("%s of %s %s", kind, t.Tool, t.Version)
	}
	if t.InUse {
		e.Kept = building
	}
	e.remove = func(ctx context.Context) (int64, error) {
		freed, err := tools.Remove(t)
		if err != nil || freed == 0 {
			return freed, err
		}
		n, err := SweepSegments(ctx, tools, segments)
		return freed + n, err
	}
	return e
}

// SweepSegments removes the segments of what is no longer among the toolchains, and returns the bytes
// freed.
func SweepSegments(ctx context.Context, tools *toolchain.Store, segments *slug.Store) (freed int64, err error) {
	held, err := tools.Digests()
	if err != nil {
		return 0, err
	}
	return segments.Prune(ctx, func(_, key string) bool { return held[digest.Digest(key)] })
}

// buildCache is what is kept for the next build of an app.
func (k *Keeper) buildCache(app *cache.App, kept *cache.Kept, built bool) Entry {
	e := Entry{App: app.Name, What: "build cache", Size: kept.Size(), Frees: kept.Size(), Used: kept.Used,
		Parts: map[string]int64{}}
	for name, size := range kept.Layers {
		e.Parts["layers/"+name] = size
	}
	for name, size := range map[string]int64{
		"segments": kept.Segments, "submodules": kept.Submodules, "left of a build": kept.Left,
	} {
		if size > 0 {
			e.Parts[name] = size
		}
	}
	if built {
		e.Kept = building
	}
	e.remove = func(context.Context) (freed int64, err error) {
		err = idle(app, func() error {
			now, err := app.Kept()
			if err == nil && !now.Used.After(kept.Used) {
				freed, err = artifact.ClearBuild(app)
			}
			return err
		})
		return freed, err
	}
	return e
}

// slugEntry is one of an app's slugs.
func (k *Keeper) slugEntry(app *cache.App, s artifact.Slug) Entry {
	e := Entry{App: app.Name, What: "slug " + s.Digest.Short(), Size: s.Size, Frees: s.Size,
		Used: app.LastServed(s.Path)}
	if s.Damaged {
		e.What = "damaged " + e.What
	}
	used := e.Used
	e.remove = func(ctx context.Context) (freed int64, err error) {
		err = idle(app, func() error {
			needed, known := k.needed(ctx, app)
			if !s.Damaged && (!known || needed[s.Digest] != "" || app.LastServed(s.Path).After(used)) {
				return nil
			}
			freed, err = artifact.RemoveSlug(app, filepath.Base(s.Path))
			return err
		})
		return freed, err
	}
	return e
}

// idle calls do under an app's lock, unless another process holds it.
func idle(app *cache.App, do func() error) error {
	unlock, ok, err := app.TryLock()
	if err != nil || !ok {
		return err
	}
	defer unlock()
	return do()
}
