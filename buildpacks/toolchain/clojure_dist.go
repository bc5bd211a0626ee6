package toolchain

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"slugc/detect/lazyregexp"
)

// jarDist is a distribution of a tool that is made of jars. Its layout is that of the authors'
// releases,
//
//	‹base›/‹version›/leiningen-‹version›-standalone.jar
//	‹base›/‹version›/clojure-tools-‹version›.tar.gz
//
// of which the versions and checksums that are known are listed here; the authors publish no list
// that could be asked. A mirror is the same layout, or all files in one directory; at its base lies
// SHA256SUMS, as sha256sum(1) writes it, which names the files and states their checksums.
type jarDist struct {
	st     *Store
	tool   string
	base   string             // of a mirror; "" is the authors' own
	origin string             // base of the authors' own
	known  map[string]string  // sha256 by version, of the authors' own
	file   *lazyregexp.Regexp // a file's base name, its version as the first submatch
	names  string             // the base name of a version's file, for fmt
}

// The releases of the authors' own whose checksums are known: Leiningen's as its script states
// them, the Clojure tools' as their Homebrew formulas do.
var (
	knownLeiningen = map[string]string{
		"2.9.8":  "2a0e9114e0d623c748a9ade5d72b54128b31b5ddb13f51b04c533f104bb0c48d",
		"2.9.10": "a228530f00b50753acfddc3de38a0d737b6f5c1aec49af202e70a0ad28c249c9",
		"2.11.2": "7d31ae23ae769e927438b0cd55d15a93e7dabab09fd4fc15877979161e108774",
		"2.12.0": "b721a573af631784f27ccb52e719e6d1287d9d3951ad56d316d38f7ecfa81aa2",
	}
	knownClojure = map[string]string{
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
	}
)

func (d *jarDist) name() string {
	if d.base != "" {
		return "the " + d.tool + " mirror"
	}
	return d.tool + " releases"
}

// jarFile is one line of SHA256SUMS, or one known release.
type jarFile struct {
	File   string `json:"file"` // relative to the base
	SHA256 string `json:"sha256"`
}

func (d *jarDist) files(ctx context.Context, again bool) (map[string]jarFile, bool, error) {
	if d.base != "" {
		// What is kept of a list is what one tool reads of it, so each tool has an address of its
		// own for it.
		return list(ctx, d.st, strings.TrimRight(d.base, "/")+"/SHA256SUMS#"+d.tool, nil, d.parse, again)
	}
	found := map[string]jarFile{}
	for v, sum := range d.known {
		found[v] = jarFile{v + "/" + fmt.Sprintf(d.names, v), sum}
	}
	return found, true, nil
}

func (d *jarDist) parse(r io.Reader) (map[string]jarFile, error) {
	found := map[string]jarFile{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		sum, name, ok := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		name = strings.TrimPrefix(strings.TrimLeft(name, " *"), "./")
		b, err := hex.DecodeString(sum)
		if !ok || err != nil || len(b) != sha256.Size || !filepath.IsLocal(name) || strings.ContainsAny(name, "?#%\\") {
			continue
		}
		if m := d.file.FindStringSubmatch(name[strings.LastIndex(name, "/")+1:]); m != nil {
			found[m[1]] = jarFile{name, strings.ToLower(sum)}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading SHA256SUMS: %w", err)
	}
	return found, nil
}

func (d *jarDist) find(ctx context.Context, w *want) (string, string, error) {
	if d.base == off {
		return "", "", errDisabled
	}
	for _, again := range []bool{false, true} {
		all, asked, err := d.files(ctx, again)
		if err != nil {
			return "", "", err
		}
		l := &listing{versions: slices.Collect(maps.Keys(all))}
		if v, note := w.pick(l); v != "" {
			return v, note, nil
		}
		if asked {
			return "", "", &noVersion{nearest(l.versions, w.text, compareJDK)}
		}
	}
	return "", "", errNoVersion
}

func (d *jarDist) fetch(ctx context.Context, version string, j *job) (string, error) {
	all, _, err := d.files(ctx, false)
	if err != nil {
		return "", err
	}
	one, ok := all[version]
	if !ok {
		return "", errNoVersion
	}
	base := strings.TrimRight(d.base, "/")
	if base == "" {
		base = d.origin
	}
	packed := filepath.Join(j.temp, filepath.Base(one.File))
	h := sha256.New()
	if err := d.st.web.download(ctx, base+"/"+one.File, nil, packed, j.part(), h); err != nil {
		return "", err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != one.SHA256 {
		return "", &digestError{filepath.Base(one.File), "sha256:" + one.SHA256, "sha256:" + got}
	}
	lib := filepath.Join(j.tree, "lib")
	if err := os.MkdirAll(lib, 0o755); err != nil {
		return "", err
	}
	if strings.HasSuffix(packed, ".jar") {
		return "sha256:" + one.SHA256, os.Rename(packed, filepath.Join(lib, filepath.Base(packed)))
	}
	unpacked := filepath.Join(j.temp, "unpacked")
	if err := unpackFile(ctx, packed, unpacked, 1); err != nil {
		return "", fmt.Errorf("unpacking %s: %w", filepath.Base(one.File), err)
	}
	return "sha256:" + one.SHA256, gatherJars(unpacked, lib)
}

// loggers are bindings of a logging facade, of which there may be one: slf4j-nop, that says
// nothing.
var loggers = lazyregexp.New(
	`^(?:slf4j-(?:simple|jcl|jdk14|log4j12|migrator|ext|android)|maven3-slf4j-provider|.*-over-slf4j|jul-to-slf4j)\b`,
)

// gatherJars moves every jar file in dir into lib, but for exec.jar, which the Clojure tools load
// into the app's process, and surplus loggers.
func gatherJars(dir, lib string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.jar"))
	if err != nil {
		return err
	}
	n := 0
	for _, file := range files {
		if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() || filepath.Base(file) == "exec.jar" ||
			loggers.MatchString(filepath.Base(file)) {
			continue
		}
		if err := os.Rename(file, filepath.Join(lib, filepath.Base(file))); err != nil {
			return err
		}
		n++
	}
	if n == 0 {
		return fmt.Errorf("unpacking %q: there is no jar in it", filepath.Base(dir))
	}
	return nil
}
