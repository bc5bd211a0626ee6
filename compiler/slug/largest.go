package slug

import (
	"archive/tar"
	"context"
	"fmt"
	pathpkg "path"
	"slices"
	"strings"

	"slugc/compiler/fault"
)

// DirSize is what a directory of a slug holds, with all below it.
type DirSize struct {
	Path  string // relative to the app
	Size  int64  // bytes of its files, uncompressed
	Files int
}

// maxDepth is how deep below the app directories are counted one by one.
const maxDepth = 4

// Largest gives the n largest directories of a slug, largest first, at most four levels deep. A
// directory that owes most of its size to one directory in it is left out for that one. It reads
// the whole slug.
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

// top picks the n largest.
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
		if a.Size != b.Size {
			return int(min(1, max(-1, b.Size-a.Size)))
		}
		return strings.Compare(a.Path, b.Path)
	})
	return all[:min(n, len(all))]
}

// tooLarge says what makes a slug too large; path is its complete file.
func tooLarge(ctx context.Context, path string, m Manifest, size, limit int64) error {
	var hints []string
	sections := slices.Clone(m.Sections)
	slices.SortStableFunc(sections, func(a, b SectionInfo) int { return int(min(1, max(-1, b.Size-a.Size))) })
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

// megabytes writes a size for people.
func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
