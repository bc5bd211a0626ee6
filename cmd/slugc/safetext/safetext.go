// Package safetext makes text of others safe to print: [Clean] removes what could steer a terminal.
//
//	safetext.Clean("\x1b]0;title\x07text") // "text"
package safetext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes foreign text safe to print: SGR sequences (colours), tabs and newlines stay, every other
// control character and escape sequence is removed. Bytes that are not UTF-8 become U+FFFD.
func Clean(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool {
		return r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	}) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] == 0x1b {
			n, sgr := sequence(s[i:])
			if sgr {
				b.WriteString(s[i : i+n])
			}
			i += n
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == '\t' || r == '\n' || !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r) {
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

// sequence returns the length of the escape sequence at the start of s (ECMA-48), and whether it only
// sets colours.
func sequence(s string) (n int, sgr bool) {
	if len(s) < 2 {
		return 1, false
	}
	switch s[1] {
	case '[':
		for i := 2; i < len(s) && i < 64; i++ {
			switch c := s[i]; {
			case c >= 0x40 && c <= 0x7e:
				// With other parameters, such as ">", "m" sets what keys send.
				return i + 1, c == 'm' && strings.Trim(s[2:i], "0123456789;:") == ""
			case c < 0x20 || c > 0x3f: // no byte of a sequence: what came before is dropped
				return i, false
			}
		}
		return 2, false
	case ']', 'P', '^', '_', 'X': // strings, ended by BEL or ESC \
		for i := 2; i < len(s); i++ {
			if s[i] == 0x07 {
				return i + 1, false
			}
			if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\' {
				return i + 2, false
			}
		}
		return len(s), false
	}
	return 2, false
}
