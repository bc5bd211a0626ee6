// Package jdk is the Java development kit (JDK) as a tool for the toolchain store.
//
// A JDK comes, in this order, from Adoptium's API or a mirror of it; as a copy of the machine's
// own; or from Debian's packages, unpacked. [Tool] is all there is:
//
//	tool := jdk.Tool(env, debian, jdk.Settings{Local: []string{"/usr/lib/jvm"}})
//
// # Constraints
//
// A constraint is a feature release ("21"; "8" and "1.8" are the same) or one version ("21.0.5",
// "8u392", "1.8.0_392"); "" asks for the newest long-term release of the first source that answers.
// Versions are written as Java writes them since 9 (JEP 223), those of Java 8 too: 8.0.392.
package jdk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"slugc/buildpacks/toolchain/apt"
	"slugc/buildpacks/toolchain/source"
	"slugc/detect/lazyregexp"
)

// Settings configures the sources of JDKs.
type Settings struct {
	// Mirror is the base of a JDK distribution in the layout of Adoptium's API (see adoptium); ""
	// is Adoptium's own, "off" disables the source.
	Mirror string
	Local  []string // paths of JDKs on the machine, or of directories of JDKs, the best first
}

// Tool is the JDK.
func Tool(env *source.Env, debian *apt.Client, set Settings) source.Tool {
	return source.Tool{
		Name:    "jdk",
		Parse:   parse,
		Compare: source.CompareNumbers,
		Sources: []source.Source{newAdoptium(env, set.Mirror), &local{set.Local}, newDebian(debian)},
	}
}

var (
	oldVersion = lazyregexp.New(`^(\d+)u(\d+)$`)
	dotted     = lazyregexp.New(`^\d+(?:\.\d+)*$`)
)

// normalize writes a version as Java 9 and later do, without its build: "1.8.0_392-b08" is 8.0.392,
// "17.0.15+6-Debian" is 17.0.15. "" is no version.
func normalize(text string) string {
	text = strings.TrimPrefix(strings.TrimSpace(text), "jdk-")
	if i := strings.IndexAny(text, "+-"); i >= 0 {
		text = text[:i]
	}
	if m := oldVersion.FindStringSubmatch(text); m != nil {
		text = m[1] + ".0." + m[2]
	}
	text = strings.ReplaceAll(strings.TrimPrefix(text, "1."), "_", ".")
	if !dotted.MatchString(text) {
		return ""
	}
	for strings.HasSuffix(text, ".0") {
		text = strings.TrimSuffix(text, ".0")
	}
	return text
}

// feature is a version's feature release.
func feature(version string) int { return max(source.Major(version), 0) }

// longTerm reports whether a version is of a feature release that is supported for years: 8, 11,
// 17, and every fourth after it.
func longTerm(version string) bool {
	n := feature(version)
	return n == 8 || n == 11 || n >= 17 && (n-17)%4 == 0
}

const maxConstraint = 64 // characters

func parse(constraint string) (*source.Constraint, error) {
	text := strings.TrimSpace(constraint)
	if text == "" {
		return source.NewestOf("", longTerm, source.CompareNumbers), nil
	}
	version := normalize(text)
	if version == "" || len(text) > maxConstraint {
		return nil, errors.New("a version such as 21 or 21.0.5 is expected")
	}
	if !strings.Contains(version, ".") && !strings.Contains(strings.TrimPrefix(text, "1."), ".") {
		ofFeature := func(v string) bool { return strconv.Itoa(feature(v)) == version }
		return source.NewestOf("", ofFeature, source.CompareNumbers), nil
	}
	return source.NewestOf(version, func(v string) bool { return v == version }, source.CompareNumbers), nil
}

// needless are parts of a JDK that no build reads. The manual stays: a JDK without jmods links
// runtimes from itself, and expects all files of its modules.
var needless = []string{"demo", "docs", "sample", "src.zip", "lib/src.zip"}

// finish checks a JDK's tree and drops what no build reads.
func finish(tree string) error {
	for _, program := range []string{"java", "javac"} {
		file := filepath.Join(tree, "bin", program)
		if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() {
			return fmt.Errorf("unpacking the JDK: there is no bin/%s in it", program)
		}
		if err := os.Chmod(file, 0o755); err != nil {
			return err
		}
	}
	for _, name := range needless {
		if err := os.RemoveAll(filepath.Join(tree, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}
