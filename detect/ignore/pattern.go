package ignore

import "strings"

// translate turns a gitignore pattern into the steps of a match. pathname is set for a pattern with a
// slash; only there `**` has a meaning of its own. translate returns false for a pattern that can
// match nothing.
func translate(p string, pathname bool) ([]token, bool) {
	var tokens []token
	// git compares the literal text before this index separately, so a `**` here counts as first.
	wild := strings.IndexAny(p, `*?[\`)
	for i := 0; i < len(p); {
		switch p[i] {
		case '*':
			n := i
			for n < len(p) && p[n] == '*' {
				n++
			}
			var t token
			t, i = stars(p, i, n, pathname, wild)
			tokens = append(tokens, t)
		case '?':
			tokens = append(tokens, token{kind: class, set: &anyButSlash})
			i++
		case '[':
			set, next, ok := bracket(p, i)
			if !ok {
				return nil, false
			}
			tokens = append(tokens, token{kind: class, set: set})
			i = next
		case '\\':
			if i++; i == len(p) {
				return nil, false
			}
			fallthrough
		default:
			tokens = append(tokens, token{kind: literal, c: p[i]})
			i++
		}
	}
	return tokens, true
}

// anyButSlash is the set of `?`.
var anyButSlash = func() (set [256]bool) {
	for c := range set {
		set[c] = c != '/'
	}
	return set
}()

// stars translates p[i:n], a run of asterisks, and returns the index after it.
func stars(p string, i, n int, pathname bool, wild int) (token, int) {
	first := i == 0 || p[i-1] == '/' || i == wild
	last := n == len(p) || p[n] == '/' || strings.HasPrefix(p[n:], `\/`)
	switch {
	case n-i < 2 || !pathname || !first || !last:
		return token{kind: star}, n
	case n < len(p) && p[n] == '/':
		return token{kind: dirs}, n + 1
	}
	return token{kind: all}, n
}

// classes are the character classes of POSIX in the C locale, as git defines them.
var classes = map[string]func(c byte) bool{
	"alnum":  func(c byte) bool { return isAlpha(c) || isDigit(c) },
	"alpha":  isAlpha,
	"blank":  func(c byte) bool { return c == ' ' || c == '\t' },
	"cntrl":  func(c byte) bool { return c < 0x20 || c == 0x7f },
	"digit":  isDigit,
	"graph":  func(c byte) bool { return c > 0x20 && c < 0x7f },
	"lower":  func(c byte) bool { return c >= 'a' && c <= 'z' },
	"print":  func(c byte) bool { return c >= 0x20 && c < 0x7f },
	"punct":  func(c byte) bool { return c > 0x20 && c < 0x7f && !isAlpha(c) && !isDigit(c) },
	"space":  func(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' },
	"upper":  func(c byte) bool { return c >= 'A' && c <= 'Z' },
	"xdigit": func(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' },
}

func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// bracket translates the bracket expression at p[i] and returns the index after it. It follows
// wildmatch.c of git step by step.
func bracket(p string, i int) (*[256]bool, int, bool) {
	var set [256]bool
	i++
	negated := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negated {
		i++
	}
	var prev byte
	for start := i; ; i++ {
		if i >= len(p) {
			return nil, 0, false
		}
		c := p[i]
		switch {
		case c == ']' && i > start:
			return choose(set, negated), i + 1, true
		case c == '\\':
			if i++; i >= len(p) {
				return nil, 0, false
			}
			set[p[i]] = true
			prev = p[i]
		case c == '-' && prev != 0 && i+1 < len(p) && p[i+1] != ']':
			if i++; p[i] == '\\' {
				if i++; i >= len(p) {
					return nil, 0, false
				}
			}
			for r := int(prev); r <= int(p[i]); r++ {
				set[r] = true
			}
			prev = 0
		case c == '[' && i+1 < len(p) && p[i+1] == ':':
			end := strings.IndexByte(p[i+2:], ']')
			if end < 0 {
				return nil, 0, false
			}
			name, named := strings.CutSuffix(p[i+2:i+2+end], ":")
			if !named {
				set['['] = true
				prev = '['
				continue
			}
			in, ok := classes[name]
			if !ok {
				return nil, 0, false
			}
			for r := range set {
				set[r] = set[r] || in(byte(r))
			}
			i += 2 + end
			prev = 0
		default:
			set[c] = true
			prev = c
		}
	}
}

// choose is the set of what a bracket expression matches: no slash, and no NUL, which no name has.
func choose(set [256]bool, negated bool) *[256]bool {
	for c := range set {
		set[c] = c > 0 && c != '/' && set[c] != negated
	}
	return &set
}
