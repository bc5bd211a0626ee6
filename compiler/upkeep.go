package compiler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"slugc/cache"
	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/slug"
)

// Prune removes an app's slugs whose digest is not in needed and the segments that nothing uses any
// more; with all, also the kept layers, segments, submodules and the record. The app's lock must be
// held. It returns the bytes freed.
func Prune(ctx context.Context, app *cache.App, needed map[string]bool, all bool) (freed int64, err error) {
	if r := app.Record(); r != nil && !all {
		needed["sha256:"+strings.TrimSuffix(baseName(r.Slug), ".tgz")] = true
	}
	slugs, err := slugFiles(app)
	if err != nil {
		return 0, err
	}
	for _, s := range slugs {
		if needed["sha256:"+strings.TrimSuffix(s.Name(), ".tgz")] {
			continue
		}
		if err := os.Remove(app.Path("slugs", s.Name())); err != nil {
			return freed, fmt.Errorf("removing a slug: %w", err)
		}
		freed += s.Size()
	}
	if all {
		for _, part := range []string{"layers", "segments", "build", "stat", "submodules"} {
			n, err := disk.Size(app.Path(part))
			if err == nil {
				err = disk.RemoveAll(app.Path(part))
			}
			if err != nil {
				return freed, err
			}
			freed += n
		}
		return freed, app.DropRecord()
	}
	store, err := slug.OpenStore(app.Path("segments"))
	if err != nil {
		return freed, err
	}
	n, err := store.Prune(ctx, nil)
	return freed + n, err
}

// VerifyApp checks an app's segments and slugs and returns what is wrong, one sentence each. The
// app's lock must be held.
func VerifyApp(ctx context.Context, app *cache.App) ([]string, error) {
	var problems []string
	store, err := slug.OpenStore(app.Path("segments"))
	if err != nil {
		return nil, err
	}
	found, err := store.Verify(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		problems = append(
			problems,
			fmt.Sprintf("%s: segment %s of %s: %v; removed", app.Name, p.Digest, strings.Join(p.Sections, ", "), p.Err),
		)
	}
	slugs, err := slugFiles(app)
	if err != nil {
		return nil, err
	}
	for _, s := range slugs {
		if _, err := slug.Verify(ctx, app.Path("slugs", s.Name()), digest.Digest("sha256:"+strings.TrimSuffix(s.Name(), ".tgz"))); err != nil {
			problems = append(problems, fmt.Sprintf("%s: slug %s: %v", app.Name, s.Name(), err))
		}
	}
	return problems, ctx.Err()
}

// slugFiles lists an app's kept slugs; temporary files of killed builds are left out.
func slugFiles(app *cache.App) ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(app.Path("slugs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing slugs: %w", err)
	}
	var list []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ".tgz") && len(e.Name()) == 64+len(".tgz") {
			list = append(list, info)
		}
	}
	return list, nil
}

func baseName(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
