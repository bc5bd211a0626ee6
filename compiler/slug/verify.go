package slug

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path"

	"golang.org/x/sync/errgroup"

	"slugc/cache/digest"
)

// Verify checks a whole slug and returns its slug.json. It checks
//
//   - the file's digest, unless expect is "";
//   - the gzip header and trailer, with nothing after it;
//   - every segment's place, length, CRC-32 and SHA-256;
//   - the digests of the sections and of the content;
//   - the archive: one top directory, parents before what is in them, nothing twice, names in
//     order, headers byte for byte as this package writes them, links that stay within the app.
//
// A slug that fails is a fault "slug/damaged".
func Verify(ctx context.Context, path string, expect digest.Digest) (*Manifest, error) {
	f, t, size, err := openSlug(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := verify(ctx, f, t, size, expect); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("verifying slug %q: %w", path, ctx.Err())
		}
		return nil, errDamaged(path, err)
	}
	return &t.manifest, nil
}

// verify checks an open slug.
func verify(ctx context.Context, f *os.File, t *tail, size int64, expect digest.Digest) error {
	if err := verifyFrame(f, t); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	if expect != "" {
		group.Go(func() error { return verifyDigest(ctx, f, size, expect) })
	}
	segments := t.manifest.all()
	reports := make([]segmentReport, len(segments))
	group.Go(func() error {
		return eachSegment(ctx, f, segments, 0, func(i int, b []byte) error {
			return reports[i].read(segments[i], b)
		})
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return verifyTree(&t.manifest, reports)
}

// verifyDigest checks the digest of the whole file.
func verifyDigest(ctx context.Context, f *os.File, size int64, want digest.Digest) error {
	h := sha256.New()
	for at := int64(0); at < size; at += hashStep {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := io.Copy(h, io.NewSectionReader(f, at, min(hashStep, size-at))); err != nil {
			return err
		}
	}
	if got := digest.Sum(h); got != want {
		return fmt.Errorf("its digest is %s, not %s", got, want)
	}
	return nil
}

// verifyFrame checks everything that needs no inflating.
func verifyFrame(f *os.File, t *tail) error {
	var header [10]byte
	if _, err := f.ReadAt(header[:], 0); err != nil {
		return fmt.Errorf("reading its gzip header: %w", err)
	}
	if !bytes.Equal(header[:], gzipHeader) {
		return errors.New("its gzip header is not a slug's")
	}
	m, crc, length := t.manifest, t.manifest.Dirs.CRC, t.manifest.Dirs.Tar
	names := map[string]bool{}
	for _, s := range m.Sections {
		var size, uncompressed int64
		for _, seg := range s.Segments {
			size, uncompressed = size+seg.Size, uncompressed+seg.Tar
			crc, length = combineCRC(crc, seg.CRC, seg.Tar), length+seg.Tar
		}
		if names[s.Name] || s.Digest != sectionDigest(s.Segments) || s.Size != size || s.Tar != uncompressed {
			return fmt.Errorf("its section %q does not have the digest and size that it states", s.Name)
		}
		names[s.Name] = true
	}
	if m.Content != contentDigest(m) {
		return errors.New("its content digest is not that of its sections")
	}
	crc = combineCRC(crc, crc32.ChecksumIEEE(t.tar), int64(len(t.tar)))
	if crc != t.crc || uint32(length+int64(len(t.tar))) != t.length {
		return errors.New("its gzip trailer is damaged")
	}
	return nil
}

// pathHash stands for a path in the set of all paths, which must need little memory.
type pathHash [16]byte

func hashPath(p string) pathHash {
	sum := sha256.Sum256([]byte(p))
	return pathHash(sum[:len(pathHash{})])
}

// segmentReport is what remains of a segment after it was read.
type segmentReport struct {
	first, last string // paths
	entries     []hashedEntry
	open        int64  // bytes of content and padding that must follow in the next segments
	pad         int64  // how many of these are padding
	end         []byte // the last bytes, fewer than a block
}

// hashedEntry is an entry, by the hashes of its path and its parent's.
type hashedEntry struct {
	path, parent pathHash
	dir          bool
}

// read fills the report from a segment's tar bytes.
func (r *segmentReport) read(s Segment, b []byte) error {
	if s.Part > 0 {
		r.end = bytes.Clone(b[max(0, len(b)-block+1):])
		return nil
	}
	return eachEntry(b, func(e entry, content []byte) error {
		if len(r.entries) == 0 {
			r.first = e.path
		} else if !less(r.last, e.path) {
			return fmt.Errorf("entry %q is out of order", e.path)
		}
		parent := path.Dir(e.path)
		if parent == "." {
			parent = ""
		}
		r.last = e.path
		r.entries = append(r.entries, hashedEntry{hashPath(e.path), hashPath(parent), e.kind == tar.TypeDir})
		if missing := e.size - int64(len(content)); missing > 0 {
			r.pad = padded(e.size) - e.size
			r.open = missing + r.pad
		}
		return nil
	})
}

// verifyTree checks the archive as a whole, from the reports of all segments.
func verifyTree(m *Manifest, reports []segmentReport) error {
	seen := map[pathHash]bool{} // by path: whether it is a directory
	top := reports[0]
	if len(top.entries) == 0 || top.first != "" || top.open != 0 {
		return errors.New("its archive does not start with " + appDir)
	}
	if err := addEntries(seen, top.entries); err != nil {
		return err
	}
	if isDir := seen[hashPath(path.Dir(manifestPath))]; !isDir {
		return errors.New("its archive has no directory for slug.json")
	}
	seen[hashPath(manifestPath)] = false
	at := 1
	for _, s := range m.Sections {
		if err := verifySection(s, reports[at:at+len(s.Segments)], seen); err != nil {
			return fmt.Errorf("section %q: %w", s.Name, err)
		}
		at += len(s.Segments)
	}
	return nil
}

// verifySection checks that one section's segments fit together.
func verifySection(s SectionInfo, reports []segmentReport, seen map[pathHash]bool) error {
	entries, last, open, pad := 0, "", int64(0), int64(0)
	for i, r := range reports {
		if s.Segments[i].Part > 0 {
			if open -= s.Segments[i].Tar; open < 0 || open == 0 && !zero(r.end[max(0, int64(len(r.end))-pad):]) {
				return errCut
			}
			continue
		}
		if open != 0 || len(r.entries) == 0 {
			return errCut
		}
		if entries > 0 && !less(last, r.first) {
			return fmt.Errorf("entry %q is out of order", r.first)
		}
		if err := addEntries(seen, r.entries); err != nil {
			return err
		}
		entries, last, open, pad = entries+len(r.entries), r.last, r.open, r.pad
	}
	if open != 0 {
		return errCut
	}
	if entries != s.Entries {
		return fmt.Errorf("it has %d entries, not %d", entries, s.Entries)
	}
	return nil
}

// addEntries adds entries to those seen. Each must be new, and its parent a directory that was seen
// before.
func addEntries(seen map[pathHash]bool, entries []hashedEntry) error {
	for _, e := range entries {
		if _, twice := seen[e.path]; twice {
			return errors.New("an entry comes twice")
		}
		if e.path != e.parent && !seen[e.parent] && e.path != hashPath("") {
			return errors.New("an entry does not lie in a directory that comes before it")
		}
		seen[e.path] = e.dir
	}
	return nil
}
