package npmrange

import (
	"fmt"
	"strconv"
	"strings"

	"slugc/detect/lazyregexp"
)

const (
	number     = `(?:0|[1-9]\d*)`
	wild       = `(` + number + `|x|X|\*)`
	identifier = `(?:\d*[a-zA-Z-][a-zA-Z0-9-]*|` + number + `)`
	prerelease = `(?:-(` + identifier + `(?:\.` + identifier + `)*))`
	// partial is a version whose last components may be missing or wild, after any number of "v",
	// "=" and spaces.
	partial = `([v= ]*)` + wild + `(?:\.` + wild + `(?:\.` + wild + prerelease + `?)?)?`
	// loose only finds the start of a version, as npm does when it joins operators to versions.
	loose = `[v= ]*\d+\.\d+\.\d+(?:-?(?:\d*[a-zA-Z-][a-zA-Z0-9-]*|\d+)(?:\.(?:\d*[a-zA-Z-][a-zA-Z0-9-]*|\d+))*)?`
)

var (
	build       = lazyregexp.New(`\+[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*`)
	hyphenRange = lazyregexp.New(`^` + partial + ` +- +` + partial + `$`)
	joinOp      = lazyregexp.New(`( *)([<>]?=?) *(` + loose + `|` + partial + `)`)
	joinTilde   = lazyregexp.New(`( *)~>? +`)
	joinCaret   = lazyregexp.New(`( *)\^ +`)
	caret       = lazyregexp.New(`^\^` + partial + `$`)
	tilde       = lazyregexp.New(`^~>?` + partial + `$`)
	plain       = lazyregexp.New(`^([<>]?=?) *` + partial + `$`)
	star        = lazyregexp.New(`[<>]?=? *\*`)
	full        = lazyregexp.New(`^([<>]?=?)v?(\d.*)$`)
)

// version is a partial version; a component that is missing or wild is nil.
type version struct {
	prefix              string // the "v", "=" and spaces before it
	major, minor, patch *uint64
	pre                 string
}

// parseSet parses one alternative of a range. No comparators means any release.
func parseSet(s string) ([]comparator, error) {
	s = build.ReplaceAllString(s, "")
	if m := hyphenRange.FindStringSubmatch(s); m != nil {
		return hyphen(newVersion(m[1:6]), newVersion(m[6:11]))
	}
	s = joinOp.ReplaceAllString(s, "$1$2$3")
	s = joinTilde.ReplaceAllString(s, "$1~")
	s = joinCaret.ReplaceAllString(s, "$1^")
	var set []comparator
	for word := range strings.SplitSeq(s, " ") {
		c, err := parseWord(word)
		if err != nil {
			return nil, err
		}
		set = append(set, c...)
	}
	return set, nil
}

func parseWord(word string) ([]comparator, error) {
	if word == "" {
		return nil, nil
	}
	if m := caret.FindStringSubmatch(word); m != nil {
		return caretRange(newVersion(m[1:]))
	}
	if m := tilde.FindStringSubmatch(word); m != nil {
		return tildeRange(newVersion(m[1:]))
	}
	if m := plain.FindStringSubmatch(word); m != nil {
		v := newVersion(m[2:])
		wildBeforeNumber := v.major == nil && v.minor != nil || v.minor == nil && v.patch != nil
		if !wildBeforeNumber && v.patch == nil {
			return xRange(m[1], v)
		}
	}
	// npm removes a star anywhere, so that `1.2.3*` is 1.2.3.
	if at := star.FindStringIndex(word); at != nil {
		if word = word[:at[0]] + word[at[1]:]; word == "" {
			return nil, nil
		}
	}
	m := full.FindStringSubmatch(word)
	if m == nil {
		return nil, fmt.Errorf("%q is not a comparator", word)
	}
	return compare(m[1], m[2])
}

// compare returns one comparator, or none for `>=0.0.0`, which is any release.
func compare(op, v string) ([]comparator, error) {
	parsed, err := parseVersion(v)
	if err != nil {
		return nil, err
	}
	if op == "=" {
		op = ""
	}
	if op == ">=" && parsed.Original() == "0.0.0" {
		return nil, nil
	}
	return []comparator{{op: op, v: parsed}}, nil
}

// between returns the comparators for every version from low up to high, without high and its
// pre-releases.
func between(low, high string) ([]comparator, error) {
	from, err := compare(">=", low)
	if err != nil {
		return nil, err
	}
	to, err := compare("<", high+"-0")
	return append(from, to...), err
}

func caretRange(v version) ([]comparator, error) {
	switch {
	case v.major == nil:
		return nil, nil
	case v.minor == nil:
		return between(triple(*v.major, 0, 0), triple(*v.major+1, 0, 0))
	case *v.major > 0:
		return between(v.floor(), triple(*v.major+1, 0, 0))
	case v.patch == nil || *v.minor > 0:
		return between(v.floor(), triple(0, *v.minor+1, 0))
	}
	return between(v.floor(), triple(0, 0, *v.patch+1))
}

func tildeRange(v version) ([]comparator, error) {
	switch {
	case v.major == nil:
		return nil, nil
	case v.minor == nil:
		return between(triple(*v.major, 0, 0), triple(*v.major+1, 0, 0))
	}
	return between(v.floor(), triple(*v.major, *v.minor+1, 0))
}

// xRange returns the comparators for a version with a wild component and an operator, which may be
// "".
func xRange(op string, v version) ([]comparator, error) {
	if v.major == nil {
		if op == "<" || op == ">" {
			return compare("<", "0.0.0-0") // nothing
		}
		return nil, nil
	}
	low, next := triple(*v.major, 0, 0), triple(*v.major+1, 0, 0)
	if v.minor != nil {
		low, next = triple(*v.major, *v.minor, 0), triple(*v.major, *v.minor+1, 0)
	}
	switch op {
	case ">":
		return compare(">=", next)
	case ">=":
		return compare(">=", low)
	case "<":
		return compare("<", low+"-0")
	case "<=":
		return compare("<", next+"-0")
	}
	return between(low, next)
}

func hyphen(from, to version) (set []comparator, err error) {
	if from.major != nil {
		if from.complete() && from.prefix != "" && from.prefix != "v" {
			return nil, fmt.Errorf("%q before a version of a hyphen range", from.prefix)
		}
		if set, err = compare(">=", from.floor()); err != nil {
			return nil, err
		}
	}
	var upper []comparator
	switch {
	case to.major == nil:
		return set, nil
	case to.minor == nil:
		upper, err = compare("<", triple(*to.major+1, 0, 0)+"-0")
	case to.patch == nil:
		upper, err = compare("<", triple(*to.major, *to.minor+1, 0)+"-0")
	case to.pre == "" && to.prefix != "" && to.prefix != "v":
		err = fmt.Errorf("%q before a version of a hyphen range", to.prefix)
	default:
		upper, err = compare("<=", to.floor())
	}
	return append(set, upper...), err
}

func newVersion(m []string) version {
	return version{prefix: m[0], major: component(m[1]), minor: component(m[2]), patch: component(m[3]), pre: m[4]}
}

func component(s string) *uint64 {
	if s == "" || s == "x" || s == "X" || s == "*" {
		return nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > maxComponent {
		n = saturated // parseVersion rejects it if it is used
	}
	return &n
}

func (v version) complete() bool { return v.major != nil && v.minor != nil && v.patch != nil }

// floor is the lowest version that v matches; only a complete version has a pre-release. v.major
// must not be nil.
func (v version) floor() string {
	var minor, patch uint64
	if v.minor != nil {
		minor = *v.minor
		if v.patch != nil {
			patch = *v.patch
		}
	}
	s := triple(*v.major, minor, patch)
	if v.complete() && v.pre != "" {
		s += "-" + v.pre
	}
	return s
}

func triple(major, minor, patch uint64) string { return fmt.Sprintf("%d.%d.%d", major, minor, patch) }
