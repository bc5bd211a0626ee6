package toolchain

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"slugc/detect/lazyregexp"
)

// jdkTool is a JDK. A constraint is a feature release ("21"; "8" and "1.8" are the same) or one
// version ("21.0.5", "8u392", "1.8.0_392"); "" asks for the newest long-term release of the first
// source that answers (languages.md 5.2). Versions are written as Java writes them since 9, those
// of Java 8 too: 8.0.392.
func jdkTool(st *Store) *tool {
	return &tool{
		parse:   parseJDK,
		compare: compareJDK,
		sources: []source{&adoptium{st}, &localJDK{st}, &debianJDK{apt: aptTool{st}}},
	}
}

var (
	jdkOld   = lazyregexp.New(`^(\d+)u(\d+)$`)
	jdkDigit = lazyregexp.New(`^\d+(?:\.\d+)*$`)
)

// javaRelease writes a version as Java 9 and later do, without its build: "1.8.0_392-b08" is
// 8.0.392, "17.0.15+6-Debian" is 17.0.15. "" is no version.
func javaRelease(text string) string {
	text = strings.TrimPrefix(strings.TrimSpace(text), "jdk-")
	if i := strings.IndexAny(text, "+-"); i >= 0 {
		text = text[:i]
	}
	if m := jdkOld.FindStringSubmatch(text); m != nil {
		text = m[1] + ".0." + m[2]
	}
	text = strings.ReplaceAll(strings.TrimPrefix(text, "1."), "_", ".")
	if !jdkDigit.MatchString(text) {
		return ""
	}
	for strings.HasSuffix(text, ".0") {
		text = strings.TrimSuffix(text, ".0")
	}
	return text
}

// jdkFeature is a version's feature release.
func jdkFeature(version string) int {
	first, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(first)
	return n
}

func compareJDK(a, b string) int {
	return slices.Compare(numbers(a), numbers(b))
}

func numbers(version string) []int {
	var list []int
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part)
		list = append(list, n)
	}
	return list
}

// longTerm reports whether a feature release is supported for years: 8, 11, 17, and every fourth
// after it.
func longTerm(feature int) bool {
	return feature == 8 || feature == 11 || feature >= 17 && (feature-17)%4 == 0
}

func parseJDK(constraint string) (*want, error) {
	text := strings.TrimSpace(constraint)
	if text == "" {
		match := func(v string) bool { return longTerm(jdkFeature(v)) }
		return &want{
			match: match,
			pick:  func(l *listing) (string, string) { return newest(l.versions, match, compareJDK), "" },
		}, nil
	}
	version := javaRelease(text)
	if version == "" || len(text) > 64 {
		return nil, errors.New("a version such as 21 or 21.0.5 is expected")
	}
	w := &want{match: func(v string) bool { return v == version }}
	if !strings.Contains(version, ".") && !strings.Contains(strings.TrimPrefix(text, "1."), ".") {
		w.match = func(v string) bool { return strconv.Itoa(jdkFeature(v)) == version }
	} else {
		w.exact = version
	}
	w.pick = func(l *listing) (string, string) { return newest(l.versions, w.match, compareJDK), "" }
	return w, nil
}

// needlessJDK are parts of a JDK that no build reads. The manual stays: a JDK that has no jmods
// links runtimes from itself, and wants to find all its modules' files.
var needlessJDK = []string{"demo", "docs", "sample", "src.zip", "lib/src.zip"}

// finishJDK checks a JDK's tree and drops what no build reads.
func finishJDK(tree string) error {
	for _, program := range []string{"java", "javac"} {
		file := filepath.Join(tree, "bin", program)
		if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() {
			return fmt.Errorf("unpacking the JDK: there is no bin/%s in it", program)
		}
		if err := os.Chmod(file, 0o755); err != nil {
			return err
		}
	}
	for _, name := range needlessJDK {
		if err := os.RemoveAll(filepath.Join(tree, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}
