package detect

import "strings"

const (
	maxName     = 80  // characters of a file's name in a message
	maxSentence = 600 // characters of a message
)

// printable makes a file's name safe for a message: no terminal control sequences, no line ends,
// not too long.
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

// oneLine is an error's text with its white space collapsed.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// withArticle puts the indefinite article before a tool's name.
func withArticle(tool string) string {
	if strings.ContainsAny(tool[:1], "aeiou") || tool == "npm" {
		return "an " + tool
	}
	return "a " + tool
}

// sentence adds a full stop unless there is one.
func sentence(text string) string {
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "…") {
		return text
	}
	return text + "."
}

// Cleaned returns a copy of which all texts are printable, because they quote the app's files, and
// the summary is a sentence.
func (e *Error) Cleaned() *Error {
	c := *e
	c.Summary, c.Place, c.Hints = sentence(clean(e.Summary, maxSentence)), clean(e.Place, maxSentence), nil
	for _, hint := range e.Hints {
		c.Hints = append(c.Hints, clean(hint, maxSentence))
	}
	return &c
}

// Clean makes a sentence that quotes the app's files safe for people, as the texts of an [Error] are.
func Clean(text string) string { return clean(text, maxSentence) }
