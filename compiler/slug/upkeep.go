package slug

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/cache/digest"
	"slugc/cache/disk"
)

// Problem is a damaged segment of a [Store].
type Problem struct {
	Digest   digest.Digest // of the segment
	Sections []string      // names of the sections that it belongs to
	Err      error         // what is wrong
}

// Verify reads all segments, checks them against their digests, and removes damaged ones: [Pack]
// compresses them again, and Kept no longer names sections that lack them. It waits for other
// users of the store.
func (s *Store) Verify(ctx context.Context) ([]Problem, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	x, err := readIndex(s.dir)
	if err != nil {
		return nil, err
	}
	files := packs{dir: s.dir}
	defer files.close()
	var in inflater
	var problems []Problem
	for _, d := range slices.Sorted(maps.Keys(x.Segments)) {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("verifying slug store %q: %w", s.dir, err)
		}
		l := x.Segments[d]
		f, err := files.file(l.Pack)
		if err == nil {
			_, err = in.read(f, l.segment(l.Offset, d))
		}
		if err != nil {
			if !disk.Damaged(err) {
				return nil, fmt.Errorf("verifying slug store %q: %w", s.dir, err)
			}
			problems = append(problems, Problem{Digest: d, Sections: x.users(d), Err: err})
			delete(x.Segments, d)
		}
	}
	if len(problems) == 0 {
		return nil, nil
	}
	if err := x.write(s.dir); err != nil {
		return problems, err
	}
	return problems, s.removeUnused(x)
}

// users returns the names of the sections that a segment belongs to.
func (x *index) users(d digest.Digest) []string {
	var names []string
	for _, r := range x.Records {
		if slices.ContainsFunc(r.Segments, func(s keptSegment) bool { return s.Digest == d }) {
			names = append(names, r.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Prune drops the records of sections for which keep returns false, or all except for the latest of
// each section if keep is nil. It removes the segments that are then unused and returns the number
// of bytes freed. It waits for other users of the store. Pack prunes too: it removes pack files
// that are not used, and rewrites the others when 64 MB in them are unused.
func (s *Store) Prune(ctx context.Context, keep func(section, key string) bool) (freed int64, err error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	x, err := readIndex(s.dir)
	if err != nil {
		return 0, err
	}
	before, err := s.packSizes()
	if err != nil {
		return 0, err
	}
	latest := map[string]string{}
	for _, r := range x.Records {
		latest[r.Name] = r.Key
	}
	if keep == nil {
		keep = func(section, key string) bool { return latest[section] == key }
	}
	x.Records = slices.DeleteFunc(x.Records, func(r record) bool { return !keep(r.Name, r.Key) })
	x.sweep()
	x.Former = ""
	if err := s.compact(ctx, x, 0); err != nil {
		return 0, err
	}
	after, err := s.packSizes()
	if err != nil {
		return 0, err
	}
	return total(before) - total(after), nil
}

// compact writes the index and removes unused pack files. If slack bytes or more are unused, it
// also rewrites the pack files of which less than half is used. The lock must be held.
func (s *Store) compact(ctx context.Context, x *index, slack int64) error {
	sizes, err := s.packSizes()
	if err != nil {
		return err
	}
	used := map[string]int64{}
	for _, l := range x.Segments {
		used[l.Pack] += l.Size
	}
	var move []digest.Digest
	unused := int64(0)
	for _, d := range slices.Sorted(maps.Keys(x.Segments)) {
		if l := x.Segments[d]; !sizes[l.Pack].linked && used[l.Pack]*2 < sizes[l.Pack].bytes {
			move = append(move, d)
		}
	}
	for pack, size := range sizes {
		if used[pack] > 0 && !size.linked {
			unused += size.bytes - used[pack]
		}
	}
	if len(move) > 0 && unused >= slack {
		if err := s.move(ctx, x, move); err != nil {
			return err
		}
	}
	if err := x.write(s.dir); err != nil {
		return err
	}
	return s.removeUnused(x)
}

// move copies segments to a new pack file and sets their locations.
func (s *Store) move(ctx context.Context, x *index, digests []digest.Digest) error {
	files := packs{dir: s.dir, marks: x.Packs}
	defer files.close()
	out, err := os.CreateTemp(s.dir, "*"+packSuffix)
	if err != nil {
		return writeFault(s.dir, err)
	}
	defer out.Close()
	at := int64(0)
	for _, d := range digests {
		l := x.Segments[d]
		if err := errors.Join(ctx.Err(), files.copy(out, out.Name(), l)); err != nil {
			os.Remove(out.Name())
			return err
		}
		l.Pack, l.Offset = filepath.Base(out.Name()), at
		x.Segments[d], at = l, at+l.Size
	}
	if err := out.Sync(); err != nil {
		return writeFault(out.Name(), err)
	}
	if !files.sound() {
		return nil
	}
	x.Packs[filepath.Base(out.Name())], err = markOf(out)
	return err
}

// packSizes returns the sizes of all pack files by name.
func (s *Store) packSizes() (map[string]packSize, error) {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("listing slug store %q: %w", s.dir, err)
	}
	sizes := map[string]packSize{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), packSuffix) {
			continue
		}
		info, err := f.Info()
		if err != nil {
			return nil, fmt.Errorf("examining slug store %q: %w", s.dir, err)
		}
		sizes[f.Name()] = packSizeOf(info)
	}
	return sizes, nil
}
