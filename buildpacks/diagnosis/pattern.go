package diagnosis

import (
	"bytes"
	"cmp"
	"strings"

	"slugc/detect/lazyregexp"
)

// Pattern recognises a tool's failure by its output: ID names the diagnosis, Match finds the words
// that give it away, and Make turns the submatches (index 0 is the whole match) into a diagnosis.
// Make may leave the diagnosis' ID empty. [NewPattern] makes one from texts.
type Pattern struct {
	ID    string
	Match interface{ FindSubmatch([]byte) [][]byte } // such as a [*lazyregexp.Regexp]
	Make  func(match []string) *Diagnosis
}

// NewPattern returns a pattern from texts in which $1 or ${1} stands for a submatch, without the
// blanks around it, and $$ for a dollar sign:
//
//	diagnosis.NewPattern("x/odd", `odd number (\d+) in (\S+)`, "$2", "$2 has the odd number $1.", "make it even")
//
// place may be ""; the hints are in order. The expression is compiled when it is first used.
func NewPattern(id, expression, place, summary string, hints ...string) Pattern {
	return Pattern{id, lazyregexp.New(expression), func(match []string) *Diagnosis {
		d := &Diagnosis{Place: Expand(place, match), Summary: Expand(summary, match)}
		for _, hint := range hints {
			d.Hints = append(d.Hints, Expand(hint, match))
		}
		return d
	}}
}

var submatch = lazyregexp.New(`\$(?:([0-9])|\{([0-9])\}|\$)`)

// Expand replaces $1 and ${1} in a text by submatches, as [NewPattern] does. A submatch that does
// not exist is empty.
func Expand(text string, match []string) string {
	if !strings.Contains(text, "$") {
		return text
	}
	return submatch.ReplaceAllStringFunc(text, func(reference string) string {
		digit := strings.Trim(reference, "${}")
		if digit == "" {
			return "$"
		}
		if i := int(digit[0] - '0'); i < len(match) {
			return strings.TrimSpace(match[i])
		}
		return ""
	})
}

// sgr is a colour sequence. Tools colour their output when a script forces them to, in the middle
// of the words that patterns look for.
var sgr = lazyregexp.New(`\x1b\[[0-9;]*m`)

// Plain returns a tool's output without colours.
func Plain(output []byte) []byte { return sgr.ReplaceAll(output, nil) }

// Recognise returns the diagnosis of the first pattern that matches tail, the end of a failed
// tool's output, or nil. Patterns are in order of precedence: the particular before the general.
// Colours and carriage returns are removed before matching.
func Recognise(patterns []Pattern, tail []byte) *Diagnosis {
	text := Plain(tail)
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	for _, p := range patterns {
		found := p.Match.FindSubmatch(text)
		if found == nil {
			continue
		}
		match := make([]string, len(found))
		for i, sub := range found {
			match[i] = string(sub)
		}
		d := p.Make(match)
		d.ID = cmp.Or(d.ID, p.ID)
		return d
	}
	return nil
}

// Fixed returns a Make that returns the same diagnosis for every match.
func Fixed(d Diagnosis) func([]string) *Diagnosis {
	return func([]string) *Diagnosis {
		fresh := d
		return &fresh
	}
}

// Transient returns a copy of the pattern whose diagnosis says that trying again may help.
func (p Pattern) Transient() Pattern {
	diagnose := p.Make
	p.Make = func(match []string) *Diagnosis {
		d := diagnose(match)
		d.Transient = true
		return d
	}
	return p
}

// Again returns a copy of the pattern whose diagnosis says that another try at once may help.
func (p Pattern) Again() Pattern {
	diagnose := p.Make
	p.Make = func(match []string) *Diagnosis {
		d := diagnose(match)
		d.Again = true
		return d
	}
	return p
}
