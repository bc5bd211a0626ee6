package slug

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slugc/cache/digest"
)

// Part is a run of bytes of a slug's file that stores keep and move by digest: the gzip header with
// the first segment, a run of whole segments of one section, or the tail. A slug's parts lie end to
// end and are the whole file.
type Part struct {
	Section string        // "" for the first part and the last
	Offset  int64         // in the file
	Size    int64         // bytes, more than 0
	Digest  digest.Digest // of the bytes; "" as [Layout] gives it

	segments []Segment // none in the last
}

// The sizes of parts. A part is cut after a segment once it has partSize bytes, if that segment's
// digest says so (every other does) or the part has maxParts times as many. So one changed segment
// changes the part it lies in, seldom a neighbour, and parts find their borders again after it. The
// size doubles with the slug's, so that its images keep within the 127 layers that overlay mounts
// take.
const (
	minPart    = 1 << 20
	usualParts = 64 // a slug of more than that many parts of the size has parts of twice the size
	maxParts   = 4
)

// partSize is the size from which on a part of a slug of that size may be cut.
func partSize(slug int64) int64 {
	size := int64(minPart)
	for slug/size > usualParts {
		size *= 2
	}
	return size
}

// Layout gives the parts of a slug without their digests: it reads the end of the file and nothing
// else. With whole, no border lies within a file of the app, so that each part is an archive's
// content (see [Archives]). Borders are put as in a slug of forSize bytes, 0 standing for this
// one's size: a part can only be found in another slug that is cut alike.
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

// layout cuts the slug in parts.
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

// Parts gives the parts of a slug and the digest of its file, both from the bytes read, and checks
// nothing; see [Verify]. For whole see [Layout].
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
		if _, err := io.CopyBuffer(io.MultiWriter(all, h), onlyReader{io.NewSectionReader(f, p.Offset, p.Size)}, buf); err != nil {
			return nil, "", fmt.Errorf("reading slug %q: %w", path, err)
		}
		parts[i].Digest = digest.Sum(h)
	}
	return parts, digest.Sum(all), nil
}

// onlyReader hides a reader's other methods, so that a copy uses the buffer it is given.
type onlyReader struct{ io.Reader }
