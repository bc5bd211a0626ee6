package slug

import (
	"archive/tar"
	"cmp"
	"context"
	"fmt"
	pathpkg "path"
	"slices"
	"strings"

	"slugc/compiler/fault"
)

// DirSize is the size of a directory of a slug with everything below it.
type DirSize struct {
	Path  string // relative to the app
	Size  int64  // bytes of its files, uncompressed
	Files int
}

// maxDepth is how deep below the app directories are counted one by one.
const maxDepth = 4

// Largest returns the n largest directories of a slug, largest first, at most four levels deep. It
// leaves out a directory of which four fifths are in one directory below it. It reads the whole
// slug.
func Largest(ctx context.Context, path string, n int) ([]DirSize, error) {
	f, t, _, err := openSlug(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sizes, segments := map[string]*DirSize{}, t.manifest.all()
	err = eachSegment(ctx, f, segments, 1, func(i int, b []byte) error {
		if segments[i].Part > 0 {
			return nil
		}
		return eachEntry(b, func(e entry, _ []byte) error {
			if e.kind == tar.TypeReg {
				count(sizes, e)
			}
			return nil
		})
	})
	if err != nil {
		return nil, errDamaged(path, err)
	}
	return top(sizes, n), nil
}

// count adds a file to the directories above it.
func count(sizes map[string]*DirSize, e entry) {
	for i, depth := 0, 0; depth < maxDepth; depth++ {
		next := strings.IndexByte(e.path[i:], '/')
		if next < 0 {
			return
		}
		i += next + 1
		dir := e.path[:i-1]
		if sizes[dir] == nil {
			sizes[strings.Clone(dir)] = &DirSize{Path: strings.Clone(dir)}
		}
		sizes[dir].Size += e.size
		sizes[dir].Files++
	}
}

// top returns the n largest.
func top(sizes map[string]*DirSize, n int) []DirSize {
	hollow := map[string]bool{}
	for dir, inner := range sizes {
		if outer := sizes[pathpkg.Dir(dir)]; outer != nil && inner.Size*5 >= outer.Size*4 {
			hollow[outer.Path] = true
		}
	}
	var all []DirSize
	for dir, size := range sizes {
		if !hollow[dir] {
			all = append(all, *size)
		}
	}
	slices.SortFunc(all, func(a, b DirSize) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.Path, b.Path))
	})
	return all[:min(n, len(all))]
}

// tooLarge is the error for a slug above its limit. It lists what takes most of it; path is the
// complete file.
func tooLarge(ctx context.Context, path string, m Manifest, size, limit int64) error {
	var hints []string
	sections := slices.Clone(m.Sections)
	slices.SortStableFunc(sections, func(a, b SectionInfo) int { return cmp.Compare(b.Size, a.Size) })
	for _, s := range sections[:min(3, len(sections))] {
		hints = append(hints, fmt.Sprintf("section %s takes %s of the slug", s.Name, megabytes(s.Size)))
	}
	dirs, err := Largest(ctx, path, 5)
	if err != nil {
		return err
	}
	for _, d := range dirs {
		hints = append(hints, fmt.Sprintf("%s holds %s in %d files, uncompressed", d.Path, megabytes(d.Size), d.Files))
	}
	hints = append(hints, "list what the app does not need when it runs in .slugignore")
	return fault.New(fault.App, fault.ExitPack, "slug/too-large",
		fmt.Errorf("packing the slug: it has %s, the limit is %s", megabytes(size), megabytes(limit)), hints...)
}

// megabytes formats a size for people.
func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
