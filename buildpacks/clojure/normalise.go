package clojure

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// entryTime is the time of every entry: the earliest that the format knows.
var entryTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// maxEntry bounds one entry of a jar that has to be rewritten in memory.
const maxEntry = 64 << 20

// normalise rewrites the jars that the build has left, so that the same content is the same bytes.
func (b *work) normalise() error {
	if b.uberjar == "" {
		return nil
	}
	jars, err := b.builtJars()
	if err != nil {
		return err
	}
	for _, j := range jars {
		if err := normaliseJar(filepath.Join(b.dir, filepath.FromSlash(j.path))); err != nil {
			return fmt.Errorf("normalising %q: %w", j.path, err)
		}
	}
	return nil
}

// normaliseJar writes a jar anew beside itself and puts it in its place.
func normaliseJar(file string) (err error) {
	r, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer r.Close()
	tmp, err := os.CreateTemp(filepath.Dir(file), ".jar-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if err := errors.Join(rewrite(tmp, r.File), tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

// rewrite writes entries sorted, META-INF/MANIFEST.MF first, as java.util.jar's readers want it. Of entries with one name the last counts, as for
// Java; directories are dropped where something lies in them, and keep their place elsewhere: Clojure finds resources by them.
func rewrite(to io.Writer, files []*zip.File) error {
	byName := map[string]*zip.File{}
	for _, f := range files {
		byName[f.Name] = f
	}
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if x, y := rank(a), rank(b); x != y {
			return x - y
		}
		return strings.Compare(a, b)
	})
	w := zip.NewWriter(to)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, 6) })
	for _, name := range names {
		if err := rewriteEntry(w, byName[name]); err != nil {
			return fmt.Errorf("entry %q: %w", name, err)
		}
	}
	return w.Close()
}

func rank(name string) int {
	switch name {
	case "META-INF/":
		return 0
	case "META-INF/MANIFEST.MF":
		return 1
	}
	return 2
}

func rewriteEntry(w *zip.Writer, f *zip.File) error {
	h := &zip.FileHeader{Name: f.Name, Method: f.Method, Modified: time.Time{}}
	// The old fields alone: an extended time stamp is one more field that differs.
	h.ModifiedDate, h.ModifiedTime = dosTime(entryTime)
	if h.Method != zip.Store {
		h.Method = zip.Deflate
	}
	if strings.HasSuffix(f.Name, "/") {
		h.Method = zip.Store
		_, err := w.CreateHeader(h)
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := w.CreateHeader(h)
	if err != nil {
		return err
	}
	clean := cleaner(f.Name)
	if clean == nil {
		_, err = io.Copy(out, in)
		return err
	}
	data, err := io.ReadAll(io.LimitReader(in, maxEntry+1))
	if err != nil {
		return err
	}
	if len(data) > maxEntry {
		return errors.New("it is too large")
	}
	_, err = out.Write(clean(data))
	return err
}

func dosTime(t time.Time) (date, clock uint16) {
	return uint16(t.Day() + int(t.Month())<<5 + (t.Year()-1980)<<9), uint16(t.Second()/2 + t.Minute()<<5 + t.Hour()<<11)
}

var (
	propertiesDate = regexp.MustCompile(`(?m)^#(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) .*\d{4}\r?\n`)
	builtBy        = regexp.MustCompile(`(?m)^(?:Built-By|Build-Time|Build-Date|Bnd-LastModified): .*\r?\n(?: .*\r?\n)*`)
)

// cleaner is what takes the time and the user out of an entry; nil where there is neither.
func cleaner(name string) func([]byte) []byte {
	switch {
	case name == "META-INF/MANIFEST.MF":
		return func(data []byte) []byte { return builtBy.ReplaceAll(data, nil) }
	case strings.HasPrefix(name, "META-INF/") && strings.HasSuffix(name, "/pom.properties"):
		return func(data []byte) []byte { return bytes.TrimLeft(propertiesDate.ReplaceAll(data, nil), "\r\n") }
	}
	return nil
}
