package diagnosis

import (
	"bytes"
	"regexp"

	"slugc/detect/lazyregexp"
)

// Pattern recognises a tool's failure by its output. ID names the diagnosis, Match finds the words
// that give it away, and Make turns the submatches (index 0 is the whole match) into a diagnosis;
// ID is filled in where Make leaves it empty.
type Pattern struct {
	ID    string
	Match *regexp.Regexp
	Make  func(match []string) *Diagnosis
}

// sgr is a colour sequence. Tools colour their output when a script forces them to, in the middle
// of the words we look for.
var sgr = lazyregexp.New(`\x1b\[[0-9;]*m`)

// Recognise returns the diagnosis of the first pattern that matches tail, the end of a failed
// tool's output, or nil. Order is precedence: the particular before the general. Colours and
// carriage returns are taken out before matching.
func Recognise(patterns []Pattern, tail []byte) *Diagnosis {
	text := sgr.ReplaceAll(tail, nil)
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
		if d.ID == "" {
			d.ID = p.ID
		}
		return d
	}
	return nil
}

// Fixed returns a Make that gives the same diagnosis for every match.
func Fixed(d Diagnosis) func([]string) *Diagnosis {
	return func([]string) *Diagnosis {
		fresh := d
		return &fresh
	}
}
