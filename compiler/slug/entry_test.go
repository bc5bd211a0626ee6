package slug

import (
	"archive/tar"
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestHeadersReadBack(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("d/", 60) + strings.Repeat("n", 255)
	for _, e := range []entry{
		{path: "", kind: tar.TypeDir},
		{path: "a", kind: tar.TypeDir},
		{path: "a/b", kind: tar.TypeReg, size: 12},
		{path: "run", kind: tar.TypeReg, exec: true},
		{path: "huge", kind: tar.TypeReg, size: 9 << 30},
		{path: long, kind: tar.TypeReg, size: 1},
		{path: long, kind: tar.TypeDir},
		{path: "é/ü", kind: tar.TypeReg, size: 1},
		{path: "bad\xff\xfename", kind: tar.TypeReg},
		{path: "bad\xff" + long, kind: tar.TypeDir},
		{path: "link", kind: tar.TypeSymlink, link: "a/b"},
		{path: "link", kind: tar.TypeSymlink, link: long},
		{path: "link", kind: tar.TypeSymlink, link: "\xff" + long},
		{path: "new\nline", kind: tar.TypeReg},
	} {
		var b bytes.Buffer
		if err := appendHeader(&b, e); err != nil {
			t.Errorf("%q: %v", e.path, err)
			continue
		}
		got, n, err := readHeader(append(b.Bytes(), "what follows"...))
		if err != nil || n != b.Len() || got != e {
			t.Errorf("%q reads as %+v, %d of %d bytes, %v", e.path, got, n, b.Len(), err)
		}
		if b.Len()%block != 0 || int64(b.Len()) > 2*headerSize(e)+2*block {
			t.Errorf("%q has a header of %d bytes", e.path, b.Len())
		}
	}
}

func TestForeignHeadersAreRefused(t *testing.T) {
	t.Parallel()
	ok := tar.Header{Typeflag: tar.TypeReg, Name: "./app/a", Mode: 0o644, ModTime: epoch}
	for name, change := range map[string]func(*tar.Header){
		"owner":     func(h *tar.Header) { h.Uid = 1 },
		"name":      func(h *tar.Header) { h.Uname = "root" },
		"mode":      func(h *tar.Header) { h.Mode = 0o600 },
		"setuid":    func(h *tar.Header) { h.Mode = 0o4755 },
		"time":      func(h *tar.Header) { h.ModTime = epoch.AddDate(1, 0, 0) },
		"above":     func(h *tar.Header) { h.Name = "./app/../a" },
		"absolute":  func(h *tar.Header) { h.Name = "/app/a" },
		"elsewhere": func(h *tar.Header) { h.Name = "./etc/a" },
		"prefix":    func(h *tar.Header) { h.Name = "./apple" },
		"unclean":   func(h *tar.Header) { h.Name = "./app//a" },
		"hard link": func(h *tar.Header) { h.Typeflag, h.Linkname = tar.TypeLink, "./app/b" },
		"device":    func(h *tar.Header) { h.Typeflag = tar.TypeChar },
		"pipe":      func(h *tar.Header) { h.Typeflag = tar.TypeFifo },
		"link out":  func(h *tar.Header) { h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, "../x", 0o777 },
		"xattr":     func(h *tar.Header) { h.PAXRecords = map[string]string{"SCHILY.xattr.user.a": "b"} },
		"sized dir": func(h *tar.Header) { h.Typeflag, h.Name, h.Mode, h.Size = tar.TypeDir, "./app/a/", 0o755, 512 },
	} {
		h := ok
		change(&h)
		var b bytes.Buffer
		if err := tar.NewWriter(&b).WriteHeader(&h); err != nil {
			continue // not even a tar writer takes it
		}
		if e, _, err := readHeader(b.Bytes()); err == nil {
			t.Errorf("%s: it was taken as %+v", name, e)
		}
	}
	if _, _, err := readHeader(make([]byte, 2*block)); err == nil {
		t.Error("the end of an archive was taken as an entry")
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for target, ok := range map[string]bool{
		"b": true, "../b": true, "../../b": false, "..": true, "../..": false, "/app": true, "/app/x": true,
		"/apple": false, "/etc/passwd": false,
		"/app/../etc": false, "x/../../../b": false, "": false, "/": false, "./.././b": true, "//app/x": true,
	} {
		if got := checkLink("dir/link", target) == nil; got != ok {
			t.Errorf("target %q: allowed %v, want %v", target, got, ok)
		}
	}
}

func TestOrderIsThatOfAWalk(t *testing.T) {
	t.Parallel()
	want := []string{"", "a", "a/b", "a/b/c", "a/bc", "a!", "a-b", "a.b", "ab", "b"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compare)
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	for p, dir := range map[string]string{"a": "a", "a/b": "a", "x": ""} {
		if !within(p, dir) {
			t.Errorf("%q is not within %q", p, dir)
		}
	}
	if within("ab", "a") || within("a", "a/b") {
		t.Error("within takes a neighbour or a parent")
	}
}

func TestBordersDoNotMove(t *testing.T) {
	t.Parallel()
	entries := make([]entry, 0, 20000)
	for i := range cap(entries) {
		name := strings.Repeat(
			"x",
			i%7,
		) + string(
			rune('a'+i%26),
		) + "/" + strings.Repeat(
			"y",
			i/26%40,
		) + string(
			rune('a'+i/1040),
		)
		entries = append(entries, entry{path: name, kind: tar.TypeReg, size: int64(i * 7919 % 9000)})
	}
	borders := func(list []entry) map[string]bool {
		last := map[string]bool{}
		p := planner{emit: func(plan plan) error {
			if plan.size > maxSegment {
				t.Errorf("a segment has %d bytes", plan.size)
			}
			last[plan.entries[len(plan.entries)-1].path] = true
			return nil
		}}
		for _, e := range list {
			if err := p.add(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.flush(); err != nil {
			t.Fatal(err)
		}
		return last
	}
	before := borders(entries)
	after := borders(slices.Insert(slices.Clone(entries), 5000, entry{path: "new", kind: tar.TypeReg, size: 5000}))
	moved := 0
	for b := range before {
		if !after[b] {
			moved++
		}
	}
	if len(before) < 10 || moved > 2 {
		t.Errorf("of %d borders %d moved", len(before), moved)
	}
}
