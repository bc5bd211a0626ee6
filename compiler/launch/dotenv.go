package launch

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"slugc/detect/lazyregexp"
)

// maxEnv is the most bytes of a .env file.
const maxEnv = 1 << 20

// assignment is what stands before a value: foreman's pattern, with "export" and blanks.
var assignment = lazyregexp.New(`^[ \t]*(?:export[ \t]+)?([A-Za-z_0-9]+)[ \t]*=[ \t]*`)

// lineEnd is what may stand behind a closed quote.
var lineEnd = lazyregexp.New(`^[ \t]*(?:#[^\n]*)?(?:\n|$)`)

var escaped = lazyregexp.New(`(?s)\\(.)`)

// ParseEnv reads a .env file and returns its entries as K=V in order. What foreman reads, it reads as foreman
// does, and of what the dotenv gem, Docker Compose and overmind read besides: "export", blanks around "=",
// quoted values over several lines, and a comment behind a closed quote.
//
//	file  = { line "\n" } .
//	line  = ws [ "#" any ] | ws [ "export" ws ] name ws "=" ws value ws .
//	name  = ( letter | digit | "_" ) { … } .
//	value = ( "'" text "'" | '"' text '"' ) [ ws "#" any ] | text .
//
// Between double quotes, \n is a newline, \r a carriage return and \x is x. Nothing is interpolated, and a
// "#" in a value without quotes belongs to the value. A byte order mark and CRLF are accepted. foreman ignores
// any other line; ParseEnv returns an error with the line's number and without its text, which may be a
// secret. The error does not name the file.
func ParseEnv(r io.Reader) ([]string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxEnv+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxEnv {
		return nil, fmt.Errorf("it is larger than %d bytes", maxEnv)
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(data), "\xef\xbb\xbf"), "\r\n", "\n")
	text = strings.TrimSuffix(text, "\r")
	var env []string
	for number := 1; text != ""; {
		entry, rest, err := parseLine(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if entry != "" {
			env = append(env, entry)
		}
		number += strings.Count(text[:len(text)-len(rest)], "\n")
		text = rest
	}
	return env, nil
}

// parseLine reads the entry at the start of text, "" for a blank line and a comment, and returns what
// follows its last line.
func parseLine(text string) (entry, rest string, err error) {
	line, rest, _ := strings.Cut(text, "\n")
	if line := strings.TrimSpace(line); line == "" || line[0] == '#' {
		return "", rest, nil
	}
	match := assignment.FindStringSubmatch(line)
	if match == nil {
		return "", "", errors.New("it is not NAME=VALUE")
	}
	value := strings.TrimRight(line[len(match[0]):], " \t")
	if value != "" && (value[0] == '\'' || value[0] == '"') {
		if value, rest, err = parseQuoted(text[len(match[0]):]); err != nil {
			return "", "", err
		}
	}
	if strings.ContainsRune(value, 0) {
		return "", "", errors.New("it has a NUL character")
	}
	return match[1] + "=" + value, rest, nil
}

// parseQuoted reads the quoted value at the start of text, and returns what follows its last line. The quote
// that closes it is the first one that is not escaped; or else, as in foreman, the last one of that line.
func parseQuoted(text string) (value, rest string, err error) {
	quote, first := text[0], 0
	for i := 1; i < len(text); i++ {
		switch {
		case first > 0 && text[i] == '\n':
			return "", "", errors.New("there is text behind the closed quote")
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] != quote:
		default:
			if end := lineEnd.FindString(text[i+1:]); end != "" || i+1 == len(text) {
				return unescape(quote, text[1:i]), text[i+1+len(end):], nil
			}
			// The dotenv gem lets \' stand in single quotes too.
			if text[i-1] != '\\' {
				first = i
			}
		}
	}
	if first > 0 {
		return "", "", errors.New("there is text behind the closed quote")
	}
	return "", "", errors.New("the quote is not closed")
}

// unescape decodes the text between quotes.
func unescape(quote byte, text string) string {
	if quote == '\'' {
		return text
	}
	return escaped.ReplaceAllStringFunc(text, func(s string) string {
		switch s {
		case `\n`:
			return "\n"
		case `\r`:
			return "\r"
		}
		return s[1:]
	})
}
