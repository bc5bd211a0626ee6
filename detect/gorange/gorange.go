// Package gorange evaluates the constraint of a Go [slugc/detect.Requirement]: one exact version
// ("1.25.1"), or comparators that must all hold, separated by blanks: ">=1.25.1 <1.26". Versions
// are Go's own ("1.25", "1.25.1", "1.26rc1", with or without a leading "go") and are ordered as Go
// orders its toolchains, so 1.26rc1 comes after every 1.25.x and before 1.26.0, and "<1.26" leaves
// 1.26's pre-releases out.
package gorange

import (
	"fmt"
	"go/version"
	"strings"
)

// Range is a parsed constraint. The zero Range matches every release. It is immutable and may be
// used concurrently.
type Range struct{ comparators []comparator }

type comparator struct{ op, v string }

// Parse reads a constraint; the empty string is any release.
func Parse(s string) (Range, error) {
	var r Range
	for word := range strings.FieldsSeq(s) {
		c := comparator{op: "=", v: word}
		for _, op := range []string{">=", "<=", ">", "<", "="} {
			if v, ok := strings.CutPrefix(word, op); ok {
				c = comparator{op: op, v: v}
				break
			}
		}
		c.v = "go" + strings.TrimPrefix(c.v, "go")
		if !version.IsValid(c.v) {
			return Range{}, fmt.Errorf("parsing Go constraint %q: %q is no Go version", s, word)
		}
		r.comparators = append(r.comparators, c)
	}
	return r, nil
}

// Match reports whether a Go version satisfies the range. A pre-release does only where a
// comparator names a pre-release of the same line.
func (r Range) Match(v string) bool {
	v = "go" + strings.TrimPrefix(v, "go")
	if !version.IsValid(v) {
		return false
	}
	admitted := !prerelease(v)
	for _, c := range r.comparators {
		order := version.Compare(v, c.v)
		ok := map[string]bool{"=": order == 0, ">=": order >= 0, "<=": order <= 0, ">": order > 0, "<": order < 0}[c.op]
		if !ok {
			return false
		}
		admitted = admitted || prerelease(c.v) && version.Lang(c.v) == version.Lang(v)
	}
	return admitted
}

// Max gives the highest of versions that satisfies the range, as it is written in versions. False
// where none does.
func Max(versions []string, r Range) (string, bool) {
	best, found := "", false
	for _, v := range versions {
		if r.Match(v) &&
			(!found || version.Compare("go"+strings.TrimPrefix(v, "go"), "go"+strings.TrimPrefix(best, "go")) > 0) {
			best, found = v, true
		}
	}
	return best, found
}

func prerelease(v string) bool { return strings.Contains(v, "rc") || strings.Contains(v, "beta") }
