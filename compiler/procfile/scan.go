package procfile

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"slugc/detect/lazyregexp"
)

const (
	bom       = "\ufeff"
	blanks    = " \t\r"
	nameChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
)

// conflict matches the lines that git writes around the sides of a conflict, also in diff3 style.
var conflict = lazyregexp.New(`^(<{7}|={7}|>{7}|\|{7})([ \r].*)?$`)

func isConflictMarker(raw string) bool { return conflict.MatchString(raw) }

// splitEntry splits a trimmed line; ok is false if it is not an entry. The name may be too long, and the
// command may be empty.
func splitEntry(text string) (name, command string, ok bool) {
	end := len(text) - len(strings.TrimLeft(text, nameChars))
	if end == 0 || end == len(text) || text[end] != ':' {
		return "", "", false
	}
	return text[:end], strings.Trim(text[end+1:], blanks), true
}

// continues reports whether a command ends in a backslash that no other backslash escapes.
func continues(command string) bool {
	return (len(command)-len(strings.TrimRight(command, `\`)))%2 == 1
}

// checkText returns the error of the first byte that is NUL or not UTF-8. Columns count characters.
func checkText(text string) error {
	if utf8.ValidString(text) && !strings.Contains(text, "\x00") {
		return nil
	}
	line, column := 1, 1
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			return lineError(line, idUTF8, fmt.Errorf("column %d: byte 0x%02x is not UTF-8", column, text[0]),
				"save the Procfile as UTF-8")
		case r == 0:
			return lineError(line, idNUL, fmt.Errorf("column %d: a NUL character", column),
				"remove it, or save the Procfile as UTF-8 if it is UTF-16")
		case r == '\n':
			line, column = line+1, 1
		default:
			column++
		}
		text = text[size:]
	}
	return nil
}

// quote shortens and quotes a text for a message.
func quote(text string) string { return fmt.Sprintf("%q", abbreviate(text)) }

// abbreviate returns the first 60 characters of a text.
func abbreviate(text string) string {
	const most = 60
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

// CheckType returns an error if name cannot be a process type: 1 to 63 characters of [A-Za-z0-9_-], which
// Heroku's Platform API (`^[-\w]{1,128}$`) takes too. It is for process types that do not come from a
// Procfile.
func CheckType(name string) error {
	switch {
	case name == "":
		return errors.New("a process type is empty")
	case len(name) > MaxType:
		return tooLong(name)
	case strings.TrimLeft(name, nameChars) != "":
		return fmt.Errorf("process type %s has characters other than letters, digits, \"-\" and \"_\"", quote(name))
	}
	return nil
}

func tooLong(name string) error {
	return fmt.Errorf("process type %s has %d characters, more than %d", quote(name), len(name), MaxType)
}
