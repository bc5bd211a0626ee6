package slug

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	appDir       = "./app/"           // the single top-level directory
	runDir       = "/app"             // where it lies when it runs
	manifestPath = ".slugc/slug.json" // the last entry, relative to the app
	block        = 512                // tar's unit
	endOfTar     = 2 * block          // the zero blocks that end an archive
	maxName      = 1 << 16            // longer names than any file system holds are refused when read
)

// epoch is the time of every entry: one second after the earliest that MS-DOS and ZIP can store.
var epoch = time.Date(1980, 1, 1, 0, 0, 1, 0, time.UTC)

// entry is one file, directory or symbolic link of a slug.
type entry struct {
	path string // relative to the app, "" for the app itself
	kind byte   // tar.TypeReg, tar.TypeDir or tar.TypeSymlink
	exec bool   // files only
	size int64  // files only
	link string // symbolic links only
	stat stat   // files only; what the disk said when it was scanned
}

// appendHeader writes the entry's header in its only form: USTAR if that suffices, else PAX, or GNU
// if a name is not UTF-8, which PAX requires.
func appendHeader(w io.Writer, e entry) error {
	h := tar.Header{
		Typeflag: e.kind,
		Name:     appDir + e.path,
		Linkname: e.link,
		Size:     e.size,
		Mode:     0o644,
		ModTime:  epoch,
	}
	switch {
	case e.kind == tar.TypeDir:
		h.Mode = 0o755
		if e.path != "" {
			h.Name += "/"
		}
	case e.kind == tar.TypeSymlink:
		h.Mode = 0o777
	case e.exec:
		h.Mode = 0o755
	}
	if !utf8.ValidString(h.Name) || !utf8.ValidString(h.Linkname) {
		h.Format = tar.FormatGNU
	}
	if err := tar.NewWriter(w).WriteHeader(&h); err != nil {
		return fmt.Errorf("writing the header of %q: %w", e.path, err)
	}
	return nil
}

// headerSize returns about how many bytes appendHeader writes. Borders depend on it, so it must
// depend on the entry alone.
func headerSize(e entry) int64 {
	long := len(e.path) + len(e.link)
	if long < 90 {
		return block
	}
	return int64(3*block + long)
}

// padded returns n rounded up to whole tar blocks.
func padded(n int64) int64 { return (n + block - 1) / block * block }

// readHeader reads one entry's header from the start of b and returns the header's length. It
// refuses bytes that appendHeader would not write.
func readHeader(b []byte) (entry, int, error) {
	r := bytes.NewReader(b)
	h, err := tar.NewReader(r).Next()
	if errors.Is(err, io.EOF) {
		return entry{}, 0, errors.New("the archive ends too early")
	} else if err != nil {
		return entry{}, 0, fmt.Errorf("reading a tar header: %w", err)
	}
	n := len(b) - r.Len()
	e := entry{kind: h.Typeflag, exec: h.Mode&0o100 != 0 && h.Typeflag == tar.TypeReg, link: h.Linkname}
	if e.kind == tar.TypeReg {
		e.size = h.Size
	}
	if e.path, err = appPath(h.Name, e.kind); err != nil {
		return entry{}, 0, err
	}
	switch e.kind {
	case tar.TypeReg, tar.TypeDir:
	case tar.TypeSymlink:
		if err := checkLink(e.path, e.link); err != nil {
			return entry{}, 0, err
		}
	default:
		return entry{}, 0, fmt.Errorf("entry %q is of type %q, which no slug holds", e.path, h.Typeflag)
	}
	var want bytes.Buffer
	if err := appendHeader(&want, e); err != nil {
		return entry{}, 0, err
	}
	if !bytes.Equal(want.Bytes(), b[:n]) {
		return entry{}, 0, fmt.Errorf("entry %q has a header that is not normalised", e.path)
	}
	return e, n, nil
}

// appPath returns an entry's path relative to the app, or an error if a slug cannot hold the name.
func appPath(name string, kind byte) (string, error) {
	if kind == tar.TypeDir {
		name = strings.TrimSuffix(name, "/")
		if name+"/" == appDir {
			return "", nil
		}
	}
	p, ok := strings.CutPrefix(name, appDir)
	if !ok || !validPath(p) {
		return "", fmt.Errorf("entry %q does not lie under %s", name, appDir)
	}
	return p, nil
}

// validPath reports whether p is a clean, relative, slash-separated path of at least one name.
func validPath(p string) bool {
	return p != "" && len(p) <= maxName && p == path.Clean(p) && p != "." && p != ".." &&
		!strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "../") && !strings.Contains(p, "\x00")
}

// checkLink returns an error if the target of the link at p, relative to the app, leads out of the
// app. It looks at the text of the target only, not at other links.
func checkLink(p, target string) error {
	to, absolute := strings.CutPrefix(target, "/")
	if absolute {
		to = path.Clean("/" + to)
		if to == runDir || strings.HasPrefix(to, runDir+"/") {
			return nil
		}
	} else if to = path.Join(path.Dir(p), target); target != "" && to != ".." && !strings.HasPrefix(to, "../") {
		return nil
	}
	return fmt.Errorf("link %q leads out of the app, to %q", p, target)
}

// less orders paths as a walk meets them: by component, so that a directory comes directly before
// what is in it.
func less(a, b string) bool {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] != b[i] {
			return b[i] != '/' && (a[i] == '/' || a[i] < b[i])
		}
	}
	return len(a) < len(b)
}

// within reports whether p is dir or lies below it; everything lies below "".
func within(p, dir string) bool {
	return dir == "" || p == dir || strings.HasPrefix(p, dir) && p[len(dir)] == '/'
}
