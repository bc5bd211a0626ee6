package slug

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/digest"
)

// forged is a slug made by hand: whole and consistent in all its sums, whatever its archive holds.
type forged struct {
	segments [][]byte // tar bytes
	parts    []int
	change   func(*Manifest)
}

// write writes the slug and returns its path.
func (s forged) write(t testing.TB) string {
	t.Helper()
	dirs, err := dirsSegment([]string{"", ".slugc"})
	must(t, err)
	out := bytes.NewBuffer(bytes.Clone(gzipHeader))
	add := func(b []byte) Segment {
		at := int64(out.Len())
		size, sum, err := new(deflater).write(out, b, at)
		must(t, err)
		return Segment{
			Offset: at,
			Size:   size,
			Tar:    int64(len(b)),
			Digest: digest.Of(b),
			CRC:    crc32.ChecksumIEEE(b),
			Sum:    sum,
		}
	}
	m := Manifest{Format: FormatVersion, Dirs: add(dirs)}
	info := SectionInfo{Name: "app"}
	whole := bytes.Clone(dirs)
	for i, b := range s.segments {
		seg := add(b)
		if i < len(s.parts) {
			seg.Part = s.parts[i]
		}
		info.Segments = append(info.Segments, seg)
		info.Size, info.Tar = info.Size+seg.Size, info.Tar+seg.Tar
		whole = append(whole, b...)
	}
	info.Digest = sectionDigest(info.Segments)
	m.Sections = []SectionInfo{info}
	m.Content = contentDigest(m)
	if s.change != nil {
		s.change(&m)
	}
	compressed, last, err := tailBytes(&m, int64(out.Len()))
	must(t, err)
	whole = append(whole, last...)
	out.Write(compressed)
	out.Write(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(whole)))
	out.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(whole))))
	p := filepath.Join(t.TempDir(), "slug.tgz")
	must(t, os.WriteFile(p, out.Bytes(), 0o644))
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// raw returns the tar bytes of these headers, with x as content.
func raw(headers ...tar.Header) []byte {
	var b bytes.Buffer
	for _, h := range headers {
		if h.Mode == 0 {
			h.Mode = map[byte]int64{tar.TypeReg: 0o644, tar.TypeDir: 0o755, tar.TypeSymlink: 0o777}[h.Typeflag]
		}
		h.ModTime = epoch
		if err := tar.NewWriter(&b).WriteHeader(&h); err != nil {
			panic(err)
		}
		if h.Typeflag == tar.TypeReg {
			b.WriteString(strings.Repeat("x", int(h.Size)))
			b.Write(make([]byte, padded(h.Size)-h.Size))
		}
	}
	return b.Bytes()
}

func file(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 3} }
func dir(name string) tar.Header  { return tar.Header{Typeflag: tar.TypeDir, Name: name} }
func link(name, to string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}
}

func hostile() map[string]forged {
	one := func(h ...tar.Header) forged { return forged{segments: [][]byte{raw(h...)}} }
	good := raw(file("./app/a"))
	big := raw(tar.Header{Typeflag: tar.TypeReg, Name: "./app/big", Size: 2000})
	changed := func(f func(*Manifest)) forged { return forged{segments: [][]byte{good}, change: f} }
	return map[string]forged{
		"above":             one(file("./app/../../x")),
		"above in the app":  one(file("./app/a/../x")),
		"absolute":          one(file("/app/x")),
		"another top":       one(file("./etc/x")),
		"link out":          one(link("./app/a", "../../etc")),
		"absolute link out": one(link("./app/a", "/etc/passwd")),
		"through a link":    one(link("./app/a", "b"), file("./app/a/x")),
		"link in a link":    one(link("./app/a", "b"), link("./app/a/x", "y")),
		"hard link":         one(tar.Header{Typeflag: tar.TypeLink, Name: "./app/a", Linkname: "/etc/passwd"}),
		"device":            one(tar.Header{Typeflag: tar.TypeChar, Name: "./app/a"}),
		"setuid":            one(tar.Header{Typeflag: tar.TypeReg, Name: "./app/a", Mode: 0o4755}),
		"twice":             one(file("./app/a"), file("./app/a")),
		"twice apart":       {segments: [][]byte{good, good}},
		"file then dir":     one(file("./app/a"), file("./app/a/b")),
		"its own manifest":  one(file("./app/.slugc/slug.json")),
		"dir as manifest":   one(dir("./app/.slugc/slug.json/")),
		"end inside":        {segments: [][]byte{append(bytes.Clone(good), make([]byte, 1024)...)}},
		"not a tar":         {segments: [][]byte{bytes.Repeat([]byte("garbage!"), 64)}},
		"half a block":      {segments: [][]byte{good[:700]}},
		"cut content":       {segments: [][]byte{big[:1024], good}},
		"part of nothing":   {segments: [][]byte{good, good}, parts: []int{0, 1}},
		"part too short":    {segments: [][]byte{big[:1024], big[1024:1536]}, parts: []int{0, 1}},
		"part too long": {
			segments: [][]byte{big[:1024], append(big[1024:], make([]byte, 512)...)},
			parts:    []int{0, 1},
		},
		"part out of turn": {segments: [][]byte{big[:1024], big[1024:]}, parts: []int{0, 2}},
		"part first":       {segments: [][]byte{good}, parts: []int{1}},
		"dirt in padding":  {segments: [][]byte{append(bytes.Clone(good[:len(good)-1]), 1)}},
		"wrong digest":     changed(func(m *Manifest) { m.Sections[0].Segments[0].Digest = digest.Of(nil) }),
		"no digest": {
			segments: [][]byte{good},
			change: func(m *Manifest) {
				s := &m.Sections[0]
				s.Segments[0].Digest = ""
				s.Digest = sectionDigest(s.Segments)
				m.Content = contentDigest(*m)
			},
		},
		"wrong crc":          changed(func(m *Manifest) { m.Sections[0].Segments[0].CRC++ }),
		"wrong length":       changed(func(m *Manifest) { m.Sections[0].Segments[0].Tar++ }),
		"huge length":        changed(func(m *Manifest) { m.Sections[0].Segments[0].Tar = 1 << 62 }),
		"negative size":      changed(func(m *Manifest) { m.Sections[0].Segments[0].Size = -1 }),
		"offset elsewhere":   changed(func(m *Manifest) { m.Sections[0].Segments[0].Offset = 1 << 62 }),
		"a later format":     changed(func(m *Manifest) { m.Format++ }),
		"no section":         changed(func(m *Manifest) { m.Sections = nil }),
		"dir after contents": {segments: [][]byte{raw(file("./app/a/b")), raw(dir("./app/a/"))}},
	}
}

func TestHostileSlugs(t *testing.T) {
	t.Parallel()
	for name, s := range hostile() {
		p := s.write(t)
		if _, err := Verify(context.Background(), p, ""); err == nil {
			t.Errorf("%s: Verify accepts it", name)
		}
		outer := t.TempDir()
		into := filepath.Join(outer, "app")
		err := Unpack(context.Background(), p, into, UnpackOptions{})
		if err == nil && name != "dirt in padding" && name != "dir after contents" {
			t.Errorf("%s: Unpack accepts it", name)
		}
		readAll(p)
		must(t, filepath.WalkDir(outer, func(p string, _ fs.DirEntry, _ error) error {
			if p != outer && p != into && err != nil {
				t.Errorf("%s: %q was written", name, p)
			}
			return nil
		}))
	}
}

// readAll calls every function that reads a slug, whatever they return.
func readAll(p string) {
	ctx := context.Background()
	_, _ = Inspect(p)
	_, _ = Largest(ctx, p, 10)
	for _, whole := range []bool{false, true} {
		parts, sum, err := Parts(ctx, p, whole)
		if err != nil {
			continue
		}
		if r, err := NewRebuild(p+".rebuilt", sum, parts, whole); err == nil {
			r.CopyFrom(ctx, p)
			r.Close()
		}
	}
	_, _, _, _ = Archives(ctx, p)
}

func TestSoundForgery(t *testing.T) {
	t.Parallel()
	big := raw(tar.Header{Typeflag: tar.TypeReg, Name: "./app/big", Size: 2000})
	s := forged{
		segments: [][]byte{
			raw(file("./app/a"), dir("./app/b/"), file("./app/b/c")),
			big[:1024],
			big[1024:1536],
			big[1536:],
		},
		parts: []int{0, 0, 1, 2},
	}
	s.change = func(m *Manifest) { m.Sections[0].Entries = 4 }
	p := s.write(t)
	if _, err := Verify(context.Background(), p, ""); err != nil {
		t.Error(err)
	}
	into := t.TempDir()
	must(t, Unpack(context.Background(), p, into, UnpackOptions{}))
	if b, err := os.ReadFile(filepath.Join(into, "big")); err != nil || string(b) != strings.Repeat("x", 2000) {
		t.Errorf("a split file holds %d bytes, %v", len(b), err)
	}
	if err := Unpack(context.Background(), p, into, UnpackOptions{}); err == nil {
		t.Error("it unpacks into a directory that is not empty")
	}
	if err := Unpack(context.Background(), p, t.TempDir(), UnpackOptions{MaxBytes: 1000}); err == nil {
		t.Error("it unpacks more than it may")
	}
}
