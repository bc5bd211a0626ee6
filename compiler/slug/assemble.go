package slug

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"

	"slugc/cache/digest"
	"slugc/cache/disk"
)

// assembly is a slug that is ready to be written: all its bytes except for those of the segments,
// which are copied from the store.
type assembly struct {
	manifest Manifest
	head     []byte // gzip header and first segment
	segments []*built
	tail     []byte // with the gzip trailer
	size     int64
}

// stitch places all segments end to end and makes the slug's head and tail.
func (p *packing) stitch() (*assembly, error) {
	s := &assembly{manifest: p.Manifest}
	dirs, err := dirsSegment(p.parents)
	if err != nil {
		return nil, err
	}
	head := bytes.NewBuffer(bytes.Clone(gzipHeader))
	size, sum, err := new(deflater).write(head, dirs, int64(len(gzipHeader)))
	if err != nil {
		return nil, err
	}
	s.head = head.Bytes()
	m := &s.manifest
	m.Format, m.Sections = FormatVersion, []SectionInfo{}
	m.Dirs = Segment{
		Offset: int64(len(gzipHeader)),
		Size:   size,
		Tar:    int64(len(dirs)),
		Digest: digest.Of(dirs),
		CRC:    crc32.ChecksumIEEE(dirs),
		Sum:    sum,
	}
	at, crc, length := m.Dirs.Offset+size, m.Dirs.CRC, m.Dirs.Tar
	for i, section := range p.sections {
		info := SectionInfo{Name: section.Name, Prefix: section.Prefix, Segments: []Segment{}}
		for _, b := range p.built[i] {
			l := b.location
			seg := l.segment(at, b.Digest)
			seg.Part = b.Part
			info.Segments = append(info.Segments, seg)
			info.Size, info.Tar, info.Entries = info.Size+l.Size, info.Tar+l.Tar, info.Entries+b.Entries
			at, crc, length = at+l.Size, combineCRC(crc, l.CRC, l.Tar), length+l.Tar
			s.segments = append(s.segments, b)
		}
		info.Digest = sectionDigest(info.Segments)
		m.Sections = append(m.Sections, info)
	}
	m.Content = contentDigest(*m)
	compressed, last, err := tailBytes(m, at)
	if err != nil {
		return nil, err
	}
	s.tail = binary.LittleEndian.AppendUint32(compressed, combineCRC(crc, crc32.ChecksumIEEE(last), int64(len(last))))
	s.tail = binary.LittleEndian.AppendUint32(s.tail, uint32(length+int64(len(last))))
	s.size = at + int64(len(s.tail))
	return s, nil
}

// dirsSegment returns the tar bytes of the directories above all sections.
func dirsSegment(parents []string) ([]byte, error) {
	var b bytes.Buffer
	for _, p := range parents {
		if err := appendHeader(&b, entry{path: p, kind: tar.TypeDir}); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// sectionDigest returns the digest over the digests of a section's segments.
func sectionDigest(segments []Segment) digest.Digest {
	var b strings.Builder
	for _, s := range segments {
		fmt.Fprintf(&b, "%s\n", s.Digest)
	}
	return digest.Of([]byte(b.String()))
}

// contentDigest returns the digest over the names and digests of a slug's sections.
func contentDigest(m Manifest) digest.Digest {
	var b strings.Builder
	fmt.Fprintf(&b, "slug %d %s\n", m.Format, m.Dirs.Digest)
	for _, s := range m.Sections {
		fmt.Fprintf(&b, "%d:%s %s\n", len(s.Name), s.Name, s.Digest)
	}
	return digest.Of([]byte(b.String()))
}

// assemble writes the slug beside its place, and renames it when it is complete and durable.
func (p *packing) assemble(ctx context.Context) (_ *Packed, err error) {
	s, err := p.stitch()
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(p.Output), ".slug-*")
	if err != nil {
		return nil, writeFault(p.Output, err)
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err := f.Chmod(0o644); err != nil {
		return nil, writeFault(p.Output, err)
	}
	if err := p.copySegments(ctx, f, s); err != nil {
		return nil, err
	}
	if p.Limit > 0 && s.size > p.Limit {
		return nil, tooLarge(ctx, f.Name(), s.manifest, s.size, p.Limit)
	}
	synced := make(chan error, 1)
	go func() { synced <- f.Sync() }()
	sum, err := p.digest(ctx, f, s)
	if err := <-synced; err != nil {
		return nil, writeFault(p.Output, err)
	}
	if err != nil {
		return nil, err
	}
	if err := os.Rename(f.Name(), p.Output); err != nil {
		return nil, writeFault(p.Output, err)
	}
	if err := disk.SyncDir(filepath.Dir(p.Output)); err != nil {
		return nil, err
	}
	return p.packed(s, sum), nil
}

// copySegments writes the whole file.
func (p *packing) copySegments(ctx context.Context, f *os.File, s *assembly) error {
	if _, err := f.Write(s.head); err != nil {
		return writeFault(p.Output, err)
	}
	for _, b := range s.segments {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.from.copy(f, p.Output, b.location); err != nil {
			return err
		}
	}
	if _, err := f.Write(s.tail); err != nil {
		return writeFault(p.Output, err)
	}
	return nil
}

// hashStep is the least number of bytes between two kept states of the file's hash.
const hashStep = 8 << 20

// digest returns the digest of the written file. It resumes from the last place up to which a
// former slug had the same segments (all of them were checked before they were copied), and keeps
// new states of the hash to resume from.
func (p *packing) digest(ctx context.Context, f *os.File, s *assembly) (digest.Digest, error) {
	type place struct {
		at    int64
		chain digest.Digest
	}
	places, chain, at := []place{}, digest.Of(s.head), int64(len(s.head))
	for _, b := range s.segments {
		chain, at = digest.Of([]byte(chain+b.Digest)), at+b.location.Size
		if len(places) == 0 || at-places[len(places)-1].at >= hashStep {
			places = append(places, place{at, chain})
		}
	}
	h, done, states := sha256.New(), int64(0), map[digest.Digest][]byte{}
	for _, q := range places {
		if state, ok := p.index.Hashes[q.chain]; ok && restore(h, state) {
			states[q.chain], done = state, q.at
		}
	}
	resumedAt := done
	for _, q := range places {
		if q.at <= done {
			continue
		}
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if _, err := io.Copy(h, io.NewSectionReader(f, done, q.at-done)); err != nil {
			return "", fmt.Errorf("reading %q: %w", f.Name(), err)
		}
		done = q.at
		state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			return "", err
		}
		states[q.chain] = state
	}
	if _, err := io.Copy(h, io.NewSectionReader(f, done, s.size-done)); err != nil {
		return "", fmt.Errorf("reading %q: %w", f.Name(), err)
	}
	p.resumed = len(places) > 0 && resumedAt == places[len(places)-1].at
	p.index.Hashes = states
	return digest.Sum(h), nil
}

// restore sets a hash to a kept state, and reports whether it could.
func restore(h hash.Hash, state []byte) bool {
	return h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state) == nil
}

// packed returns the description of the finished slug.
func (p *packing) packed(s *assembly, sum digest.Digest) *Packed {
	out := &Packed{Path: p.Output, Digest: sum, Content: s.manifest.Content, Size: s.size, Manifest: s.manifest}
	for i, info := range s.manifest.Sections {
		section := PackedSection{SectionInfo: info}
		section.Reused, section.Why = summary(p.built[i], p.index.has(info.Name))
		if shared := p.shared[info.Name]; shared != nil && shared.fresh {
			section.Reused, section.Why = "none", "new"
		} else if shared != nil {
			section.Why = "shared by all apps"
		}
		out.Sections = append(out.Sections, section)
	}
	return out
}
