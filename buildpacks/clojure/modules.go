package clojure

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// safe are the modules that every runtime has. Some are found only by the name of a service (cryptography, time zones' and character sets' providers, file
// systems in zips), some by reflection, and some are what one misses at night: thread dumps, flight recordings, a debugger.
var safe = []string{
	"java.base", "java.instrument", "java.logging", "java.management", "java.naming", "java.net.http", "java.prefs", "java.rmi", "java.scripting", "java.security.jgss", "java.security.sasl",
	"java.sql", "java.transaction.xa", "java.xml", "java.xml.crypto", "jdk.charsets", "jdk.crypto.cryptoki", "jdk.crypto.ec", "jdk.httpserver", "jdk.jcmd", "jdk.jdwp.agent", "jdk.jfr", "jdk.localedata", "jdk.management",
	"jdk.management.agent", "jdk.management.jfr", "jdk.naming.dns", "jdk.net", "jdk.unsupported", "jdk.zipfs",
}

// desktopOnly are namespaces of Clojure's own that open windows. They are part of every app and used by none that is a slug; without this every runtime would
// have the desktop.
var desktopOnly = []string{"clojure/inspector", "clojure/java/browse_ui", "clojure/java/javadoc"}

// maxClass bounds one file that is searched for names of classes.
const maxClass = 16 << 20

// modulesFor lists, sorted, the modules that an app needs of a JDK: the safe ones that the JDK has, and those whose packages its classes and sources name.
func modulesFor(jdk map[string]string, paths []string) ([]string, error) {
	s := &scanner{jdk: jdk, found: map[string]bool{}}
	have := map[string]bool{}
	for _, module := range jdk {
		have[module] = true
	}
	for _, module := range safe {
		if have[module] {
			s.found[module] = true
		}
	}
	for _, path := range paths {
		if err := s.path(path); err != nil {
			return nil, fmt.Errorf("looking for the modules that %q needs: %w", filepath.Base(path), err)
		}
	}
	return slices.Sorted(maps.Keys(s.found)), nil
}

// scanner notes the modules of the packages that are named.
type scanner struct {
	jdk   map[string]string
	found map[string]bool
}

// path searches a jar or a directory.
func (s *scanner) path(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return s.jar(path)
	}
	return filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !interesting(file) {
			return err
		}
		rel, _ := within(path, file)
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		return s.file(rel, f)
	})
}

func (s *scanner) jar(path string) error {
	r, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, f := range r.File {
		if !interesting(f.Name) {
			continue
		}
		in, err := f.Open()
		if err != nil {
			return err
		}
		err = s.file(f.Name, in)
		in.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func interesting(name string) bool {
	switch filepath.Ext(name) {
	case ".class":
		return filepath.Base(name) != "module-info.class"
	case ".clj", ".cljc":
		return true
	}
	return false
}

func (s *scanner) file(name string, in io.Reader) error {
	name = strings.TrimPrefix(name, "META-INF/versions/")
	for _, needless := range desktopOnly {
		if strings.HasPrefix(name, needless) {
			return nil
		}
	}
	data, err := io.ReadAll(io.LimitReader(in, maxClass))
	if err != nil {
		return err
	}
	if strings.HasSuffix(name, ".class") {
		s.class(data)
	} else {
		s.text(data) // (:import (java.sql Timestamp)) names the package by itself
	}
	return nil
}

// Tags of a class file's constants that differ in size.
const (
	constantUtf8   = 1
	constantLong   = 5
	constantDouble = 6
)

// sizes are the bytes after the tag, by tag.
var sizes = map[byte]int{3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}

// class looks at every text among a class file's constants: names of classes (java/sql/Driver), descriptors that hold them, and the names by which
// Class.forName finds them (java.sql.Driver). Damage ends the search: the JVM will have more to say.
func (s *scanner) class(data []byte) {
	if len(data) < 10 || binary.BigEndian.Uint32(data) != 0xcafebabe {
		return
	}
	count := int(binary.BigEndian.Uint16(data[8:]))
	data = data[10:]
	for i := 1; i < count && len(data) > 0; i++ {
		tag := data[0]
		if tag != constantUtf8 {
			size, known := sizes[tag]
			if !known || len(data) < 1+size {
				return
			}
			if tag == constantLong || tag == constantDouble {
				i++
			}
			data = data[1+size:]
			continue
		}
		if len(data) < 3 {
			return
		}
		size := int(binary.BigEndian.Uint16(data[1:]))
		if len(data) < 3+size {
			return
		}
		s.text(data[3 : 3+size])
		data = data[3+size:]
	}
}

// qualified matches names of classes and packages of a JDK, written with slashes or dots.
var qualified = regexp.MustCompile(`\b(?:javax?|jdk|sun|com[./]sun|org[./](?:ietf|w3c|xml))[./][\w./$]+`)

func (s *scanner) text(data []byte) {
	if len(data) < 6 {
		return
	}
	for _, name := range qualified.FindAll(data, -1) {
		s.name(strings.ReplaceAll(string(name), "/", "."))
	}
}

// name notes the module of the longest package that a name begins with.
func (s *scanner) name(name string) {
	for name != "" {
		if module, ok := s.jdk[name]; ok {
			s.found[module] = true
			return
		}
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			return
		}
		name = name[:i]
	}
}
