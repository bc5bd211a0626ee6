package clojure

import (
	"archive/zip"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"slugc/buildpacks/bill"
	"slugc/detect/lazyregexp"
)

// bill writes the launch bill of materials: the Java runtime and the libraries in the slug. Those
// of a frozen classpath are its jars. Those of an uberjar are found by comparing its files with
// those of every library that was fetched, so that plugins, build tools and versions of earlier
// builds do not count.
func (b *work) bill() error {
	var components []cdx.Component
	if version := b.javaVersion(); version != "" {
		components = append(components, bill.Runtime("openjdk", version))
	}
	if b.includeLein() {
		components = append(components,
			bill.Tool("leiningen", b.builder.Version, bill.Generic("", "leiningen", b.builder.Version)))
	}
	for _, file := range b.fetched {
		if c, ok := b.component(file); ok {
			components = append(components, c)
		}
	}
	if b.uberjar != "" {
		merged, err := b.merged()
		if err != nil {
			return fmt.Errorf("listing the libraries in %q: %w", b.uberjar, err)
		}
		components = append(components, merged...)
	}
	app := ""
	if b.app.Tool == "leiningen" {
		app = b.app.Lein.Name
	}
	return bill.Write(b.CNB, app, components)
}

var javaRelease = lazyregexp.New(`(?m)^JAVA_VERSION="([0-9A-Za-z._+-]+)"`)

// javaVersion returns the version of the Java that the app runs on; "" if the app's own does not
// name it.
func (b *work) javaVersion() string {
	if !b.app.JDK.Provided {
		return b.jdk.Version
	}
	data, err := os.ReadFile(filepath.Join(b.javaHome(), "release"))
	if m := javaRelease.FindSubmatch(data); err == nil && m != nil {
		return string(m[1])
	}
	return ""
}

// gitlibs is the directory of the libraries from git repositories.
func (b *work) gitlibs() string { return filepath.Join(filepath.Dir(b.jars), "gitlibs") }

// component returns the library of a jar in the Maven repository,
// ring/ring-core/1.8.2/ring-core-1.8.2.jar, or of a directory of a git library,
// libs/acme/shop/‹commit›/src.
func (b *work) component(file string) (cdx.Component, bool) {
	real, err := filepath.EvalSymlinks(file) // the private home has a link to the repository
	if err != nil {
		return cdx.Component{}, false
	}
	if rel, ok := within(b.jars, real); ok {
		parts := strings.Split(rel, "/")
		if n := len(parts); n > 3 && strings.HasPrefix(parts[n-1], parts[n-3]+"-") {
			group, name, version := strings.Join(parts[:n-3], "."), parts[n-3], parts[n-2]
			c := bill.Library(name, version, bill.Maven(group, name, version))
			c.Group = group
			return c, true
		}
	}
	if rel, ok := within(filepath.Join(b.gitlibs(), "libs"), real); ok {
		if parts := strings.Split(rel, "/"); len(parts) >= 3 {
			c := bill.Library(parts[1], parts[2], bill.Generic(parts[0], parts[1], parts[2]))
			c.Group = parts[0]
			return c, true
		}
	}
	return cdx.Component{}, false
}

// libraries calls a function for every fetched jar, and another for the directory of every git library.
func (b *work) libraries(jar, gitDir func(path string) error) error {
	err := filepath.WalkDir(b.jars, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Ext(file) != ".jar" {
			return err
		}
		return jar(file)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dirs, err := filepath.Glob(filepath.Join(b.gitlibs(), "libs", "*", "*", "*"))
	for _, dir := range dirs {
		if err == nil {
			err = gitDir(dir)
		}
	}
	return err
}

// merged returns the fetched libraries that the uberjar contains.
func (b *work) merged() ([]cdx.Component, error) {
	app, err := sums(filepath.Join(b.Dir, filepath.FromSlash(b.uberjar)))
	if err != nil {
		return nil, err
	}
	var found []cdx.Component
	add := func(file string, files map[string]uint32) {
		if c, ok := b.component(file); ok && contains(app, files) {
			found = append(found, c)
		}
	}
	err = b.libraries(func(file string) error {
		if files, err := sums(file); err == nil { // one that can't be read is not in the uberjar
			add(file, files)
		}
		return nil
	}, func(dir string) error {
		files, err := sourceSums(dir)
		add(dir, files)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// sums returns the checksums of a jar's files by name, from its directory. It leaves out files that
// every packer rewrites.
func sums(jar string) (map[string]uint32, error) {
	r, err := zip.OpenReader(jar)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	files := map[string]uint32{}
	for _, f := range r.File {
		if f.UncompressedSize64 > 0 && !strings.HasPrefix(f.Name, "META-INF/") &&
			path.Base(f.Name) != "module-info.class" {
			files[f.Name] = f.CRC32
		}
	}
	return files, nil
}

// sourceSums returns the checksums of a git library's Clojure files by their names on the
// classpath, which do not have the first directory, such as src.
func sourceSums(dir string) (map[string]uint32, error) {
	files := map[string]uint32{}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !slices.Contains([]string{".clj", ".cljc"}, filepath.Ext(file)) {
			return err
		}
		rel, _ := within(dir, file)
		top, name, below := strings.Cut(rel, "/")
		if !below || top == "test" || top == "dev" {
			return nil
		}
		data, err := os.ReadFile(file)
		files[name] = crc32.ChecksumIEEE(data)
		return err
	})
	return files, err
}

// contains reports whether an app has more than half of a library's files unchanged. It need not
// have all: of files with the same name, an uberjar has only one.
func contains(app, library map[string]uint32) bool {
	same := 0
	for name, sum := range library {
		if have, ok := app[name]; ok && have == sum {
			same++
		}
	}
	return 2*same > len(library)
}
