package procfile

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"slugc/detect/lazyregexp"
)

// Lint returns, for each entry of a Procfile, which other tool would read it differently and how. The
// warnings are in the order of lines, then of rules. Lint does not check what [Parse] refuses. The rules
// follow from the readers of foreman 0.90, overmind and hivemind, honcho, herokuish, procfile-util (Dokku),
// heroku/buildpacks-procfile 4 (CNB) and Heroku's classic slug compiler. The tests compare each reader's rule
// with ours.
func Lint(data []byte) []Warning {
	text, marked := strings.CutPrefix(string(data), bom)
	var warnings []Warning
	if marked {
		warnings = append(warnings, Warning{1, "The file starts with a byte order mark: foreman, overmind, honcho, " +
			"herokuish and Heroku lose the first entry, Dokku and CNB refuse the file."})
	}
	lines := strings.Split(text, "\n")
	crlf := false
	for i, raw := range lines {
		name, command, ok := splitEntry(strings.Trim(raw, blanks))
		if !ok || strings.HasPrefix(strings.Trim(raw, blanks), "#") {
			continue
		}
		l := entryLine{raw: raw, name: name, command: command, last: i == len(lines)-1}
		for _, rule := range rules {
			if text := rule(l); text != "" {
				warnings = append(warnings, Warning{i + 1, text})
			}
		}
		if !crlf && !l.last && strings.HasSuffix(raw, "\r") {
			crlf = true // one warning: usually it is all lines
			warnings = append(warnings, Warning{
				i + 1, "Lines end in CRLF: Heroku keeps the carriage return as a part of the command.",
			})
		}
	}
	return warnings
}

// entryLine is the line of an entry.
type entryLine struct {
	raw, name, command string
	last               bool // no newline follows
}

// rules return a sentence each, or "" if all readers agree.
var rules = []func(entryLine) string{
	lintColon, lintIndent, lintName, lintComment, lintLength, lintSeparator, lintReturn, lintEdge,
}

func lintColon(l entryLine) string {
	if rest := l.afterColon(); rest != "" && !strings.ContainsAny(rest[:1], " \t\f\r") {
		return "No space follows the colon: overmind and Heroku ignore this line."
	}
	return ""
}

func lintIndent(l entryLine) string {
	if strings.ContainsAny(l.raw[:1], blanks) {
		return "The line starts with a blank: foreman, overmind and honcho ignore it."
	}
	return ""
}

// dnsLabel is the form of a process type in CNB.
var dnsLabel = lazyregexp.New(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

func lintName(l entryLine) string {
	name := strings.ReplaceAll(strings.ToLower(l.name), "_", "-")
	switch {
	case !dnsLabel.MatchString(name):
		return fmt.Sprintf("Process type %q does not start and end with a letter or digit: CNB refuses the file.",
			l.name)
	case name != l.name:
		return fmt.Sprintf("Process type %q has capitals or underscores: CNB reads %q.", l.name, name)
	}
	return ""
}

// comment matches the start of a comment at the end of a line in procfile-util.
var comment = lazyregexp.New(`[ \t](#|//)`)

func lintComment(l entryLine) string {
	at := comment.FindStringIndex(l.afterColon())
	if at == nil {
		return ""
	}
	return fmt.Sprintf("Dokku takes %s for a comment; here it belongs to the command.",
		quote(strings.Trim(l.afterColon()[at[0]:], blanks)))
}

func lintLength(l entryLine) string {
	const scanner, argument = 64 << 10, 128 << 10 // bufio.MaxScanTokenSize; Linux's MAX_ARG_STRLEN
	switch {
	case len(l.command) >= argument:
		return "The command has 128 KiB or more: Linux can't start it, and Dokku refuses the file."
	case len(l.raw) >= scanner:
		return "The line has 64 KiB or more: Dokku refuses the file."
	}
	return ""
}

// separators are the characters other than "\n" at which Python ends a line.
const separators = "\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029"

func lintSeparator(l entryLine) string {
	if i := strings.IndexAny(l.command, separators); i >= 0 {
		r, _ := utf8.DecodeRuneInString(l.command[i:])
		return fmt.Sprintf("The command contains %U: honcho ends the line there.", r)
	}
	return ""
}

func lintReturn(l entryLine) string {
	kept := strings.TrimRight(l.raw, " \t")
	if !l.last {
		kept = strings.TrimSuffix(kept, "\r")
	}
	if strings.HasSuffix(kept, "\r") {
		return "A carriage return ends the line: foreman and Heroku keep it as a part of the command."
	}
	return ""
}

func lintEdge(l entryLine) string {
	for _, at := range []string{l.command[:min(len(l.command), utf8.UTFMax)], lastRune(l.command)} {
		if r, _ := utf8.DecodeRuneInString(at); at != "" && r > unicode.MaxASCII && !unicode.IsPrint(r) {
			return fmt.Sprintf("The command starts or ends with %U, which can't be seen and is no blank to bash.", r)
		}
	}
	return ""
}

func lastRune(text string) string {
	_, size := utf8.DecodeLastRuneInString(text)
	return text[len(text)-size:]
}

// afterColon returns what follows the type's colon, untrimmed.
func (l entryLine) afterColon() string {
	_, rest, _ := strings.Cut(l.raw, ":")
	return rest
}
