package slug_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slugc/cache/digest"
	"slugc/compiler/fault"
	"slugc/compiler/slug"
)

// small packs a slug of a few segments, with a file that is split if asked to, and gives its file
// and bytes.
func small(t *testing.T, split bool) (*slug.Packed, []byte) {
	t.Helper()
	files := map[string]string{"a/b": strings.Repeat("text ", 9000), "bin": "+x", "link": "->a/b"}
	layer := slug.Section{Name: "layer", Dir: tree(t, files), Prefix: ".layers/x"}
	if split {
		files["huge"] = strings.Repeat("0123456789abcdef", 513<<10)
	}
	p := pack(t, slug.PackOptions{Sections: []slug.Section{layer, {Name: "app", Dir: tree(t, files)}}})
	b, err := os.ReadFile(p.Path)
	check(t, err)
	return p, b
}

// refused reports whether Verify refuses the bytes, as a damaged slug.
func refused(t *testing.T, b []byte) bool {
	t.Helper()
	p := filepath.Join(t.TempDir(), "slug.tgz")
	check(t, os.WriteFile(p, b, 0o644))
	_, err := slug.Verify(context.Background(), p, "")
	return err != nil && fault.Of(err).ID == "slug/damaged" && fault.Of(err).Code == fault.ExitPack
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	t.Parallel()
	_, b := small(t, false)
	for i := range b {
		if i > 64 && i < len(b)-1200 && i%23 != 0 {
			continue
		}
		bit := byte(1) << (i % 8)
		b[i] ^= bit
		if !refused(t, b) {
			t.Errorf("bit %d of byte %d of %d can be flipped", i%8, i, len(b))
		}
		b[i] ^= bit
	}
	p, b := small(t, true)
	for _, s := range p.Manifest.Sections[1].Segments {
		for i := s.Offset + 1; i < s.Offset+s.Size; i += s.Size / 4 {
			b[i] ^= 1
			if !refused(t, b) {
				t.Errorf("byte %d of %d can be changed", i, len(b))
			}
			b[i] ^= 1
		}
	}
}

func TestTruncationIsFound(t *testing.T) {
	t.Parallel()
	_, b := small(t, true)
	for n := 0; n < len(b); n += 4096 {
		if !refused(t, b[:n]) {
			t.Errorf("%d of %d bytes pass for a slug", n, len(b))
		}
	}
	for _, n := range []int{1, 8, 9, 512} {
		if !refused(t, b[:len(b)-n]) {
			t.Errorf("a slug without its last %d bytes passes for a slug", n)
		}
	}
}

func TestTrailingBytesAreFound(t *testing.T) {
	t.Parallel()
	_, b := small(t, false)
	for _, more := range [][]byte{{0}, make([]byte, 512), []byte("garbage")} {
		if !refused(t, append(bytes.Clone(b), more...)) {
			t.Errorf("%d bytes after the end are not found", len(more))
		}
	}
	if !refused(t, append(bytes.Clone(b), b...)) {
		t.Error("two slugs pass for one")
	}
	if !refused(t, append([]byte{0}, b...)) {
		t.Error("a byte before the start is not found")
	}
}

func TestWrongDigest(t *testing.T) {
	t.Parallel()
	p, _ := small(t, false)
	if _, err := slug.Verify(context.Background(), p.Path, digest.Of(nil)); err == nil {
		t.Error("a wrong digest is accepted")
	}
}

func TestInspect(t *testing.T) {
	t.Parallel()
	p, b := small(t, true)
	// Only the end is read: all else may be missing.
	sparse := filepath.Join(t.TempDir(), "sparse")
	segments := p.Manifest.Sections[1].Segments
	last := segments[len(segments)-1]
	tail := int(last.Offset + last.Size)
	check(t, os.WriteFile(sparse, append(make([]byte, tail), b[tail:]...), 0o644))
	m, err := slug.Inspect(sparse)
	check(t, err)
	if m.Content != p.Content || m.Format != slug.FormatVersion || len(m.Sections) != 2 {
		t.Errorf("got %+v", m)
	}
	for _, name := range []string{"/dev/null", t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if _, err := slug.Inspect(name); err == nil {
			t.Errorf("%s passes for a slug", name)
		}
	}
}

func TestLargest(t *testing.T) {
	t.Parallel()
	p := pack(t, slug.PackOptions{Sections: app(tree(t, map[string]string{
		"a/b/c/big": strings.Repeat(
			"x",
			5000,
		), "a/small": "1", "d/e": strings.Repeat("y", 3000), "top": strings.Repeat("z", 9000),
	}))})
	got, err := slug.Largest(context.Background(), p.Path, 2)
	check(t, err)
	if len(got) != 2 || got[0] != (slug.DirSize{Path: "a/b/c", Size: 5000, Files: 1}) || got[1].Path != "d" {
		t.Errorf("got %+v", got)
	}
}

// TestDirectoryOutside refuses a slug whose app would be in a directory out of it.
func TestDirectoryOutside(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]bool{
		"": true, "apps/api": true, "../etc": false, "/etc": false, "a/../..": false,
	} {
		o := slug.PackOptions{
			Sections: app(tree(t, map[string]string{"a": ""})), Manifest: slug.Manifest{Directory: dir},
			Output: filepath.Join(t.TempDir(), "slug.tgz"),
		}
		_, err := slug.Pack(context.Background(), o)
		check(t, err)
		if m, err := slug.Inspect(o.Output); (err == nil) != want || err == nil && m.Directory != dir {
			t.Errorf("%q: %v", dir, err)
		}
	}
}
