package toolchain

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"

	"slugc/detect/lazyregexp"
	"slugc/detect/npmrange"
)

// compareSemver orders versions as semantic versions.
func compareSemver(a, b string) int { return semver.Compare("v"+a, "v"+b) }

var exactVersion = lazyregexp.New(`^[v=\s]*(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)(?:\+[0-9A-Za-z.-]+)?$`)

// exactly returns the version that a constraint names, or "".
func exactly(constraint string) string {
	if m := exactVersion.FindStringSubmatch(constraint); m != nil {
		return m[1]
	}
	return ""
}

// npmRange reads an npm range and returns what it admits.
func npmRange(s string) (func(version string) bool, error) {
	r, err := npmrange.Parse(s)
	if err != nil {
		return nil, err
	}
	return r.Match, nil
}

// newest returns the highest of the versions that match, or "".
func newest(versions []string, match func(string) bool, compare func(a, b string) int) string {
	best := ""
	for _, v := range versions {
		if match(v) && (best == "" || compare(v, best) > 0) {
			best = v
		}
	}
	return best
}

// nearest are up to three versions that come close to a constraint: the newest of the line it
// begins with, then the newest of all.
func nearest(versions []string, constraint string, compare func(a, b string) int) []string {
	var near []string
	add := func(match func(string) bool) {
		if v := newest(versions, func(v string) bool { return !strings.Contains(v, "-") && match(v) }, compare); v != "" &&
			!slices.Contains(near, v) {
			near = append(near, v)
		}
	}
	if m := firstLine.FindStringSubmatch(constraint); m != nil {
		if m[2] != "" {
			add(func(v string) bool { return strings.HasPrefix(v, m[1]+"."+m[2]+".") })
		}
		add(func(v string) bool { return strings.HasPrefix(v, m[1]+".") })
	}
	add(func(string) bool { return true })
	return near
}

var firstLine = lazyregexp.New(`(\d+)(?:\.(\d+))?`)

func major(version string) int {
	m, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(m)
	if err != nil {
		return -1
	}
	return n
}

func descending(versions []string, compare func(a, b string) int) []string {
	out := slices.Clone(versions)
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(compare(b, a), 0) })
	return out
}
