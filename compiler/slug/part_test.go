package slug_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"slugc/cache/digest"
	"slugc/compiler/slug"
)

// bulk is three slugs of a huge file and many small ones, none of which a compressor makes smaller. The
// tests that need them share them.
type bulk struct {
	slug    *slug.Packed
	changed map[int]*slug.Packed // by the number of the file that differs
}

var (
	bulkDir  string // TestMain removes it
	makeBulk sync.Once
	made     bulk
)

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(bulkDir)
	os.Exit(code)
}

// bulky returns the shared slugs. The first test that asks makes them.
func bulky(t *testing.T) bulk {
	t.Helper()
	makeBulk.Do(func() {
		var err error
		bulkDir, err = os.MkdirTemp("", "slug-test-*")
		check(t, err)
		random := func(seed, n int) string {
			b := make([]byte, n)
			_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
			return string(b)
		}
		runtime, dir := filepath.Join(bulkDir, "runtime"), filepath.Join(bulkDir, "app")
		put(t, runtime, "bin/node", "+"+random(1, 20<<20))
		file := func(i int) (name, content string) { return fmt.Sprintf("src/%d", i), random(2000+i, 60<<10) }
		for i := range 300 {
			put(t, runtime, fmt.Sprintf("lib/%d", i), random(1000+i, 10<<10))
			name, content := file(i)
			put(t, dir, name, content)
		}
		empty := filepath.Join(bulkDir, "empty")
		check(t, os.Mkdir(empty, 0o755))
		store, err := slug.OpenStore(filepath.Join(bulkDir, "store"))
		check(t, err)
		packed := func() *slug.Packed {
			return pack(t, slug.PackOptions{
				Output: filepath.Join(bulkDir, fmt.Sprint(len(made.changed), made.slug != nil, ".tgz")),
				Store:  store,
				Sections: []slug.Section{
					{Name: "layer", Dir: runtime, Prefix: ".layers/node"},
					{Name: "app", Dir: dir},
					{Name: "empty", Dir: empty, Prefix: "none"},
				},
			})
		}
		made.slug, made.changed = packed(), map[int]*slug.Packed{}
		for _, i := range []int{7, 299} {
			name, content := file(i)
			put(t, dir, name, "changed")
			made.changed[i] = packed()
			put(t, dir, name, content)
		}
	})
	if made.slug == nil {
		t.Fatal("the shared slugs were not made")
	}
	return made
}

func TestParts(t *testing.T) {
	t.Parallel()
	p := bulky(t).slug
	data, err := os.ReadFile(p.Path)
	check(t, err)
	for _, whole := range []bool{false, true} {
		parts, is, err := slug.Parts(t.Context(), p.Path, whole)
		check(t, err)
		if is != p.Digest {
			t.Errorf("the file's digest is %s, not %s", is, p.Digest)
		}
		at, largest := int64(0), int64(0)
		for _, part := range parts {
			if part.Offset != at || part.Digest != digest.Of(data[at:at+part.Size]) {
				t.Errorf("the part at %d is not what it should be: %+v", at, part)
			}
			at, largest = at+part.Size, max(largest, part.Size)
		}
		if at != int64(len(data)) || len(parts) < 6 || !whole && largest > 9<<20 {
			t.Errorf(
				"whole %t: %d parts hold %d of %d bytes, the largest %d",
				whole,
				len(parts),
				at,
				len(data),
				largest,
			)
		}
		rebuild(t, p, parts, whole)
	}
}

// rebuild puts a slug together from its parts, in another order, and from parts that are wrong.
func rebuild(t *testing.T, p *slug.Packed, parts []slug.Part, whole bool) {
	t.Helper()
	dir := t.TempDir()
	to := filepath.Join(dir, "slug.tgz")
	r, err := slug.NewRebuild(to, p.Digest, parts, whole)
	check(t, err)
	defer r.Close()
	f, err := os.Open(p.Path)
	check(t, err)
	defer f.Close()
	for i, part := range slices.Backward(parts) {
		read := func(offset, n int64) io.Reader { return io.NewSectionReader(f, offset, n) }
		for name, from := range map[string]io.Reader{
			"less":  read(part.Offset, part.Size-1),
			"other": read(part.Offset+1-2*(part.Offset&1), part.Size),
			"none":  strings.NewReader(""),
		} {
			if err := r.Write(i, from); !errors.Is(err, slug.ErrPart) && part.Offset+part.Size < p.Size &&
				part.Offset > 0 {
				t.Errorf("part %d of %s: %v", i, name, err)
			}
		}
		if part.Offset+part.Size < p.Size {
			if err := r.Write(i, read(part.Offset, part.Size+1)); !errors.Is(err, slug.ErrPart) {
				t.Errorf("part %d and more: %v", i, err)
			}
		}
		if err := r.Finish(t.Context()); err == nil {
			t.Fatal("it is finished before all parts are there")
		}
		check(t, r.Write(i, read(part.Offset, part.Size)))
	}
	check(t, r.Finish(t.Context()))
	r.Close()
	_, err = slug.Verify(t.Context(), to, p.Digest)
	check(t, err)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v, %v", entries, err)
	}
}

// TestOneChangeMovesOnePart changes one file of the app and counts the parts that a slug without
// the change lacks.
func TestOneChangeMovesOnePart(t *testing.T) {
	t.Parallel()
	all := bulky(t)
	before := all.slug
	known, _, err := slug.Parts(t.Context(), before.Path, false)
	check(t, err)
	for change, p := range all.changed {
		parts, _, err := slug.Parts(t.Context(), p.Path, false)
		check(t, err)
		r, err := slug.NewRebuild(filepath.Join(t.TempDir(), "slug.tgz"), p.Digest, parts, false)
		check(t, err)
		taken, bytes := r.CopyFrom(t.Context(), before.Path)
		r.Close()
		// One part and the tail, or two where a border moved.
		if missing := len(r.Missing()); missing > 3 || taken+missing != len(parts) || p.Size-bytes > 10<<20 ||
			len(known) < len(parts)-2 {
			t.Errorf("after a change of file %d, %d of %d parts are missing, %d of %d bytes",
				change, missing, len(parts), p.Size-bytes, p.Size)
		}
	}
}

// TestRebuildRefuses are parts that make no slug.
func TestRebuildRefuses(t *testing.T) {
	t.Parallel()
	p := pack(t, slug.PackOptions{Sections: app(tree(t, map[string]string{"a": "b"}))})
	parts, _, err := slug.Parts(t.Context(), p.Path, false)
	check(t, err)
	to := filepath.Join(t.TempDir(), "slug.tgz")
	for name, change := range map[string]func([]slug.Part){
		"a gap":   func(l []slug.Part) { l[1].Offset++ },
		"no size": func(l []slug.Part) { l[1].Size = 0 },
		"less":    func(l []slug.Part) { l[1].Size = -l[1].Size },
		"a path":  func(l []slug.Part) { l[1].Digest = "../x" },
	} {
		list := slices.Clone(parts)
		change(list)
		if _, err := slug.NewRebuild(to, p.Digest, list, false); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	// Sound parts of another slug than the digest names.
	r, err := slug.NewRebuild(to, digest.Of(nil), parts, false)
	check(t, err)
	defer r.Close()
	if n, _ := r.CopyFrom(t.Context(), p.Path); n != len(parts) {
		t.Fatalf("%d parts", n)
	}
	if err := r.Finish(t.Context()); err == nil || !strings.Contains(err.Error(), "its digest is") {
		t.Errorf("got %v", err)
	}
}

// TestArchives extracts a slug's archives one after another with another program and compares with
// the slug.
func TestArchives(t *testing.T) {
	t.Parallel()
	p := bulky(t).slug
	archives, of, trailer, err := slug.Archives(context.Background(), p.Path)
	check(t, err)
	f, err := os.Open(p.Path)
	check(t, err)
	defer f.Close()
	out, again := t.TempDir(), t.TempDir()
	var rebuilt bytes.Buffer
	for i, a := range archives {
		data, err := io.ReadAll(a.Open(f))
		check(t, err)
		if int64(len(data)) != a.Size || a.Digest != digest.Of(data) {
			t.Errorf("archive %d has %d bytes and is said to be %+v", i, len(data), a)
		}
		z, err := gzip.NewReader(bytes.NewReader(data))
		check(t, err)
		inflated, err := io.ReadAll(z)
		check(t, err)
		if a.Diff != digest.Of(inflated) {
			t.Errorf("archive %d has another tar than it says", i)
		}
		extract(t, bytes.NewReader(data), out)
		if size := slug.ArchivedSize(i, len(archives), a.Size); size != a.Part.Size {
			t.Errorf("archive %d is said to hold a part of %d bytes, not %d", i, size, a.Part.Size)
		}
		from, err := slug.FromArchive(i, len(archives), bytes.NewReader(data), a.Part.Size, trailer)
		check(t, err)
		_, err = io.Copy(&rebuilt, from)
		check(t, err)
	}
	if is := digest.Of(rebuilt.Bytes()); is != of || of != p.Digest {
		t.Errorf("from the archives the slug is %s, it is %s", is, of)
	}
	_, err = f.Seek(0, io.SeekStart)
	check(t, err)
	extract(t, f, again)
	if diff, err := exec.Command("diff", "-r", out, again).CombinedOutput(); err != nil {
		t.Errorf("the archives and the slug hold different trees: %v\n%.2000s", err, diff)
	}
}

func extract(t *testing.T, from io.Reader, to string) {
	t.Helper()
	cmd := exec.Command("tar", "-xzf", "-", "-C", to)
	cmd.Stdin = from
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
}
