package slug

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path"
	"path/filepath"
	"strings"

	"slugc/cache/digest"
	"slugc/cache/disk"
	"slugc/compiler/abi"
	"slugc/compiler/procfile"
)

// assembly is a slug's file while it is written: it grows as segments are made, in their order, and is hashed
// as it grows.
type assembly struct {
	*packing
	f    *os.File // beside its place, under a temporary name
	head int      // bytes of the gzip header and the first segment
	dirs Segment  // the first segment
	size int64    // bytes written
	hash fileHash

	linked string // the name by which the store has the file, "" if it has not
}

// newAssembly makes the file and writes the slug's head.
func newAssembly(p *packing) (*assembly, error) {
	dirs, err := dirsSegment(p.parents)
	if err != nil {
		return nil, err
	}
	head := bytes.NewBuffer(bytes.Clone(gzipHeader))
	size, sum, err := new(deflater).write(head, dirs, int64(len(gzipHeader)))
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(p.Output), ".slug-*")
	if err != nil {
		return nil, writeFault(p.Output, err)
	}
	a := &assembly{packing: p, f: f, head: head.Len(), size: int64(head.Len())}
	a.dirs = Segment{
		Offset: int64(len(gzipHeader)),
		Size:   size,
		Tar:    int64(len(dirs)),
		Digest: digest.Of(dirs),
		CRC:    crc32.ChecksumIEEE(dirs),
		Sum:    sum,
	}
	a.hash = newFileHash(f, head.Bytes(), p.index.Hashes)
	if err = f.Chmod(0o644); err == nil {
		_, err = f.Write(head.Bytes())
	}
	if err != nil {
		a.discard()
		return nil, writeFault(p.Output, err)
	}
	a.link()
	return a, nil
}

// discard closes the file and removes it, unless it was put in its place.
func (a *assembly) discard() {
	a.f.Close()
	os.Remove(a.f.Name())
}

// follow appends the segments in order, each as soon as it is made.
func (a *assembly) follow(ctx context.Context, order <-chan *built) error {
	for b := range order {
		select {
		case <-b.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := b.from.copy(a.f, a.Output, b.location); err != nil {
			return err
		}
		a.size += b.location.Size
		if err := a.hash.add(b.Digest, a.size); err != nil {
			return err
		}
	}
	return nil
}

// manifest returns the slug's manifest, and the bytes that end the file.
func (a *assembly) manifest() (Manifest, []byte, error) {
	m := a.Manifest
	m.Format, m.Sections, m.Dirs = FormatVersion, []SectionInfo{}, a.dirs
	at, crc, length := int64(a.head), m.Dirs.CRC, m.Dirs.Tar
	for i, section := range a.sections {
		info := SectionInfo{Name: section.Name, Prefix: section.Prefix, Segments: []Segment{}}
		for _, b := range a.built[i] {
			l := b.location
			seg := l.segment(at, b.Digest)
			seg.Part = b.Part
			info.Segments = append(info.Segments, seg)
			info.Size, info.Tar, info.Entries = info.Size+l.Size, info.Tar+l.Tar, info.Entries+b.Entries
			at, crc, length = at+l.Size, combineCRC(crc, l.CRC, l.Tar), length+l.Tar
		}
		info.Digest = sectionDigest(info.Segments)
		m.Sections = append(m.Sections, info)
	}
	m.Content, m.ABI = contentDigest(m), a.abi()
	end, last, err := tailBytes(&m, at)
	if err != nil {
		return m, nil, err
	}
	end = binary.LittleEndian.AppendUint32(end, combineCRC(crc, crc32.ChecksumIEEE(last), int64(len(last))))
	return m, binary.LittleEndian.AppendUint32(end, uint32(length+int64(len(last)))), nil
}

// abi returns what the slug needs of a machine.
func (a *assembly) abi() *abi.Record {
	var files []abi.File
	for _, section := range a.built {
		for _, b := range section {
			files = append(files, b.ABI...)
		}
	}
	var starts []abi.Start
	for _, p := range a.Manifest.ProcessTypes {
		for _, program := range procfile.Programs(p.Command) {
			start := abi.Start{Type: p.Type, Name: program.Name}
			if program.Path != "" {
				start.Path = path.Join(a.Manifest.Directory, program.Path)
			}
			starts = append(starts, start)
		}
	}
	_, arch, _ := strings.Cut(a.Manifest.Target, "/")
	return abi.Of(files, starts, arch)
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

// finish ends the slug, and renames it when it is complete and durable.
func (a *assembly) finish(ctx context.Context) (*Packed, error) {
	m, end, err := a.manifest()
	if err != nil {
		return nil, err
	}
	if _, err := a.f.Write(end); err != nil {
		return nil, writeFault(a.Output, err)
	}
	a.size += int64(len(end))
	if a.Limit > 0 && a.size > a.Limit {
		return nil, tooLarge(ctx, a.f.Name(), m, a.size, a.Limit)
	}
	synced := make(chan error, 1)
	go func() { synced <- a.f.Sync() }()
	sum, err := a.hash.sum(a.size)
	if err := <-synced; err != nil {
		return nil, writeFault(a.Output, err)
	}
	if err != nil {
		return nil, err
	}
	if a.Name != nil {
		a.Output = filepath.Join(filepath.Dir(a.Output), a.Name(sum))
	}
	if err := os.Rename(a.f.Name(), a.Output); err != nil {
		return nil, writeFault(a.Output, err)
	}
	if err := disk.SyncDir(filepath.Dir(a.Output)); err != nil {
		return nil, err
	}
	a.index.Hashes = a.hash.states
	return a.packed(m, sum), nil
}

// packed returns the description of the finished slug.
func (a *assembly) packed(m Manifest, sum digest.Digest) *Packed {
	out := &Packed{Path: a.Output, Digest: sum, Content: m.Content, Size: a.size, Manifest: m}
	for i, info := range m.Sections {
		section := PackedSection{SectionInfo: info}
		section.Reused, section.Why = summary(a.built[i], a.index.has(info.Name))
		if shared := a.shared[info.Name]; shared != nil && shared.fresh {
			section.Reused, section.Why = "none", "new"
		} else if shared != nil {
			section.Why = "shared by all apps"
		}
		out.Sections = append(out.Sections, section)
	}
	return out
}
