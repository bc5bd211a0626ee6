package clojure

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slugc/detect/lazyregexp"
)

// The times of entries. Clojure loads a compiled namespace only if it is newer than its source, and
// otherwise compiles the source at every start, so the two need different times. The files of a
// slug have the first second of 1980; in every time zone, compiledTime is later.
var (
	sourceTime   = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	compiledTime = time.Date(1980, 1, 3, 0, 0, 0, 0, time.UTC)
)

// compiled is the end of the name of the class that loads a namespace.
const compiled = "__init.class"

// maxEntry is the maximum size in bytes of an entry that is rewritten in memory.
const maxEntry = 64 << 20

// normalise rewrites the jars of the build, so that the same content has the same bytes.
func (b *work) normalise() error {
	if b.uberjar == "" {
		return nil
	}
	jars, err := b.builtJars()
	if err != nil {
		return err
	}
	needless := b.needlessJars(jars)
	for _, j := range jars {
		if slices.Contains(needless, j.path) {
			continue
		}
		if err := normaliseJar(filepath.Join(b.Dir, filepath.FromSlash(j.path)), b.entries); err != nil {
			return fmt.Errorf("normalising %q: %w", j.path, err)
		}
	}
	return nil
}

// normaliseJar replaces a jar by a rewritten one.
func normaliseJar(file string, e *entries) (err error) {
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
	if err := errors.Join(rewrite(tmp, r.File, e), tmp.Chmod(0o644), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

// rewrite writes the entries sorted, with META-INF/MANIFEST.MF first, where java.util.jar expects
// it. Of entries with the same name it writes the last, as Java reads it.
func rewrite(to io.Writer, files []*zip.File, e *entries) error {
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
	w := newJar(to, e)
	for _, name := range names {
		if err := rewriteEntry(w, byName[name], when(byName, name)); err != nil {
			return fmt.Errorf("entry %q: %w", name, err)
		}
	}
	return w.Close()
}

// newJar starts a jar.
func newJar(to io.Writer, e *entries) *zip.Writer {
	w := zip.NewWriter(to)
	w.RegisterCompressor(zip.Deflate, (&packer{entries: e}).start)
	return w
}

// jarOf writes the files below a directory into a jar, as rewrite does. Classes are newer than
// sources.
func jarOf(file, dir string, e *entries) (err error) {
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	w := newJar(out, e)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error { // in the order of names
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, _ := within(dir, path)
		at := sourceTime
		if strings.HasSuffix(name, ".class") {
			at = compiledTime
		}
		entry, err := w.CreateHeader(entryHeader(name, zip.Deflate, at))
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if clean := cleaner(name); clean != nil {
			data = clean(data)
		}
		_, err = entry.Write(data)
		return err
	})
	return errors.Join(err, w.Close(), out.Close())
}

// staleAfter is how much older than its source a compiled namespace must be to count as stale.
// Tools that set the time of writing leave some seconds between the two.
const staleAfter = time.Hour

// when returns an entry's time. A compiled namespace that is much older than its source stays
// older, because it was not compiled again.
func when(all map[string]*zip.File, name string) time.Time {
	base, ok := strings.CutSuffix(name, compiled)
	if !ok {
		return sourceTime
	}
	for _, end := range []string{".clj", ".cljc"} {
		if source := all[base+end]; source != nil && source.Modified.Sub(all[name].Modified) > staleAfter {
			return sourceTime
		}
	}
	return compiledTime
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

func rewriteEntry(w *zip.Writer, f *zip.File, at time.Time) error {
	h := entryHeader(f.Name, f.Method, at)
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

// entryHeader returns an entry's header. It sets the old fields of the time instead of Modified, because
// Modified adds an extended time stamp.
func entryHeader(name string, method uint16, at time.Time) *zip.FileHeader {
	if method != zip.Store {
		method = zip.Deflate
	}
	h := &zip.FileHeader{Name: name, Method: method}
	//lint:ignore SA1019 see above
	h.ModifiedDate, h.ModifiedTime = dosTime(at)
	return h
}

func dosTime(t time.Time) (date, clock uint16) {
	return uint16(t.Day() + int(t.Month())<<5 + (t.Year()-1980)<<9), uint16(t.Second()/2 + t.Minute()<<5 + t.Hour()<<11)
}

var (
	propertiesDate = lazyregexp.New(`(?m)^#(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) .*\d{4}\r?\n`)
	builtBy        = lazyregexp.New(`(?m)^(?:Built-By|Build-Time|Build-Date|Bnd-LastModified): .*\r?\n(?: .*\r?\n)*`)
)

// cleaner returns a function that removes the time and the user from an entry; nil if it has
// neither.
func cleaner(name string) func([]byte) []byte {
	switch {
	case name == "META-INF/MANIFEST.MF":
		return func(data []byte) []byte { return builtBy.ReplaceAll(data, nil) }
	case strings.HasPrefix(name, "META-INF/") && strings.HasSuffix(name, "/pom.properties"):
		return func(data []byte) []byte { return bytes.TrimLeft(propertiesDate.ReplaceAll(data, nil), "\r\n") }
	}
	return nil
}
