package source

import (
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"

	"slugc/detect/lazyregexp"
	"slugc/detect/npmrange"
)

// CompareSemver orders versions as semantic versions.
func CompareSemver(a, b string) int { return semver.Compare("v"+a, "v"+b) }

// CompareNumbers orders versions that are numbers separated by dots. 1.2 comes before 1.2.0, and
// what is not a number counts as 0.
func CompareNumbers(a, b string) int { return slices.Compare(numbers(a), numbers(b)) }

func numbers(version string) []int {
	var list []int
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part)
		list = append(list, n)
	}
	return list
}

var exactVersion = lazyregexp.New(`^[v=\s]*(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)(?:\+[0-9A-Za-z.-]+)?$`)

// ExactSemver returns the version that an npm range names alone, or "".
func ExactSemver(constraint string) string {
	if m := exactVersion.FindStringSubmatch(constraint); m != nil {
		return m[1]
	}
	return ""
}

// NpmRange reads an npm range and returns what it admits.
func NpmRange(s string) (func(version string) bool, error) {
	r, err := npmrange.Parse(s)
	if err != nil {
		return nil, err
	}
	return r.Match, nil
}

// IsRelease reports whether a semantic version is neither a pre-release nor a build of one.
func IsRelease(version string) bool { return !strings.ContainsAny(version, "-+") }

// Major is the first number of a version, -1 where there is none.
func Major(version string) int {
	m, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(m)
	if err != nil {
		return -1
	}
	return n
}

// Newest returns the highest of the versions that match, or "".
func Newest(versions []string, match func(string) bool, compare func(a, b string) int) string {
	best := ""
	for _, v := range versions {
		if match(v) && (best == "" || compare(v, best) > 0) {
			best = v
		}
	}
	return best
}

// Descending returns the versions, the newest first.
func Descending(versions []string, compare func(a, b string) int) []string {
	out := slices.Clone(versions)
	slices.SortFunc(out, func(a, b string) int { return compare(b, a) })
	return out
}

var firstNumbers = lazyregexp.New(`(\d+)(?:\.(\d+))?`)

// nearest are up to three releases that come close to a constraint: the newest of the minor and of
// the major that it starts with, and the newest of all.
func nearest(versions []string, constraint string, compare func(a, b string) int) []string {
	var near []string
	add := func(prefix string) {
		match := func(v string) bool { return !strings.Contains(v, "-") && strings.HasPrefix(v, prefix) }
		if v := Newest(versions, match, compare); v != "" && !slices.Contains(near, v) {
			near = append(near, v)
		}
	}
	if m := firstNumbers.FindStringSubmatch(constraint); m != nil {
		if m[2] != "" {
			add(m[1] + "." + m[2] + ".")
		}
		add(m[1] + ".")
	}
	add("")
	return near
}
