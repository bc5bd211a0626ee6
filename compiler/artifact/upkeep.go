package artifact

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"slugc/cache"
	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/slug"
)

// Prune removes an app's slugs that are not needed and segments that nothing uses. The slug of the
// last build is always kept. The app's lock must be held. It returns the bytes freed, also with an
// error.
func Prune(ctx context.Context, app *cache.App, needed map[digest.Digest]string) (freed int64, err error) {
	record := app.Record()
	freed, err = removeSlugs(app, func(f slugFile) bool {
		last := record != nil && filepath.Base(record.Slug) == filepath.Base(f.path)
		return !f.damaged && (last || needed[f.digest] != "")
	})
	if err != nil {
		return freed, err
	}
	if _, err := os.Lstat(app.Path("segments")); errors.Is(err, fs.ErrNotExist) {
		return freed, nil
	}
	segments, err := slug.OpenStore(app.Path("segments"))
	if err != nil {
		return freed, err
	}
	n, err := segments.Prune(ctx, nil)
	return freed + n, err
}

// Clear removes all that is kept of an app for its next build, and its slugs except those needed.
// The next build starts cold. The app's lock must be held. It returns the bytes freed, also with an
// error.
func Clear(app *cache.App, needed map[digest.Digest]string) (freed int64, err error) {
	freed, err = removeSlugs(app, func(f slugFile) bool { return !f.damaged && needed[f.digest] != "" })
	if err != nil {
		return freed, err
	}
	n, err := ClearBuild(app)
	if err == nil {
		err = app.DropRecord()
	}
	return freed + n, err
}

// ClearBuild removes all that is kept of an app for its next build, which starts cold. Slugs stay. The app's
// lock must be held. It returns the bytes freed, also with an error.
func ClearBuild(app *cache.App) (freed int64, err error) {
	if _, err := os.Lstat(app.Path("begun")); err == nil { // the record may be that of a push that is not accepted
		if err := app.DropRecord(); err != nil {
			return 0, err
		}
	}
	parts := []string{"layers", "segments", "build", "begun", "stat", "submodules", "incoming", "sizes.json"}
	for _, part := range parts {
		size := disk.Size
		if part == "segments" { // a slug may be among them
			size = disk.OwnSize
		}
		n, err := size(app.Path(part))
		if err == nil {
			err = disk.Discard(app.Path(part))
		}
		if err != nil {
			return freed, err
		}
		freed += n
	}
	return freed, nil
}

// removeSlugs removes the app's slugs that keep does not hold for.
func removeSlugs(app *cache.App, keep func(slugFile) bool) (freed int64, err error) {
	files, err := slugFiles(app)
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		if keep(f) {
			continue
		}
		n, err := remove(app, f)
		if err != nil {
			return freed, fmt.Errorf("removing a slug: %w", err)
		}
		freed += n
	}
	app.ForgetServed()
	return freed, nil
}

// remove removes a slug and returns the bytes freed: none, if the next build needs its segments.
func remove(app *cache.App, f slugFile) (freed int64, err error) {
	if disk.HasNames(f.info) {
		segments, err := slug.OpenStore(app.Path("segments"))
		if err == nil {
			err = segments.DropFormer()
		}
		if err != nil {
			return 0, err
		}
	}
	now, err := os.Lstat(f.path)
	if err == nil {
		err = os.Remove(f.path)
	}
	if err != nil || disk.HasNames(now) {
		return 0, err
	}
	return now.Size(), nil
}

// Slug is the file of one of an app's slugs.
type Slug struct {
	Path    string
	Digest  digest.Digest
	Size    int64 // bytes
	Damaged bool  // it was put aside
}

// Slugs lists the app's slugs.
func Slugs(app *cache.App) (list []Slug, err error) {
	files, err := slugFiles(app)
	for _, f := range files {
		list = append(list, Slug{f.path, f.digest, f.info.Size(), f.damaged})
	}
	return list, err
}

// RemoveSlug removes one of the app's slugs by the name of its file. The app's lock must be held. It returns
// the bytes freed.
func RemoveSlug(app *cache.App, name string) (freed int64, err error) {
	return removeSlugs(app, func(f slugFile) bool { return filepath.Base(f.path) != name })
}

// Verify checks an app's segments and slugs and returns what is wrong, one sentence each. Damaged
// segments are removed, damaged slugs put aside. The app's lock must be held.
func Verify(ctx context.Context, app *cache.App) ([]string, error) {
	segments, err := slug.OpenStore(app.Path("segments"))
	if err != nil {
		return nil, err
	}
	problems, err := VerifySegments(ctx, app.Name, segments)
	if err != nil {
		return nil, err
	}
	files, err := slugFiles(app)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.damaged {
			continue
		}
		_, err := slug.Verify(ctx, f.path, f.digest)
		if err == nil {
			continue
		}
		if !disk.Damaged(err) {
			return nil, err
		}
		if aside := putAside(app, f); aside != nil {
			return nil, aside
		}
		problems = append(problems, fmt.Sprintf(
			"%s: slug %s: %v; put aside, the next build of its source makes it again",
			app.Name, filepath.Base(f.path), err))
	}
	return problems, ctx.Err()
}

// damagedSuffix ends the name of a slug that was put aside. Prune removes it.
const damagedSuffix = ".damaged"

// putAside renames a damaged slug, and drops the record if it names it.
func putAside(app *cache.App, f slugFile) error {
	if record := app.Record(); record != nil && filepath.Base(record.Slug) == filepath.Base(f.path) {
		if err := app.DropRecord(); err != nil {
			return err
		}
	}
	if err := os.Rename(f.path, f.path+damagedSuffix); err != nil {
		return fmt.Errorf("putting a damaged slug aside: %w", err)
	}
	return disk.SyncDir(filepath.Dir(f.path))
}

// VerifySegments checks a store of segments, whose owner people know by the name, and returns what is
// wrong, one sentence each. Damaged segments are removed.
func VerifySegments(ctx context.Context, name string, segments *slug.Store) (problems []string, err error) {
	damaged, err := segments.Verify(ctx)
	for _, p := range damaged {
		sections := strings.Join(p.Sections, ", ")
		problems = append(problems, fmt.Sprintf("%s: segment %s of %s: %v; removed", name, p.Digest, sections, p.Err))
	}
	return problems, err
}

// slugFiles lists the app's slugs, those included that were put aside. Temporary files of killed builds
// are left out.
func slugFiles(app *cache.App) ([]slugFile, error) {
	entries, err := os.ReadDir(app.Path("slugs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing slugs: %w", err)
	}
	var list []slugFile
	for _, e := range entries {
		name, damaged := strings.CutSuffix(e.Name(), damagedSuffix)
		digits, ok := strings.CutSuffix(name, suffix)
		d, err := digest.FromHex(digits)
		if !ok || err != nil {
			continue
		}
		if info, err := e.Info(); err == nil {
			list = append(list, slugFile{path: app.Path("slugs", e.Name()), digest: d, damaged: damaged, info: info})
		}
	}
	return list, nil
}
