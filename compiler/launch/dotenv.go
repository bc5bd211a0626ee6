package launch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"slugc/detect/lazyregexp"
)

// maxEnv is the most bytes of a .env file.
const maxEnv = 1 << 20

// assignment is foreman's pattern, with optional blanks and "export" before it.
var assignment = lazyregexp.New(`^[ \t]*(?:export[ \t]+)?([A-Za-z_0-9]+)=(.*)$`)

var escaped = lazyregexp.New(`(?s)\\(.)`)

// ParseEnv reads a .env file as foreman does, and returns its entries as K=V in order.
//
//	file  = { line "\n" } .
//	line  = blank | ws "#" any | ws [ "export" ws ] name "=" value .
//	name  = ( letter | digit | "_" ) { … } .
//	value = "'" text "'" | '"' text, in which \n is a newline and \x is x '"' | text .
//
// Nothing is interpolated, and a "#" in a value belongs to the value. A byte order mark and CRLF are
// accepted. foreman ignores any other line; ParseEnv returns an error with the line's number and without
// its text, which may be a secret. The error does not name the file.
func ParseEnv(r io.Reader) ([]string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxEnv+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxEnv {
		return nil, fmt.Errorf("it is larger than %d bytes", maxEnv)
	}
	var env []string
	for i, line := range strings.Split(string(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if text := strings.TrimSpace(line); text == "" || text[0] == '#' {
			continue
		}
		entry, err := parseAssignment(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		env = append(env, entry)
	}
	return env, nil
}

func parseAssignment(line string) (string, error) {
	match := assignment.FindStringSubmatch(line)
	if match == nil || strings.ContainsRune(line, 0) {
		return "", errors.New("it is not NAME=VALUE")
	}
	value := match[2]
	if text := strings.TrimRight(value, " \t"); len(text) > 0 && (text[0] == '\'' || text[0] == '"') {
		quote := text[:1]
		if len(text) < 2 || !strings.HasSuffix(text, quote) {
			return "", errors.New("the quote is not closed on the same line")
		}
		value = text[1 : len(text)-1]
		if quote == `"` {
			value = escaped.ReplaceAllStringFunc(value, func(s string) string {
				if s == `\n` {
					return "\n"
				}
				return s[1:]
			})
		}
	}
	return match[1] + "=" + value, nil
}
