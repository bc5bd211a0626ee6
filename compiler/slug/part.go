package slug

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"slugc/cache/digest"
)

// Part is a run of bytes of a slug's file that stores keep and move by digest: the gzip header with
// the first segment, a run of whole segments of one section, or the tail. The parts of a slug lie
// end to end and make up the whole file.
type Part struct {
	Section string        // "" for the first part and the last
	Offset  int64         // in the file
	Size    int64         // bytes, more than 0
	Digest  digest.Digest // of the bytes; "" in the result of [Layout]

	segments []Segment // none in the last
}

// The sizes of parts. A part ends after a segment once it has partSize bytes, if that segment's
// digest says so (every second does) or it has maxParts times as many bytes. So one changed segment
// changes the part that it is in and seldom a neighbour, and later borders stay where they were.
// The size doubles with the slug's, so that an image of the slug has at most the 127 layers that
// Linux's overlay mounts take.
const (
	minPart    = 1 << 20
	usualParts = 64 // of a slug; if there were more, parts have twice the size
	maxParts   = 4
)

// partSize returns the least size of a part of a slug of that size, except for the last part of a
// section.
func partSize(slug int64) int64 {
	size := int64(minPart)
	for slug/size > usualParts {
		size *= 2
	}
	return size
}

// Layout returns the parts of a slug without their digests. It reads only the end of the file. If
// whole, no border lies within a file of the app, so that each part can be an [Archive]. Borders
// are placed as in a slug of forSize bytes, or of this slug's size if it is 0: parts of two slugs
// can only be equal if both are cut by the same size.
func Layout(path string, whole bool, forSize int64) ([]Part, error) {
	f, t, size, err := openSlug(path)
	if err != nil {
		return nil, err
	}
	f.Close()
	if forSize == 0 {
		forSize = size
	}
	return t.layout(size, whole, partSize(forSize)), nil
}

// layout cuts a slug of that size into parts of at least so many bytes.
func (t *tail) layout(size int64, whole bool, least int64) []Part {
	m := &t.manifest
	parts := []Part{{Size: m.Dirs.Offset + m.Dirs.Size, segments: []Segment{m.Dirs}}}
	for _, section := range m.Sections {
		run := Part{Section: section.Name}
		for i, s := range section.Segments {
			if run.Size == 0 {
				run.Offset = s.Offset
			}
			run.Size, run.segments = run.Size+s.Size, append(run.segments, s)
			last := i+1 == len(section.Segments)
			inFile := !last && section.Segments[i+1].Part > 0
			if last || !(whole && inFile) && run.Size >= least && (endsPart(s) || run.Size >= maxParts*least) {
				parts, run = append(parts, run), Part{Section: section.Name}
			}
		}
	}
	return append(parts, Part{Offset: t.offset, Size: size - t.offset})
}

// endsPart decides by a segment's digest whether a part may end after it.
func endsPart(s Segment) bool {
	last := s.Digest[len(s.Digest)-1]
	return last&1 == 0
}

// Parts reads a whole slug and returns its parts and the digest of its file. It checks nothing; see
// [Verify]. For whole see [Layout].
func Parts(ctx context.Context, path string, whole bool) (parts []Part, sum digest.Digest, err error) {
	f, t, size, err := openSlug(path)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	parts = t.layout(size, whole, partSize(size))
	all, buf := sha256.New(), make([]byte, 1<<20)
	for i, p := range parts {
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		h := sha256.New()
		bytes := onlyReader{io.NewSectionReader(f, p.Offset, p.Size)}
		if _, err := io.CopyBuffer(io.MultiWriter(all, h), bytes, buf); err != nil {
			return nil, "", fmt.Errorf("reading slug %q: %w", path, err)
		}
		parts[i].Digest = digest.Sum(h)
	}
	return parts, digest.Sum(all), nil
}

// onlyReader hides a reader's other methods, so that [io.CopyBuffer] uses its buffer.
type onlyReader struct{ io.Reader }
