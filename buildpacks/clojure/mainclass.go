package clojure

import (
	"archive/zip"
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"slugc/buildpacks/diagnosis"
	"slugc/detect/lazyregexp"
)

// jarMain says what `java -jar` would start in a jar.
type jarMain struct {
	class     string // its manifest's Main-Class, "my_shop.core"; "" if it has none or is not a jar
	elsewhere bool   // the manifest names more files of the classpath
	compiled  bool   // the class can be started
	source    bool   // it is not compiled, and clojure.main can start the namespace of its name
}

// namespace returns the namespace whose class is the Main-Class.
func (s jarMain) namespace() string { return strings.ReplaceAll(s.class, "_", "-") }

var continuation = lazyregexp.New(`\r?\n `)

// manifestOf reads the manifest of a jar.
func manifestOf(file string) jarMain {
	r, err := zip.OpenReader(file)
	if err != nil {
		return jarMain{}
	}
	defer r.Close()
	return readManifest(&r.Reader)
}

func readManifest(r *zip.Reader) (s jarMain) {
	data, err := readEntry(r, "META-INF/MANIFEST.MF")
	if err != nil {
		return s
	}
	lines := bufio.NewScanner(strings.NewReader(continuation.ReplaceAllString(string(data), "")))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch value = strings.TrimSpace(value); strings.ToLower(key) {
		case "main-class":
			s.class = value
		case "class-path":
			s.elsewhere = value != ""
		}
	}
	return s
}

// readEntry returns the content of a jar's entry, at most 1 MiB of it.
func readEntry(r *zip.Reader, name string) ([]byte, error) {
	f, err := r.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// mainOfJar looks whether a jar has the class that its manifest names. Leiningen writes the name of :main there
// even if it compiles nothing.
func mainOfJar(file string) (jarMain, error) {
	r, err := zip.OpenReader(file)
	if err != nil {
		return jarMain{}, err
	}
	defer r.Close()
	s := readManifest(&r.Reader)
	if s.class == "" {
		return s, nil
	}
	base := strings.ReplaceAll(s.class, ".", "/")
	if f, err := r.Open(base + ".class"); err == nil || s.elsewhere {
		if err == nil {
			f.Close()
		}
		s.compiled = true
		return s, nil
	}
	s.source = startable(namespaceIn(&r.Reader, base))
	return s, nil
}

// namespaceIn returns the source of a namespace in a jar, by the namespace's path without its end. Of a
// compiled one without source it is "-main": what the namespace defines is not known.
func namespaceIn(r *zip.Reader, base string) []byte {
	for _, end := range []string{".clj", ".cljc"} {
		if source, err := readEntry(r, base+end); err == nil {
			return source
		}
	}
	if f, err := r.Open(base + compiled); err == nil {
		f.Close()
		return []byte("-main")
	}
	return nil
}

// startable reports whether the source of a namespace may define -main.
func startable(source []byte) bool {
	return bytes.Contains(source, []byte("-main")) || bytes.Contains(source, []byte("(load "))
}

// noMainClass is the error of a jar that `java -jar` cannot start.
func (b *work) noMainClass(jar string, s jarMain) *diagnosis.Diagnosis {
	d := &diagnosis.Diagnosis{
		ID: "clojure/no-main-class", Place: b.manifest(),
		Summary: fmt.Sprintf("%s has no Main-Class, so it can't be started.", jar),
		Hints: []string{
			"name the main namespace: `:main shop.core` in project.clj, or :main for `uber` in build.clj",
			"the namespace needs (:gen-class) and must be compiled ahead of time: " +
				"`:profiles {:uberjar {:aot :all}}`",
		},
	}
	if s.class != "" {
		d.Summary = fmt.Sprintf("%s has no class %s, which its manifest names as Main-Class, so it can't be started.",
			jar, s.class)
	}
	return d
}
