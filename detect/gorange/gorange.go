// Package gorange evaluates version constraints for Go, as they stand in a
// [slugc/detect.Requirement]: one exact version, or comparators separated by spaces, which must all
// hold. [Parse] returns a [Range]:
//
//	r, err := gorange.Parse(">=1.25.1 <1.26")
//	gorange.Max([]string{"1.25.0", "1.25.7", "1.26.0"}, r) // "1.25.7", true
//
// Versions are Go's own ("1.25", "1.25.1", "1.26rc1", with or without a leading "go"), in the order
// of [go/version.Compare]: 1.26rc1 comes after every 1.25.x and before 1.26.0. "<1.26" excludes the
// pre-releases of 1.26, too. The package does not know which versions exist.
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

// Parse parses a constraint; the empty string matches any release.
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
			return Range{}, fmt.Errorf("parsing Go constraint %q: %q is not a Go version", s, word)
		}
		r.comparators = append(r.comparators, c)
	}
	return r, nil
}

// Match reports whether a Go version satisfies the range. A pre-release satisfies it only if a
// comparator names a pre-release of the same minor line.
func (r Range) Match(v string) bool {
	v = "go" + strings.TrimPrefix(v, "go")
	if !version.IsValid(v) {
		return false
	}
	admitted := !prerelease(v)
	for _, c := range r.comparators {
		order := version.Compare(v, c.v)
		if !holds(c.op, order) {
			return false
		}
		admitted = admitted || prerelease(c.v) && version.Lang(c.v) == version.Lang(v)
	}
	return admitted
}

// holds reports whether a comparison with this result (-1, 0 or 1) satisfies an operator.
func holds(op string, order int) bool {
	switch op {
	case ">=":
		return order >= 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case "<":
		return order < 0
	}
	return order == 0
}

// Max returns the highest of the versions that satisfies the range, as it is written there. It
// returns false if there is none.
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
