package toolchain

import (
	"errors"
	"fmt"
	"go/version"
	"regexp"
	"strings"
)

// goVersion is a Go version without its prefix: 1.20, 1.21.0, 1.23rc1.
var goVersion = regexp.MustCompile(`^1(\.(0|[1-9]\d*)){1,2}((rc|beta)[1-9]\d*)?$`)

func compareGo(a, b string) int { return version.Compare("go"+a, "go"+b) }

func goLine(v string) string { return strings.TrimPrefix(version.Lang("go"+v), "go") }

func stableGo(v string) bool { return !strings.Contains(v, "rc") && !strings.Contains(v, "beta") }

// parseGo reads a constraint on Go: terms that must all hold, separated by spaces or commas. A term is a line ("1.25", the newest patch
// of it; also "1.25.x"), a version ("1.25.1", "1.23rc1") or one of those after >=, >, <, <=, =, ~ or ^. "", "*", "latest" and "stable" ask
// for the newest release. Versions may begin with "go". Candidates for a release are chosen by an exact version alone.
func parseGo(constraint string) (*want, error) {
	terms, err := goTerms(constraint)
	if err != nil {
		return nil, err
	}
	w := &want{match: func(v string) bool {
		for _, t := range terms {
			if !t.holds(v) {
				return false
			}
		}
		return stableGo(v) || len(terms) == 1 && terms[0].op == "=" && !terms[0].line
	}}
	if len(terms) == 1 && terms[0].op == "=" && !terms[0].line {
		w.exact = terms[0].v
	}
	w.pick = func(l *listing) (string, string) { return newest(l.versions, w.match, compareGo), "" }
	w.lines = func() (low, high string) { return bounds(terms) }
	return w, nil
}

type goTerm struct {
	op   string
	v    string
	line bool // v is a line of releases, as 1.25
}

func goTerms(constraint string) ([]goTerm, error) {
	text := strings.ToLower(strings.TrimSpace(constraint))
	switch text {
	case "", "*", "latest", "stable", "x":
		return nil, nil
	}
	text = operators.ReplaceAllString(text, "$1") // ">= 1.25" is ">=1.25"
	var terms []goTerm
	for _, f := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
		v := strings.TrimLeft(f, "<>=~^")
		op := f[:len(f)-len(v)]
		v = strings.TrimPrefix(v, "go")
		v = strings.TrimSuffix(strings.TrimSuffix(v, ".x"), ".*")
		if !goVersion.MatchString(v) || !version.IsValid("go"+v) {
			return nil, fmt.Errorf("%q is not a Go version", f)
		}
		line := strings.Count(v, ".") == 1 && stableGo(v)
		// Up to 1.20 a line's first release had no patch number.
		if first := strings.TrimSuffix(v, ".0"); first != v && strings.Count(first, ".") == 1 && compareGo(first, "1.21") < 0 {
			v = first
		}
		switch op {
		case "", "==":
			op = "="
		case "~":
			op, line = "=", true
		case "=", ">", ">=", "<", "<=", "^":
		default:
			return nil, fmt.Errorf("%q is not an operator", op)
		}
		if op == "=" && line && strings.Count(v, ".") == 2 { // ~1.25.3: at least that, in its line
			terms = append(terms, goTerm{">=", v, false})
			v = goLine(v)
		}
		if op == "^" {
			op = ">="
		}
		terms = append(terms, goTerm{op, v, line})
	}
	if len(terms) > 16 {
		return nil, errors.New("it has more than 16 terms")
	}
	return terms, nil
}

var operators = regexp.MustCompile(`([<>=~^]+)\s+`)

func (t goTerm) holds(v string) bool {
	if t.line {
		c := compareGo(goLine(v), t.v)
		return map[string]bool{"=": c == 0, ">": c > 0, ">=": c >= 0, "<": c < 0, "<=": c <= 0}[t.op]
	}
	c := compareGo(v, t.v)
	return map[string]bool{"=": c == 0, ">": c > 0, ">=": c >= 0, "<": c < 0, "<=": c <= 0}[t.op]
}

// bounds are the lowest version and the highest line that terms leave open, "" where there is none.
func bounds(terms []goTerm) (low, high string) {
	for _, t := range terms {
		if t.op == "=" || t.op == ">" || t.op == ">=" {
			if low == "" || compareGo(t.v, low) > 0 {
				low = t.v
			}
		}
		if t.op == "=" || t.op == "<" || t.op == "<=" {
			if line := goLine(t.v); high == "" || compareGo(line, high) < 0 {
				high = line
			}
		}
	}
	return low, high
}
