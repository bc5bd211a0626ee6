package clojure

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"slugc/buildpacks/toolchain/archive"
	"slugc/buildpacks/toolchain/source"
	"slugc/detect/lazyregexp"
)

// releases are the authors' releases of a tool, of which no list can be asked.
type releases struct {
	tool  string             // for people
	base  string             // address
	known map[string]string  // sha256 by version
	file  string             // base name of a version's file, for fmt
	form  *lazyregexp.Regexp // of that name, with the version as the first submatch
}

// leiningenReleases are those whose checksums Leiningen's own script states.
var leiningenReleases = releases{
	tool: "Leiningen",
	base: "https://github.com/technomancy/leiningen/releases/download",
	known: map[string]string{
		"2.9.8":  "2a0e9114e0d623c748a9ade5d72b54128b31b5ddb13f51b04c533f104bb0c48d",
		"2.9.10": "a228530f00b50753acfddc3de38a0d737b6f5c1aec49af202e70a0ad28c249c9",
		"2.11.2": "7d31ae23ae769e927438b0cd55d15a93e7dabab09fd4fc15877979161e108774",
		"2.12.0": "b721a573af631784f27ccb52e719e6d1287d9d3951ad56d316d38f7ecfa81aa2",
	},
	file: "leiningen-%s-standalone.jar",
	form: lazyregexp.New(`^leiningen-(\d+\.\d+\.\d+)-standalone\.jar$`),
}

// clojureReleases are those whose checksums the authors' Homebrew formulas state.
var clojureReleases = releases{
	tool: "Clojure",
	base: "https://github.com/clojure/brew-install/releases/download",
	known: map[string]string{
		"1.12.1.1561": "fbb8457f64bf33cc8caaf7be77c4630a828167447777a809a9aae587d535075f",
		"1.12.2.1565": "aa3d11aa020bfa981ba9d3271bebc27c78ab6b305503cae8db308a3a50f36179",
		"1.12.2.1571": "b81149ed66d4cf62c8dff57a48b67a4b673bef4ee3f70c4fbf958e99a95c9efe",
		"1.12.3.1577": "bbf8513ae88b9873e9781ae86adcb560b81209c66fe94cbe72428af39b1ebacc",
		"1.12.4.1582": "fd5864f22bf2ec30311f9ce3caf3d31799e04d653b657ecdb4f0836fe972ff21",
		"1.12.4.1597": "0e012f5d513169ec434cba289e1fdf552e671e381e90be8194560b33d5fac243",
		"1.12.4.1602": "07d95dee818455ca08fd025bfd204718085223b135bdcd4b5d0039b1cc6f92a3",
		"1.12.4.1607": "57024e5cdd288a3f13ec9c7be481dbc502e4cf329ed93fe34d8729d6271975c9",
		"1.12.4.1612": "584c7256bccb0db69f91d5eea0a78c7ec22bdf34e28ed7aeeaab1c60eb9ac85f",
		"1.12.4.1618": "13769da6d63a98deb2024378ae1a64e4ee211ac1035340dfca7a6944c41cde21",
	},
	file: "clojure-tools-%s.tar.gz",
	form: lazyregexp.New(`^clojure-tools-(\d+\.\d+\.\d+(?:\.\d+)?)\.tar\.gz$`),
}

// newDist returns a distribution of a tool that is made of jars, in the layout of the authors'
// releases:
//
//	‹base›/‹version›/leiningen-‹version›-standalone.jar
//	‹base›/‹version›/clojure-tools-‹version›.tar.gz
//
// A mirror is the same layout, or all files in one directory; at its base lies SHA256SUMS, as
// sha256sum(1) writes it, which names the files and states their checksums.
func newDist(env *source.Env, of releases, setting string) source.Source {
	base := source.BaseAddress(setting, of.base)
	index := archive.Index{Env: env, Base: base}
	s := &archive.Source{Env: env, Base: base, Compare: source.CompareNumbers, Place: place}
	if setting != "" && setting != "off" {
		s.Label, s.Asks = "the "+of.tool+" mirror", base+"/SHA256SUMS"
		// What is kept of a list is what one tool reads of it, so each tool has an address of its
		// own for it.
		index.Addr, index.Parse = s.Asks+"#"+of.tool, of.parseSums
	} else {
		index.Known = of.entries()
		newest := slices.MaxFunc(slices.Collect(maps.Keys(of.known)), source.CompareNumbers)
		s.Label, s.Asks = of.tool+" releases", base+"/"+index.Known[newest].File
	}
	s.Versions, s.File = index.Versions, index.File
	return s
}

// entries are the known releases.
func (r releases) entries() map[string]archive.Entry {
	found := map[string]archive.Entry{}
	for v, sum := range r.known {
		found[v] = archive.Entry{File: v + "/" + fmt.Sprintf(r.file, v), SHA256: sum}
	}
	return found
}

// parseSums reads which file each version has.
func (r releases) parseSums(list io.Reader) (map[string]archive.Entry, error) {
	sums, err := archive.Sums(list, "SHA256SUMS")
	if err != nil {
		return nil, err
	}
	found := map[string]archive.Entry{}
	for _, s := range sums {
		if m := r.form.FindStringSubmatch(path.Base(s.File)); m != nil {
			found[m[1]] = archive.Entry{File: s.File, SHA256: s.SHA256}
		}
	}
	return found, nil
}

// place makes the tree of a jar, or of a tarball of jars.
func place(ctx context.Context, packed, _ string, j *source.Job) error {
	lib := filepath.Join(j.Tree, "lib")
	if err := os.MkdirAll(lib, 0o755); err != nil {
		return err
	}
	if strings.HasSuffix(packed, ".jar") {
		return os.Rename(packed, filepath.Join(lib, filepath.Base(packed)))
	}
	unpacked := filepath.Join(j.Temp, "unpacked")
	if err := archive.Unpack(ctx, packed, unpacked, 1); err != nil {
		return err
	}
	return gatherJars(unpacked, lib)
}

// loggers are bindings of the logging facade slf4j. A process may have one, and it is slf4j-nop,
// which logs nothing.
var loggers = lazyregexp.New(
	`^(?:slf4j-(?:simple|jcl|jdk14|log4j12|migrator|ext|android)|maven3-slf4j-provider|.*-over-slf4j|jul-to-slf4j)\b`,
)

// gatherJars moves every jar of dir into lib, except for exec.jar, which the Clojure tools load
// into the app's process, and surplus loggers.
func gatherJars(dir, lib string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.jar"))
	if err != nil {
		return err
	}
	n := 0
	for _, file := range files {
		name := filepath.Base(file)
		info, err := os.Lstat(file)
		if err != nil || !info.Mode().IsRegular() || name == "exec.jar" || loggers.MatchString(name) {
			continue
		}
		if err := os.Rename(file, filepath.Join(lib, name)); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("unpacking %q: there is no jar in it", filepath.Base(dir))
	}
	return nil
}
