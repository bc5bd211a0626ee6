package golang

import (
	"errors"
	"fmt"
	"go/version"
	"strconv"
	"strings"

	"slugc/buildpacks/toolchain/source"
	"slugc/detect/gorange"
	"slugc/detect/lazyregexp"
)

var (
	goVersion = lazyregexp.New(`^1(\.(0|[1-9]\d{0,3})){1,2}((rc|beta)[1-9]\d{0,2})?$`) // 1.20, 1.21.0, 1.23rc1
	spaced    = lazyregexp.New(`([<>=]+)\s+`)
	lineName  = lazyregexp.New(`^1\.(0|[1-9]\d{0,3})(?:\.[x*])?$`)
	bound     = lazyregexp.New(`(<=?|>=?)(?:go)?1\.(\d{1,4})(\.\d)?`)
)

// maxTerms bounds a constraint.
const maxTerms = 16

func compare(a, b string) int { return version.Compare("go"+a, "go"+b) }

// parse reads a constraint; see the package comment.
func parse(constraint string) (*source.Constraint, error) {
	terms, exact := termsOf(constraint)
	if len(terms) > maxTerms {
		return nil, fmt.Errorf("it has more than %d terms", maxTerms)
	}
	r, err := gorange.Parse(strings.Join(terms, " "))
	if err != nil {
		return nil, errors.New("it is not a Go version, nor a range of them")
	}
	return source.NewestOf(exact, r.Match, compare), nil
}

// termsOf splits a constraint into terms that gorange reads: a line is written as its bounds. exact
// is the version that the constraint names alone, "" where it does not.
func termsOf(constraint string) (terms []string, exact string) {
	text := strings.ToLower(strings.TrimSpace(constraint))
	switch text {
	case "*", "latest", "stable":
		text = ""
	}
	text = spaced.ReplaceAllString(strings.ReplaceAll(text, ",", " "), "$1") // ">= 1.25" is ">=1.25"
	terms = strings.Fields(text)
	for i, term := range terms {
		term = strings.TrimPrefix(strings.TrimPrefix(term, "="), "go")
		if m := lineName.FindStringSubmatch(term); m != nil {
			n, _ := strconv.Atoi(m[1])
			terms[i] = fmt.Sprintf(">=1.%d <1.%d", n, n+1)
		} else if goVersion.MatchString(term) && len(terms) == 1 {
			exact = released(term)
			terms[i] = exact
		}
	}
	return terms, exact
}

// released is a version as it was released: up to 1.20 a line's first release had no patch number.
func released(v string) string {
	if first, ok := strings.CutSuffix(v, ".0"); ok && strings.Count(first, ".") == 1 && compare(first, "1.21") < 0 {
		return first
	}
	return v
}

// lineBounds are the lowest and the highest line that a constraint leaves open, -1 where it does
// not say.
func lineBounds(constraint string) (low, high int) {
	terms, _ := termsOf(constraint)
	low, high = -1, -1
	for _, m := range bound.FindAllStringSubmatch(strings.Join(terms, " "), -1) {
		n, _ := strconv.Atoi(m[2])
		if m[1][0] == '>' {
			low = max(low, n)
			continue
		}
		if m[1] == "<" && m[3] == "" {
			n--
		}
		if high < 0 || n < high {
			high = n
		}
	}
	return low, high
}
