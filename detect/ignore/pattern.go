package ignore

import (
	"fmt"
	"strings"
)

// translate turns a gitignore pattern into a regular expression for widened names. pathname is set
// for a pattern with a slash; only there `**` has a meaning of its own. translate returns false for
// a pattern that can match nothing.
func translate(p string, pathname bool) (string, bool) {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	// git compares the literal text before this index separately, so a `**` here counts as first.
	literal := strings.IndexAny(p, `*?[\`)
	for i := 0; i < len(p); {
		switch p[i] {
		case '*':
			n := i
			for n < len(p) && p[n] == '*' {
				n++
			}
			i = stars(&b, p, i, n, pathname, literal)
		case '?':
			b.WriteString(`[^/]`)
			i++
		case '[':
			class, next, ok := bracket(p, i)
			if !ok {
				return "", false
			}
			b.WriteString(class)
			i = next
		case '\\':
			if i++; i == len(p) {
				return "", false
			}
			fallthrough
		default:
			b.WriteString(literalByte(p[i]))
			i++
		}
	}
	b.WriteString(`\z`)
	return b.String(), true
}

// stars translates p[i:n], a run of asterisks, and returns the index after it.
func stars(b *strings.Builder, p string, i, n int, pathname bool, literal int) int {
	first := i == 0 || p[i-1] == '/' || i == literal
	last := n == len(p) || p[n] == '/' || strings.HasPrefix(p[n:], `\/`)
	switch {
	case n-i < 2 || !pathname || !first || !last:
		b.WriteString(`[^/]*`)
	case n < len(p) && p[n] == '/':
		b.WriteString(`(?:.*/)?`)
		return n + 1
	default:
		b.WriteString(`.*`)
	}
	return n
}

func literalByte(c byte) string {
	if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' {
		return string(rune(c))
	}
	return fmt.Sprintf(`\x{%x}`, c)
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
func bracket(p string, i int) (string, int, bool) {
	var set [256]bool
	i++
	negated := i < len(p) && (p[i] == '!' || p[i] == '^')
	if negated {
		i++
	}
	var prev byte
	for start := i; ; i++ {
		if i >= len(p) {
			return "", 0, false
		}
		c := p[i]
		switch {
		case c == ']' && i > start:
			return spell(set, negated), i + 1, true
		case c == '\\':
			if i++; i >= len(p) {
				return "", 0, false
			}
			set[p[i]] = true
			prev = p[i]
		case c == '-' && prev != 0 && i+1 < len(p) && p[i+1] != ']':
			if i++; p[i] == '\\' {
				if i++; i >= len(p) {
					return "", 0, false
				}
			}
			for r := int(prev); r <= int(p[i]); r++ {
				set[r] = true
			}
			prev = 0
		case c == '[' && i+1 < len(p) && p[i+1] == ':':
			end := strings.IndexByte(p[i+2:], ']')
			if end < 0 {
				return "", 0, false
			}
			name, named := strings.CutSuffix(p[i+2:i+2+end], ":")
			if !named {
				set['['] = true
				prev = '['
				continue
			}
			in, ok := classes[name]
			if !ok {
				return "", 0, false
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

// spell writes a set of bytes as a character class, without the slash.
func spell(set [256]bool, negated bool) string {
	in := func(c int) bool { return c > 0 && c < len(set) && c != '/' && set[c] != negated }
	var b strings.Builder
	for c := 1; c < len(set); c++ {
		first := c
		for in(c) {
			c++
		}
		if c > first {
			fmt.Fprintf(&b, `\x{%x}-\x{%x}`, first, c-1)
		}
	}
	if b.Len() == 0 {
		return `[^\x{0}-\x{10ffff}]`
	}
	return "[" + b.String() + "]"
}
