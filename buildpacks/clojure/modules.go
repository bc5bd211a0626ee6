package clojure

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
	"slugc/detect/sexpr"
)

// safe are the modules of every runtime. Some are found only by the name of a service
// (cryptography, providers of time zones and character sets, file systems in zip files), some by
// reflection, and some serve to find faults: thread dumps and flight recordings.
var safe = []string{"java.base", "java.instrument", "java.logging", "java.management", "java.naming",
	"java.net.http", "java.prefs", "java.rmi", "java.scripting", "java.security.jgss", "java.security.sasl",
	"java.sql", "java.transaction.xa", "java.xml", "java.xml.crypto", "jdk.charsets", "jdk.crypto.cryptoki",
	"jdk.crypto.ec", "jdk.httpserver", "jdk.jcmd", "jdk.jfr", "jdk.management", "jdk.management.agent",
	"jdk.management.jfr", "jdk.naming.dns", "jdk.net", "jdk.unsupported", "jdk.zipfs"}

// everywhere are parts of nearly every app that name packages of the desktop module (24 MB) and do
// not need it in a slug: those of Clojure that open windows, clojure.core/bean, and Jetty's
// workarounds for leaks. A call of bean is found by its name.
var everywhere = []string{"clojure/core.clj", "clojure/core$bean", "clojure/core_proxy", "clojure/inspector",
	"clojure/java/browse", "clojure/java/javadoc", "org/eclipse/jetty/util/preventers/"}

const (
	beanPackage = "java.beans"
	// localeModule has the texts of all languages except English (23 MB). Every app has classes
	// that name Locale, so only the app's own sources are searched for it.
	localeModule = "jdk.localedata"
)

// providers are the modules that serve a package without being named: Java finds them when it runs, and does
// not say that it has found none.
var providers = map[string][]string{
	"java.util.spi":             {"jdk.jartool"},
	"javax.management.remote":   {"java.management.rmi"},
	"javax.script":              {"jdk.scripting.nashorn"},
	"javax.security.auth.login": {"jdk.security.auth"},
	"javax.security.sasl":       {"jdk.security.jgss"},
	"javax.tools":               {"jdk.compiler"},
}

// maxClass is the maximum size in bytes of a file that is searched.
const maxClass = 16 << 20

// modulesFor returns the modules of a JDK that an app needs, sorted: the safe ones that the JDK
// has, and those whose packages the app's classes and sources name.
func modulesFor(jdk map[string]string, paths []string, e *entries) ([]string, error) {
	s := &scanner{jdk: jdk, entries: e, have: map[string]bool{}, found: map[string]bool{}}
	for _, module := range jdk {
		s.have[module] = true
	}
	s.add(safe...)
	for _, path := range paths {
		if err := s.path(path); err != nil {
			return nil, fmt.Errorf("looking for the modules that %q needs: %w", filepath.Base(path), err)
		}
	}
	return slices.Sorted(maps.Keys(s.found)), nil
}

// scanner collects the modules of the packages that files name.
type scanner struct {
	jdk     map[string]string // modules by package
	have    map[string]bool   // all modules of the JDK
	found   map[string]bool
	entries *entries // of jars that were searched before
}

// add adds the modules that the JDK has.
func (s *scanner) add(modules ...string) {
	for _, module := range modules {
		if s.have[module] {
			s.found[module] = true
		}
	}
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
		if !interesting(f.Name) || ofEverywhere(f.Name) {
			continue
		}
		modules, err := s.entries.modules(f, func() ([]string, error) { return s.entry(f) })
		if err != nil {
			return err
		}
		for _, module := range modules {
			s.found[module] = true
		}
	}
	return nil
}

// entry returns the modules that one entry of a jar needs.
func (s *scanner) entry(f *zip.File) ([]string, error) {
	in, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	one := scanner{jdk: s.jdk, have: s.have, found: map[string]bool{}}
	err = one.file(f.Name, in)
	return slices.Collect(maps.Keys(one.found)), err
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

// ofEverywhere reports whether a file is of those parts.
func ofEverywhere(name string) bool {
	return slices.ContainsFunc(everywhere, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

func (s *scanner) file(name string, in io.Reader) error {
	if ofEverywhere(name) {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(in, maxClass))
	if err != nil {
		return err
	}
	if strings.HasSuffix(name, ".class") {
		s.class(data)
	} else {
		s.source(data)
	}
	return nil
}

// Tags of a class file's constants that differ in size.
const (
	constantUtf8   = 1
	constantLong   = 5
	constantDouble = 6
)

// sizes are the numbers of bytes after a tag.
var sizes = map[byte]int{
	3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2,
}

// class searches the texts among a class file's constants: names of classes (java/sql/Driver),
// descriptors that contain them, and the names that Class.forName takes (java.sql.Driver). It stops
// at a damaged constant.
func (s *scanner) class(data []byte) {
	if len(data) < 10 || binary.BigEndian.Uint32(data) != 0xcafebabe {
		return
	}
	count := int(binary.BigEndian.Uint16(data[8:]))
	data = data[10:]
	bean, core := false, false // a var is referred to by its namespace and its name
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
		switch text := data[3 : 3+size]; string(text) {
		case "bean":
			bean = true
		case "clojure.core":
			core = true
		default:
			s.text(text)
		}
		data = data[3+size:]
	}
	if bean && core {
		s.name(beanPackage)
	}
}

// qualified matches names of classes and packages of a JDK, with slashes or dots.
var qualified = lazyregexp.New(`\b(?:javax?|jdk|sun|com[./]sun|org[./](?:ietf|w3c|xml))[./][\w./$]+`)

// className matches the name of a class as Class/forName takes it.
var className = lazyregexp.New(`^[\w.]+\.[A-Z][\w$]*$`)

// source searches the symbols of a Clojure source and its strings that are names of classes, and not its
// comments. A file that can't be parsed is searched as text.
func (s *scanner) source(data []byte) {
	if !bytes.Contains(data, []byte("bean")) &&
		!slices.ContainsFunc(signs, func(sign []byte) bool { return bytes.Contains(data, sign) }) {
		return
	}
	nodes, err := sexpr.Parse(data)
	if err != nil {
		for _, name := range qualified.FindAll(data, -1) {
			s.name(string(name))
		}
		return
	}
	s.nodes(nodes)
}

func (s *scanner) nodes(nodes []sexpr.Node) {
	for _, n := range nodes {
		if n.Kind == sexpr.Symbol {
			if n.Text == "bean" || n.Text == "clojure.core/bean" {
				s.name(beanPackage)
			}
			s.text([]byte(n.Text))
		} else if n.Kind == sexpr.String && className.MatchString(n.Text) {
			s.text([]byte(n.Text))
		}
		s.nodes(n.Items)
	}
}

// signs are contained in every name that qualified matches. Looking for them first spares nine of
// ten texts the expression.
var signs = [][]byte{[]byte("java"), []byte("jdk"), []byte("sun"), []byte("w3c"), []byte("ietf"), []byte("xml")}

// text searches one name, or a descriptor that contains names. A text with spaces is documentation.
func (s *scanner) text(data []byte) {
	if len(data) < 6 || bytes.ContainsAny(data, " \n") ||
		!slices.ContainsFunc(signs, func(sign []byte) bool { return bytes.Contains(data, sign) }) {
		return
	}
	for _, name := range qualified.FindAll(data, -1) {
		s.name(strings.ReplaceAll(string(name), "/", "."))
	}
}

// name adds the module of the longest package that a name starts with.
func (s *scanner) name(name string) {
	for name != "" {
		if module, ok := s.jdk[name]; ok {
			s.found[module] = true
			s.add(providers[name]...)
			return
		}
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			return
		}
		name = name[:i]
	}
}
