package toolchain

import (
	"fmt"
	"go/version"
	"strconv"
	"strings"

	"slugc/detect/gorange"
	"slugc/detect/lazyregexp"
)

// goVersion is a Go version without its prefix: 1.20, 1.21.0, 1.23rc1.
var goVersion = lazyregexp.New(`^1(\.(0|[1-9]\d{0,3})){1,2}((rc|beta)[1-9]\d{0,2})?$`)

func compareGo(a, b string) int { return version.Compare("go"+a, "go"+b) }

// parseGo reads a constraint on Go: what [slugc/detect/gorange] reads, and for people a line of
// releases, "1.25" or "1.25.x", which asks for the newest patch of it. "", "*", "latest" and
// "stable" ask for the newest release. Versions may begin with "go".
func parseGo(constraint string) (*want, error) {
	text := strings.ToLower(strings.TrimSpace(constraint))
	switch text {
	case "*", "latest", "stable":
		text = ""
	}
	text = operators.ReplaceAllString(strings.ReplaceAll(text, ",", " "), "$1") // ">= 1.25" is ">=1.25"
	words := strings.Fields(text)
	if len(words) > 16 {
		return nil, fmt.Errorf("it has more than 16 terms")
	}
	w := &want{}
	for i, word := range words {
		word = strings.TrimPrefix(strings.TrimPrefix(word, "="), "go")
		if m := goLineOf.FindStringSubmatch(word); m != nil {
			n, _ := strconv.Atoi(m[1])
			words[i] = fmt.Sprintf(">=1.%d <1.%d", n, n+1)
		} else if goVersion.MatchString(word) && len(words) == 1 {
			w.exact = released(word)
			words[i] = w.exact
		}
	}
	r, err := gorange.Parse(strings.Join(words, " "))
	if err != nil {
		return nil, fmt.Errorf("it is not a Go version, nor a range of them")
	}
	w.match = r.Match
	w.pick = func(l *listing) (string, string) { return newest(l.versions, r.Match, compareGo), "" }
	w.lines = func() (low, high int) { return lineBounds(words) }
	return w, nil
}

var (
	operators = lazyregexp.New(`([<>=]+)\s+`)
	goLineOf  = lazyregexp.New(`^1\.(0|[1-9]\d{0,3})(?:\.[x*])?$`)
	bound     = lazyregexp.New(`(<=?|>=?)(?:go)?1\.(\d{1,4})(\.\d)?`)
)

// released is a version as it was released: up to 1.20 a line's first release had no patch number.
func released(v string) string {
	if first, ok := strings.CutSuffix(v, ".0"); ok && strings.Count(first, ".") == 1 && compareGo(first, "1.21") < 0 {
		return first
	}
	return v
}

// lineBounds are the lowest and the highest line that a constraint leaves open, -1 where it does
// not say.
func lineBounds(words []string) (low, high int) {
	low, high = -1, -1
	for _, m := range bound.FindAllStringSubmatch(strings.Join(words, " "), -1) {
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
