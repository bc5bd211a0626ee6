// Package npmrange parses and evaluates npm version ranges, as in package.json engines and .nvmrc.
// [Parse] returns a [Range]:
//
//	r, err := npmrange.Parse("^20.1 || >=22")
//	r.Match("20.11.0")                               // true
//	npmrange.Max([]string{"20.9.0", "21.0.0"}, r)    // "20.9.0", true
//
// The grammar is that of node-semver, https://github.com/npm/node-semver#ranges: hyphen ranges,
// x-ranges, tildes, carets, comparator sets and "||". A pre-release matches only if a comparator of
// the same major.minor.patch names a pre-release. Results are those of node-semver in its strict
// mode without includePrerelease; testdata/golden.json records them, and neither the constraints of
// Masterminds/semver nor those of deps.dev agree with all of them. The package does not know
// aliases such as "lts/*" and which versions exist.
package npmrange

import (
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"
)

const (
	maxRange     = 8 << 10         // bytes of a whole range
	maxVersion   = 256             // bytes of one version, node-semver's MAX_LENGTH
	maxComponent = 1<<53 - 1       // node-semver's MAX_SAFE_INTEGER
	saturated    = uint64(1) << 60 // stands for any number above maxComponent; it can be incremented
)

// Range is a parsed npm range: sets of comparators, one of which must match. The zero Range matches
// nothing. It is immutable and may be used concurrently.
type Range struct {
	sets [][]comparator
	text string
}

// comparator is an operator and a version, such as `>=1.2.3`. An empty set of comparators matches
// any release.
type comparator struct {
	op string // "", "<", "<=", ">", ">="
	v  *semver.Version
}

// Parse parses an npm range. Everything that node-semver rejects is an error: commas, `!=`, `=>`,
// dist-tags and aliases such as "latest" or "lts/*". The empty string is valid and matches any
// release.
func Parse(s string) (Range, error) {
	if len(s) > maxRange {
		return Range{}, fmt.Errorf("parsing a version range of %d bytes: more than %d", len(s), maxRange)
	}
	text := strings.Join(strings.FieldsFunc(s, isSpace), " ")
	r := Range{text: text}
	for group := range strings.SplitSeq(text, "||") {
		set, err := parseSet(strings.TrimSpace(group))
		if err != nil {
			return Range{}, fmt.Errorf("parsing version range %q: %w", text, err)
		}
		r.sets = append(r.sets, set)
	}
	// If one alternative is "any", npm drops the others, and with them their pre-releases.
	for _, set := range r.sets {
		if len(set) == 0 {
			r.sets = [][]comparator{nil}
			break
		}
	}
	return r, nil
}

// String returns the range's text with its white space collapsed.
func (r Range) String() string { return r.text }

// Match reports whether the version (with or without a leading "v") satisfies the range. Text that
// is not a full version does not.
func (r Range) Match(version string) bool {
	v, err := parseVersion(strings.TrimFunc(version, isSpace))
	return err == nil && r.match(v)
}

func (r Range) match(v *semver.Version) bool {
	for _, set := range r.sets {
		if matchSet(set, v) {
			return true
		}
	}
	return false
}

// Max returns the highest of the versions that satisfies the range, as it is written there, and the
// first one of equals. It returns false if there is none.
func Max(versions []string, r Range) (string, bool) {
	best, found := "", false
	var bestVersion *semver.Version
	for _, s := range versions {
		v, err := parseVersion(strings.TrimFunc(s, isSpace))
		if err != nil || !r.match(v) {
			continue
		}
		if !found || v.GreaterThan(bestVersion) {
			best, bestVersion, found = s, v, true
		}
	}
	return best, found
}

func matchSet(set []comparator, v *semver.Version) bool {
	for _, c := range set {
		if !c.match(v) {
			return false
		}
	}
	if v.Prerelease() == "" {
		return true
	}
	for _, c := range set {
		if c.v.Prerelease() != "" && c.v.Major() == v.Major() && c.v.Minor() == v.Minor() && c.v.Patch() == v.Patch() {
			return true
		}
	}
	return false
}

func (c comparator) match(v *semver.Version) bool {
	order := v.Compare(c.v)
	switch c.op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	}
	return order == 0
}

// parseVersion parses a full version as node-semver's strict mode does.
func parseVersion(s string) (*semver.Version, error) {
	if len(s) > maxVersion {
		return nil, fmt.Errorf("parsing a version of %d bytes: more than %d", len(s), maxVersion)
	}
	v, err := semver.StrictNewVersion(strings.TrimPrefix(s, "v"))
	if err != nil {
		return nil, fmt.Errorf("parsing version %q: %w", s, err)
	}
	if max(v.Major(), v.Minor(), v.Patch()) > maxComponent {
		return nil, fmt.Errorf("parsing version %q: number too large", s)
	}
	return v, nil
}

// isSpace reports whether r is white space in JavaScript, which npm trims and collapses.
func isSpace(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\v', '\f', '\r', 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff:
		return true
	}
	return r >= 0x2000 && r <= 0x200a
}
