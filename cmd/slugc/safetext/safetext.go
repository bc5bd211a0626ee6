// Package safetext makes text of others safe to print: nothing of it steers a terminal, looks like
// another line, or is obeyed by a CI runner.
//
//	safetext.Show("\x1b[31mred")    // `\x1b[31mred`: for messages and names
//	safetext.Cell("one\ntwo")       // `one\ntwo`: for a table
//	safetext.Line("\x1b[31mred")    // colours pass and end with the line: for output of builds
//	safetext.RunnerOf(os.Getenv).Break("##vso[x]") // "# #vso[x]" on Azure Pipelines
package safetext

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// steers reports whether a character is more than text: a control character, or one of those formats
// that are invisible or change the order of what follows. Joiners, which emoji need, are text.
func steers(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d'
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' ||
		unicode.Is(unicode.Cf, r) && r != nonJoiner && r != joiner
}

// Show makes text visible: newlines and tabs stay, every other character that would steer a terminal
// is written as an escape of Go, such as \x1b or \u202e. Bytes that are not UTF-8 become U+FFFD.
func Show(s string) string { return escape(s, "\n\t") }

// Cell is [Show] for one cell of a table, or a name: newlines and tabs are escaped too.
func Cell(s string) string { return escape(s, "") }

func escape(s, keep string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || steers(r) }) {
		return s
	}
	var b strings.Builder
	for _, r := range s { // what is no UTF-8 is U+FFFD
		switch {
		case !steers(r) || strings.ContainsRune(keep, r):
			b.WriteRune(r)
		case r < utf8.RuneSelf:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// JSON escapes in a JSON document what the encoder of package json leaves and a terminal may obey.
// The document means the same.
func JSON(doc string) string {
	var b strings.Builder
	for _, r := range doc {
		switch {
		case !steers(r) || r == '\n':
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String()
}

// Line makes a line of a program's output safe: colours pass, except what hides or blinks, and end
// with the line. Tabs stay; every other control character and escape sequence is removed. Bytes that
// are not UTF-8 become U+FFFD.
func Line(s string) string { return clean(s, true) }

// Strip is [Line] without colours.
func Strip(s string) string { return clean(s, false) }

const reset = "\x1b[0m"

func clean(s string, colours bool) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || steers(r) }) {
		return s
	}
	var b strings.Builder
	open := false // a colour is set
	for i := 0; i < len(s); {
		if s[i] == 0x1b {
			n, sgr := sequence(s[i:])
			if kept := colour(s[i:i+n], sgr && colours); kept != "" {
				b.WriteString(kept)
				open = strings.Trim(kept[2:len(kept)-1], "0;") != ""
			}
			i += n
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == '\t' || r == '\n' || !steers(r) {
			b.WriteRune(r)
		}
		i += n
	}
	if open {
		b.WriteString(reset)
	}
	return b.String()
}

// colour returns a sequence without the parameters that hide text (8) or make it blink (5, 6), "" if
// nothing is left of it.
func colour(seq string, sgr bool) string {
	if !sgr {
		return ""
	}
	all := strings.Split(seq[2:len(seq)-1], ";")
	var kept []string
	for i := 0; i < len(all); i++ {
		number, _, _ := strings.Cut(all[i], ":")
		switch strings.TrimLeft(number, "0") {
		case "5", "6", "8":
			continue
		case "38", "48", "58": // colours of their own: what follows are their parts
			n := 1
			if all[i] == number && i+1 < len(all) {
				n += map[string]int{"5": 2, "2": 4}[strings.TrimLeft(all[i+1], "0")]
			}
			n = min(n, len(all)-i)
			kept = append(kept, all[i:i+n]...)
			i += n - 1
		default:
			kept = append(kept, all[i])
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return "\x1b[" + strings.Join(kept, ";") + "m"
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
