package upkeep

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/cache"
	"slugc/cache/digest"
	"slugc/compiler/release"
	"slugc/compiler/report"
)

// keptSlugs is how many of an app's newest released slugs stay, for rollbacks. Those of the current release
// and of pending ones always stay.
const keptSlugs = 10

// Needed returns the slugs that an app's releases, the newest first, need, and why.
func Needed(list []release.Release) map[digest.Digest]string {
	needed := map[digest.Digest]string{}
	why := func(r release.Release) string {
		switch r.Status {
		case release.Current, release.Pending:
			return fmt.Sprintf("%s release v%d", r.Status, r.Version)
		}
		return fmt.Sprintf("a rollback to v%d needs it", r.Version)
	}
	for _, r := range list {
		held := needed[r.Slug.Digest]
		switch active := r.Status == release.Current || r.Status == release.Pending; {
		case held == "" && (active || len(needed) < keptSlugs), held != "" && r.Status == release.Current:
			needed[r.Slug.Digest] = why(r)
		}
	}
	return needed
}

// needed returns the slugs of an app that its releases need. known is false where that cannot be found out: a
// coordinator does not answer, or the app was released to another one than those that were asked.
func (k *Keeper) needed(ctx context.Context, app *cache.App) (needed map[digest.Digest]string, known bool) {
	lists, err := k.Releases(ctx, app.Name)
	if err != nil {
		return nil, false
	}
	needed, known = map[digest.Digest]string{}, false
	for _, list := range lists {
		known = known || len(list) > 0
		maps.Copy(needed, Needed(list))
	}
	if !known {
		_, err := os.Lstat(app.Path("registering")) // made by the first registration
		known = os.IsNotExist(err)
	}
	return needed, known
}

// explain says of each entry what it is for and why it stays.
func (k *Keeper) explain(ctx context.Context, inv *inventory) {
	users := map[string][]string{} // apps by the toolchain of their last build
	apps := map[string]*cache.App{}
	slugs, known := map[string]map[digest.Digest]string{}, map[string]bool{}
	list, _ := k.Home.Apps() // they were listed before
	for _, app := range list {
		apps[app.Name] = app
		slugs[app.Name], known[app.Name] = k.needed(ctx, app)
		for _, name := range runtimes(app) {
			users[name] = append(users[name], app.Name)
		}
	}
	for i := range inv.entries {
		e := &inv.entries[i]
		switch app := apps[e.App]; {
		case app == nil:
			_, name, _ := strings.Cut(" "+e.What, " toolchain ")
			if _, of, ok := strings.Cut(e.What, " of "); ok {
				name = of
			}
			if apps := users[name]; len(apps) > 0 {
				e.For = "the next build of " + strings.Join(apps, ", ")
			}
		case e.What == "build cache":
			e.For = "the next build: " + largestParts(e.Parts)
			if unlock, free, err := app.TryLock(); err == nil && free {
				unlock()
			} else {
				e.Kept = building
			}
		default:
			explainSlug(e, app, slugs[e.App], known[e.App])
		}
	}
}

// explainSlug says why a slug stays.
func explainSlug(e *Entry, app *cache.App, needed map[digest.Digest]string, known bool) {
	short, _ := strings.CutPrefix(e.What, "slug ")
	for d, why := range needed {
		if d.Short() == short {
			e.Kept = why
		}
	}
	record := app.Record()
	switch last := record != nil && strings.HasPrefix(filepath.Base(record.Slug), short); {
	case e.Kept == "" && !known:
		e.Kept = "its releases are not known here"
	case last:
		e.For = "the last build"
	}
}

// runtimes lists the toolchains of an app's last build, "node 22.1.0".
func runtimes(app *cache.App) (names []string) {
	var result struct {
		Runtimes []struct{ Name, Version string }
	}
	record := app.Record()
	if record == nil || json.Unmarshal(record.Result, &result) != nil {
		return nil
	}
	for _, r := range result.Runtimes {
		names = append(names, r.Name+" "+r.Version)
	}
	return names
}

// shownParts is how many parts of a build cache a line has.
const shownParts = 3

// largestParts names the largest parts.
func largestParts(parts map[string]int64) string {
	names := slices.SortedFunc(maps.Keys(parts), func(a, b string) int {
		return cmp.Or(cmp.Compare(parts[b], parts[a]), strings.Compare(a, b))
	})
	var list []string
	for _, name := range names[:min(len(names), shownParts)] {
		list = append(list, fmt.Sprintf("%s %s", strings.TrimPrefix(name, "layers/"), report.Bytes(parts[name])))
	}
	return strings.Join(list, ", ")
}
