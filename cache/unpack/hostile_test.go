package unpack_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"slugc/cache/unpack"
)

// item is an entry of an archive made by a test.
type item struct {
	typ     byte // a type flag of tar
	name    string
	target  string
	content string
	mode    int64
	header  func(*tar.Header)
}

func file(name, content string) item   { return item{typ: tar.TypeReg, name: name, content: content} }
func dir(name string) item             { return item{typ: tar.TypeDir, name: name} }
func symlink(name, target string) item { return item{typ: tar.TypeSymlink, name: name, target: target} }
func hard(name, target string) item    { return item{typ: tar.TypeLink, name: name, target: target} }
func items(i ...item) []item           { return i }

const (
	fine    = ""
	tarOnly = "tar" // the format has no such entry in a zip
)

// hostile are archives by what they try. reason is part of the refusal's, or fine.
var hostile = []struct {
	name   string
	only   string
	reason string
	items  []item
}{
	{"absolute", "", "absolute", items(file("/evil", "x"))},
	{"two slashes", "", "absolute", items(file("//evil", "x"))},
	{"parent", "", `".."`, items(file("../evil", "x"))},
	{"parent deep", "", `".."`, items(file("a/../../evil", "x"))},
	{"parent inside", "", `".."`, items(file("a/b/../c", "x"))},
	{"parent dir", "", `".."`, items(dir("../"))},
	{"parent alone", "", `".."`, items(file("..", "x"))},
	{"parent by backslash", "zip", `".."`, items(file(`..\evil`, "x"))},
	{"backslash", "tar", fine, items(file(`a\b`, "x"))},
	{"drive", "", fine, items(file("C:/x", "x"))},
	{"dot", "", fine, items(dir("./"), file("./a", "x"), file(".//b//c", "x"))},
	{"empty name", "", "empty", items(file("", "x"))},
	{"long name", "", fine, items(file(strings.Repeat("n", 255), "x"))},
	{"too long name", "", "component", items(file(strings.Repeat("n", 256), "x"))},
	{"long path", "", fine, items(file(strings.Repeat(strings.Repeat("d", 249)+"/", 15)+"f", "x"))},
	{"too long path", "", "path", items(file(strings.Repeat("abcdefg/", 512)+"abcdefg", "x"))},
	{"deep", "", "deep", items(file(strings.Repeat("a/", 1024)+"f", "x"))},
	{"just deep enough", "tar", fine, items(file(strings.Repeat("a/", 255)+"f", "x"))},
	{"very deep", "", "path", items(file(strings.Repeat("a/", 30_000)+"f", "x"))},
	{"not UTF-8", "", fine, items(file("\xff\xfe", "x"))},
	{"newline", "", fine, items(file("a\nb\x1b[31m", "x"))},
	{"case twins", "", fine, items(file("readme", "x"), file("README", "y"))},
	{"normal form twins", "", fine, items(file("\u00e9", "x"), file("e\u0301", "y"))},

	{"link absolute", "", "absolute", items(symlink("l", "/etc/passwd"))},
	{"link out", "", "out of the tree", items(symlink("l", "../evil"))},
	{"link out deep", "", "out of the tree", items(symlink("a/b/l", "../../../evil"))},
	{"link to parent", "", "out of the tree", items(symlink("l", ".."))},
	{"link to nothing", "", "nothing", items(symlink("l", ""))},
	{"link with NUL", "zip", "NUL", items(symlink("l", "a\x00b"))},
	{"link target too long", "", "target", items(symlink("l", strings.Repeat("a/", 3000)))},
	{"link to itself", "", fine, items(symlink("l", "l"))},
	{"link loop", "", fine, items(symlink("a", "b"), symlink("b", "a"))},
	{"link chain", "", fine, chain(41)},
	{"link to root", "", fine, items(symlink("a/l", ".."))},
	{
		"link in bin",
		"",
		fine,
		items(file("node_modules/tool/cli.js", "x"), symlink("node_modules/.bin/tool", "../tool/cli.js")),
	},
	{
		"links that add up",
		"",
		"through other links",
		items(dir("d/e"), symlink("d/e/up", ".."), symlink("x", "d/e/up/../../canary")),
	},
	{
		"links that add up later",
		"",
		"through other links",
		items(symlink("x", "d/e/up/../../canary"), dir("d/e"), symlink("d/e/up", "..")),
	},
	{
		"twisted but inside",
		"",
		fine,
		items(dir("d/e"), symlink("d/e/up", ".."), symlink("x", "d/e/up/../f"), file("f", "x")),
	},

	{"through a link", "", "through the link", items(symlink("l", "a"), dir("a"), file("l/x", "x"))},
	{"through a link deep", "", "through the link", items(symlink("l", "a"), dir("a"), file("l/x/y/z", "x"))},
	{
		"through a chain",
		"",
		"through the link",
		items(dir("a"), symlink("l", "a"), symlink("m", "l"), file("m/x", "x")),
	},
	{"dir over link", "", "link", items(dir("a"), symlink("l", "a"), dir("l"))},
	{"file over link", "", "there already", items(symlink("l", "a"), file("l", "x"))},
	{"link over dir", "", "directory already", items(dir("l"), symlink("l", "a"))},
	{"link over file", "", "there already", items(file("l", "x"), symlink("l", "a"))},
	{"file over dir", "", "directory already", items(dir("d"), file("d", "x"))},
	{"dir over file", "", "that is a file", items(file("d", "x"), dir("d"))},
	{"below a file", "", "that is a file", items(file("d", "x"), file("d/x", "x"))},
	{"file twice", "", "two entries", items(file("f", "x"), file("f", "y"))},
	{"file twice by dots", "", "two entries", items(file("f", "x"), file("./f", "y"))},
	{"dir twice", "", fine, items(dir("d"), file("d/a", "x"), dir("d"), file("d/b", "x"))},

	{"hard link", tarOnly, fine, items(file("a", "x"), hard("d/b", "a"))},
	{"hard link dotted", tarOnly, fine, items(file("a", "x"), hard("b", "./a"))},
	{"hard link out", tarOnly, "out of the tree", items(hard("b", "../canary/file"))},
	{"hard link absolute", tarOnly, "out of the tree", items(hard("b", "/etc/passwd"))},
	{"hard link forward", tarOnly, "before it", items(hard("b", "a"), file("a", "x"))},
	{"hard link to dir", tarOnly, "not a file", items(dir("a"), hard("b", "a"))},
	{"hard link to root", tarOnly, "not in the tree", items(hard("b", "."))},
	{"hard link to link", tarOnly, fine, items(symlink("a", "x"), hard("b", "a"))},
	{"hard link to link, moved", tarOnly, "out of the tree", items(symlink("d/a", "../x"), hard("b", "d/a"))},
	{"hard link through link", tarOnly, "before it", items(file("d/f", "x"), symlink("l", "d"), hard("b", "l/f"))},
	{"hard link over file", tarOnly, "there already", items(file("a", "x"), file("b", "x"), hard("b", "a"))},
	{"hard link to itself", tarOnly, "before it", items(hard("b", "b"))},
	{"write to a hard link", tarOnly, "there already", items(file("a", "x"), hard("b", "a"), file("b", "y"))},

	{"device", "", "device", items(item{typ: tar.TypeChar, name: "null"})},
	{"block device", "", "device", items(item{typ: tar.TypeBlock, name: "sda"})},
	{"FIFO", "", "FIFO", items(item{typ: tar.TypeFifo, name: "pipe"})},
	{"unknown type", tarOnly, "unknown", items(item{typ: 'Z', name: "what"})},
	{
		"modes",
		"",
		fine,
		items(
			item{typ: tar.TypeReg, name: "suid", mode: 0o7777},
			item{typ: tar.TypeDir, name: "d", mode: 0o7000},
			file("d/x", "x"),
		),
	},
	{"odd times", tarOnly, fine, items(
		item{typ: tar.TypeReg, name: "old", header: func(h *tar.Header) { h.ModTime = time.Unix(-1<<40, 0) }},
		item{typ: tar.TypeReg, name: "new", header: func(h *tar.Header) { h.ModTime = time.Unix(1<<40, 0) }})},
	{
		"owner",
		tarOnly,
		fine,
		items(item{typ: tar.TypeReg, name: "f", header: func(h *tar.Header) { h.Uid, h.Gid = 1<<31, 1<<31 }}),
	},
	{"capability", tarOnly, fine, items(item{typ: tar.TypeReg, name: "f", header: func(h *tar.Header) {
		h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "\x01\x00\x00\x02"}
	}})},
	{"PAX path", tarOnly, `".."`, items(item{typ: tar.TypeReg, name: "../" + strings.Repeat("e", 120)})},
	{"PAX link path", tarOnly, "out of the tree", items(symlink("l", "../"+strings.Repeat("e", 120)))},
	{
		"PAX global",
		tarOnly,
		fine,
		items(item{typ: tar.TypeXGlobalHeader, name: "pax_global_header", header: func(h *tar.Header) {
			h.PAXRecords = map[string]string{"path": "../evil", "linkpath": "/etc"}
		}}, file("a", "x")),
	},
}

// chain makes n links, each to the next.
func chain(n int) []item {
	list := items(file("l", "x"))
	for i := range n {
		list = append(list, symlink("l"+strings.Repeat("x", i+1), "l"+strings.Repeat("x", i)))
	}
	return list
}

// TestHostile unpacks every archive in every format beside a directory that must stay as it is.
func TestHostile(t *testing.T) {
	t.Parallel()
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			for format, make := range formats {
				if tt.only != "" && (tt.only == "zip") != (format == "zip") {
					continue
				}
				err := unpackBeside(t, make(t, tt.items), unpack.Options{KeepTimes: true})
				r, refused := errors.AsType[*unpack.Refusal](err)
				switch {
				case tt.reason == fine && err != nil:
					t.Errorf("%s: %v", format, err)
				case tt.reason != fine && !refused:
					t.Errorf("%s: error %v, want a refusal", format, err)
				case tt.reason != fine && (!strings.Contains(r.Reason, tt.reason) || len(r.Error()) > 900):
					t.Errorf("%s: %q, want %q", format, r, tt.reason)
				}
			}
		})
	}
}

// unpackBeside unpacks an archive into root/dir and checks that root/canary and all else but dir is
// untouched, and that what was unpacked holds nothing that leads out.
func unpackBeside(t testing.TB, archive []byte, o unpack.Options) error {
	t.Helper()
	root := t.TempDir()
	target := filepath.Join(root, "dir")
	for _, d := range []string{target, filepath.Join(root, "canary")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "canary/file"), []byte("sings"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := list(t, root, target)
	_, err := unpack.Archive(context.Background(), bytes.NewReader(archive), target, o)
	if after := list(t, root, target); after != before {
		t.Errorf("written outside:\n%s\nbefore:\n%s", after, before)
	}
	inside(t, target)
	return err
}

// list describes all files below root except those below skip.
func list(t testing.TB, root, skip string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p == skip {
			return filepath.SkipDir
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		content := ""
		if st.Mode().IsRegular() {
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			content = string(data)
		}
		b.WriteString(strings.Join([]string{p, st.Mode().String(), content, "\n"}, " "))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// inside checks every file below dir: plain modes, no specials, no link that resolves to a place
// outside.
func inside(t testing.TB, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		switch m := st.Mode(); {
		case m.Type() == fs.ModeSymlink:
			if to, err := filepath.EvalSymlinks(p); err == nil && to != dir && !strings.HasPrefix(to, dir+"/") {
				t.Errorf("%q leads to %q", p, to)
			}
		case m.IsDir() && m.Perm() != 0o755, m.IsRegular() && m != 0o644 && m != 0o755, !m.IsDir() && !m.IsRegular():
			t.Errorf("%q has mode %v", p, m)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// formats make archives. All but zip are a tar inside.
var formats = map[string]func(testing.TB, []item) []byte{
	"tar": makeTar,
	"tar.gz": func(t testing.TB, list []item) []byte {
		return compress(
			t,
			makeTar(t, list),
			func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		)
	},
	"tar.zst": func(t testing.TB, list []item) []byte {
		return compress(t, makeTar(t, list), func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
	},
	"tar.xz": func(t testing.TB, list []item) []byte {
		return compress(t, makeTar(t, list), func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) })
	},
	"zip": makeZip,
}

func compress(t testing.TB, data []byte, open func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := open(&b)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func makeTar(t testing.TB, list []item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, i := range list {
		h := &tar.Header{
			Typeflag: i.typ,
			Name:     i.name,
			Linkname: i.target,
			Size:     int64(len(i.content)),
			Mode:     i.mode | 0o644,
		}
		if i.header != nil {
			i.header(h)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			h.Mode, h.Name = 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatalf("%q: %v", i.name, err)
		}
		if _, err := io.WriteString(w, i.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func makeZip(t testing.TB, list []item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, i := range list {
		h := &zip.FileHeader{Name: i.name, Method: zip.Deflate}
		mode := fs.FileMode(i.mode&0o777 | 0o644)
		content := i.content
		switch i.typ {
		case tar.TypeDir:
			h.Name, mode = strings.TrimSuffix(i.name, "/")+"/", mode|fs.ModeDir
		case tar.TypeSymlink:
			content, mode = i.target, mode|fs.ModeSymlink
		case tar.TypeChar, tar.TypeBlock:
			mode |= fs.ModeDevice
		case tar.TypeFifo:
			mode |= fs.ModeNamedPipe
		}
		h.SetMode(mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, content); err != nil && content != "" {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
