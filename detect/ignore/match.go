package ignore

import "strings"

// pattern is a gitignore pattern as steps of a match. What a name must begin and end with is kept
// apart, because that decides most matches.
type pattern struct {
	prefix, suffix string
	middle         []token
}

// token is one step: a byte of a set, or a wildcard.
type token struct {
	kind kind
	c    byte       // of literal
	set  *[256]bool // of class
}

type kind byte

const (
	literal kind = iota
	class        // one byte of the set; never a slash
	star         // any bytes but slashes
	all          // any bytes
	dirs         // nothing, or any bytes that end with a slash
)

// newPattern takes the literal bytes at both ends out of the tokens.
func newPattern(tokens []token) pattern {
	var p pattern
	for len(tokens) > 0 && tokens[0].kind == literal {
		p.prefix, tokens = p.prefix+string([]byte{tokens[0].c}), tokens[1:]
	}
	var suffix []byte
	for len(tokens) > 0 && tokens[len(tokens)-1].kind == literal {
		suffix, tokens = append(suffix, tokens[len(tokens)-1].c), tokens[:len(tokens)-1]
	}
	for i := len(suffix) - 1; i >= 0; i-- {
		p.suffix += string([]byte{suffix[i]})
	}
	p.middle = tokens
	return p
}

// match reports whether the pattern matches the whole name. It takes one from steps for each byte
// that it compares, and gives up, without a match, below zero.
//
// It needs to go back only to the last star, and where that fails at a slash, to the last wildcard
// that crosses slashes: a wildcard that begins earlier reaches every place that a later one would.
func (p *pattern) match(name string, steps *int64) bool {
	*steps--
	if len(name) < len(p.prefix)+len(p.suffix) || !strings.HasPrefix(name, p.prefix) ||
		!strings.HasSuffix(name, p.suffix) {
		return false
	}
	name = name[len(p.prefix) : len(name)-len(p.suffix)]
	type place struct{ token, at int } // of a wildcard, and the end of what it takes; token -1: none
	short, long := place{token: -1}, place{token: -1}
	t, at := 0, 0
	for t < len(p.middle) || at < len(name) {
		if *steps--; *steps < 0 {
			return false
		}
		if t < len(p.middle) {
			switch k := &p.middle[t]; k.kind {
			case star:
				short = place{t, at}
				t++
				continue
			case all, dirs:
				long, short = place{t, at}, place{token: -1}
				t++
				continue
			default:
				if at < len(name) && (k.kind == literal && name[at] == k.c || k.kind == class && k.set[name[at]]) {
					t, at = t+1, at+1
					continue
				}
			}
		}
		if short.token >= 0 && short.at < len(name) && name[short.at] != '/' {
			short.at++
			t, at = short.token+1, short.at
			continue
		}
		if long.token < 0 || !p.extend(name, long.token, &long.at, steps) {
			return false
		}
		short = place{token: -1}
		t, at = long.token+1, long.at
	}
	return true
}

// extend moves the end of what a wildcard takes that crosses slashes, and returns false at the end of
// the name.
func (p *pattern) extend(name string, t int, at *int, steps *int64) bool {
	if p.middle[t].kind == all {
		*at++
		return *at <= len(name)
	}
	n := strings.IndexByte(name[*at:], '/')
	if n < 0 {
		return false
	}
	*steps -= int64(n)
	*at += n + 1
	return true
}
