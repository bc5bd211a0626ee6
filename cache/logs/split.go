package logs

import (
	"strings"
	"unicode/utf8"
)

// split splits a text at newlines. It also splits lines longer than MaxText, between characters.
func split(text string) []string {
	if len(text) <= MaxText && !strings.Contains(text, "\n") {
		return []string{text}
	}
	var parts []string
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		for len(line) > MaxText {
			end := MaxText
			for end > MaxText-utf8.UTFMax && !utf8.RuneStart(line[end]) {
				end--
			}
			parts = append(parts, line[:end])
			line = line[end:]
		}
		parts = append(parts, line)
	}
	return parts
}
