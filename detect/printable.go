package detect

import "strings"

const (
	maxName     = 80  // characters of a file's name in a message
	maxSentence = 600 // characters of a message
)

// printable keeps a terminal's control sequences, line ends and endless names out of messages.
func printable(name string) string { return clean(name, maxName) }

func clean(text string, limit int) string {
	if r := []rune(text); len(r) > limit {
		text = string(r[:limit]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfffd || r >= 0x202a && r <= 0x202e ||
			r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, text)
}

// sentence ends a text as a sentence, whatever it quotes at its end.
func sentence(text string) string {
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "…") {
		return text
	}
	return text + "."
}

// cleaned copies an Error with every text printable and its summary a sentence: it quotes files
// that anybody wrote.
func (e *Error) cleaned() *Error {
	c := *e
	c.Summary, c.Place, c.Hints = sentence(clean(e.Summary, maxSentence)), clean(e.Place, maxSentence), nil
	for _, hint := range e.Hints {
		c.Hints = append(c.Hints, clean(hint, maxSentence))
	}
	return &c
}
