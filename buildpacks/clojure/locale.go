package clojure

import (
	"archive/zip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/tree"
	"slugc/detect/lazyregexp"
)

// localeUse matches what names a language: java.util.Locale, its tags, and the property of the JVM. Without
// the texts of a language Java falls back to English and says nothing, so whatever may mean one counts.
var localeUse = lazyregexp.New(`(?i)locale|language-?tag|user\.language`)

// usesLocales reports whether the app's own code may ask for texts in another language than English: its
// sources, wherever they are, its classes in the uberjar, and the options of the JVM.
func (b *work) usesLocales() (bool, error) {
	environment := b.CNB.Platform.Environment
	texts := []string{b.procfile(), environment["JAVA_OPTS"], environment["JAVA_TOOL_OPTIONS"]}
	paths := []string{}
	for _, f := range b.allFrozen() {
		texts = append(texts, f.options...)
		for _, entry := range f.path {
			if rel, own := within(b.Root, entry); own && !strings.HasPrefix(rel, ".layers/") {
				paths = append(paths, entry)
			}
		}
	}
	if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, "user.language") }) {
		return true, nil
	}
	for _, dir := range b.sourceDirs() {
		if dir != "" {
			paths = append(paths, b.Path(dir))
		}
	}
	for _, entry := range paths {
		if found, err := searchFiles(entry, localeUse.Match); found || err != nil {
			return found, err
		}
	}
	return b.ownEntriesMatch(localeUse.Match)
}

// ownEntriesMatch reports whether a file of the jars that the app is started from matches, without those of
// libraries and what was compiled from libraries' namespaces.
func (b *work) ownEntriesMatch(match func([]byte) bool) (bool, error) {
	jars := b.startedJars()
	if len(jars) == 0 {
		return false, nil
	}
	libraries, err := b.libraryFiles()
	if err != nil {
		return false, err
	}
	for _, jar := range jars {
		found, err := searchJar(jar, func(name string) bool { return !ofLibrary(libraries, name) }, match)
		if found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// startedJars returns the jars of the app that the slug is started from: the uberjar, and those that the
// Procfile names.
func (b *work) startedJars() []string {
	var jars []string
	if b.uberjar != "" {
		jars = append(jars, b.Path(b.uberjar))
	}
	for _, c := range b.calls() {
		if path.Base(c.words[0].text) != "java" {
			continue
		}
		j := readJava(c.words[1:])
		for _, w := range []*word{j.jar, j.classpath} {
			if w == nil || w.open {
				continue
			}
			for entry := range strings.SplitSeq(w.text, ":") {
				for _, file := range b.files(c, word{text: entry, glob: w.glob}) {
					if file = b.Path(file); filepath.Ext(file) == ".jar" && tree.IsFile(file) &&
						!slices.Contains(jars, file) {
						jars = append(jars, file)
					}
				}
			}
		}
	}
	return jars
}

// libraryFiles returns the names of the files of all libraries that were fetched.
func (b *work) libraryFiles() (map[string]bool, error) {
	names := map[string]bool{}
	err := b.libraries(func(file string) error {
		r, err := zip.OpenReader(file)
		if err != nil {
			return nil // one that can't be read is not in the app
		}
		defer r.Close()
		for _, f := range r.File {
			names[f.Name] = true
		}
		return nil
	}, func(dir string) error {
		files, err := sourceSums(dir)
		for name := range files {
			names[name] = true
		}
		return err
	})
	return names, err
}

// ofLibrary reports whether a jar's entry is a library's file, or was compiled from a library's namespace:
// ring/util/time$parse.class, ring/util/time__init.class, ring/util/time/Clock.class.
func ofLibrary(libraries map[string]bool, name string) bool {
	if libraries[name] {
		return true
	}
	base, ok := strings.CutSuffix(name, ".class")
	if !ok {
		return false
	}
	base, _, _ = strings.Cut(strings.TrimSuffix(base, "__init"), "$")
	return slices.ContainsFunc([]string{base, path.Dir(base)}, func(namespace string) bool {
		return libraries[namespace+".clj"] || libraries[namespace+".cljc"]
	})
}

// searched are the ends of the names of files that are searched.
var searched = []string{".clj", ".cljc", ".cljs", ".java", ".class", ".edn", ".properties"}

// searchFiles reports whether a file matches in a directory or a jar.
func searchFiles(entry string, match func([]byte) bool) (found bool, err error) {
	if !tree.IsDir(entry) {
		if !tree.IsFile(entry) {
			return false, nil
		}
		return searchJar(entry, func(string) bool { return true }, match)
	}
	err = filepath.WalkDir(entry, func(file string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !slices.Contains(searched, filepath.Ext(file)) {
			return err
		}
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, maxClass))
		if err == nil && match(data) {
			found = true
			return fs.SkipAll
		}
		return err
	})
	return found, err
}

// searchJar reports whether a wanted file matches in a jar.
func searchJar(jar string, wanted func(name string) bool, match func([]byte) bool) (bool, error) {
	r, err := zip.OpenReader(jar)
	if errors.Is(err, zip.ErrFormat) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer r.Close()
	for _, f := range r.File {
		if !slices.Contains(searched, path.Ext(f.Name)) || !wanted(f.Name) {
			continue
		}
		in, err := f.Open()
		if err != nil {
			return false, err
		}
		data, err := io.ReadAll(io.LimitReader(in, maxClass))
		in.Close()
		if err != nil {
			return false, err
		}
		if match(data) {
			return true, nil
		}
	}
	return false, nil
}
