// Package procfile reads a Procfile, the list of an app's process types and the commands that start them
// (Heroku Dev Center, "The Procfile").
//
//	web: bundle exec puma -C config/puma.rb      →  {web, bundle exec puma -C config/puma.rb}
//	worker: bundle exec sidekiq                  →  {worker, bundle exec sidekiq}
//
// [Parse] returns a [File] with its [Process]es. [Effective] adds the buildpacks' default processes, and
// [ProcessMap] is processes in JSON. What a command does is not checked.
//
// # Grammar
//
//	Procfile = { line "\n" } .
//	line     = blank | comment | entry .
//	comment  = ws "#" any .
//	entry    = ws name ":" ws command ws .
//	name     = ( letter | digit | "_" | "-" ) { … } .   1 to 63 characters
//	command  = any , at least one visible character; "#" and "//" inside it belong to it .
//	ws       = { space | tab | carriage return } .
//
// A UTF-8 byte order mark, CRLF and a single CR at the end are accepted. Invalid UTF-8 and NUL are errors
// with line and column. A duplicate name, a name that is too long, an empty command, an unparsable line, a
// merge-conflict marker, a trailing backslash and a file without entries are errors with the line's number.
// In lenient mode they are warnings: Parse ignores the line, except that a trailing backslash stays in its
// command, and of several entries of one name the last one counts. Lines may be of any length.
//
// Other readers (foreman, Heroku, herokuish, Dokku, overmind, honcho, CNB) differ from each other in some of
// these points. [Lint] says what another reader would read differently.
//
// # Limits
//
// A file has at most [MaxSize] bytes, so that a line of 1 MiB fits, and at most [MaxTypes] process types,
// four times the 64 that a platform usually permits. A name has at most [MaxType] characters, the length of
// a DNS label, which is the limit of Dokku and CNB; Heroku's Platform API takes 128.
package procfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"slugc/compiler/fault"
)

// The limits of a Procfile.
const (
	MaxSize  = 4 << 20 // bytes of the file
	MaxTypes = 256     // process types in the file
	MaxType  = 63      // characters of a process type
)

// The ids of the errors of [Parse].
const (
	idDuplicate = "procfile/duplicate-type"
	idEmptyCmd  = "procfile/empty-command"
	idLine      = "procfile/unparsable-line"
	idConflict  = "procfile/merge-conflict"
	idBackslash = "procfile/trailing-backslash"
	idUTF8      = "procfile/invalid-utf8"
	idNUL       = "procfile/nul"
	idLarge     = "procfile/too-large"
	idEmpty     = "procfile/empty"
	idLongName  = "procfile/name-too-long"
)

// Process is one entry: a process type and the command that starts it, which `bash -c` runs.
type Process struct {
	Type    string `json:"type"`    // 1 to 63 characters of [A-Za-z0-9_-]
	Command string `json:"command"` // one line, trimmed
}

// Warning is an entry that this package accepts and another tool reads differently or, in lenient mode, an
// error that was ignored.
type Warning struct {
	Line int    // 1-based
	Text string // one sentence
}

// File is the content of a Procfile.
type File struct {
	Processes []Process // in the file's order, each type once
	Warnings  []Warning // sorted by line
}

// TooLarge returns the error for a Procfile of this many bytes, more than MaxSize.
func TooLarge(size int64) error {
	return fault.AppError(idLarge, fmt.Errorf(`reading "Procfile": the file has %d bytes, more than %d`, size, MaxSize),
		"move long commands into scripts that the Procfile names").At("Procfile")
}

// Parse reads a Procfile by the grammar in the package comment. The first mistake is an error. In lenient
// mode mistakes are warnings, except invalid UTF-8, NUL and size. An error is a [fault.Error] of the app's
// owner. Its id starts with "procfile/", and its place is "Procfile:LINE". Parse may be called concurrently.
func Parse(data []byte, lenient bool) (File, error) {
	if len(data) > MaxSize {
		return File{}, TooLarge(int64(len(data)))
	}
	text := strings.TrimPrefix(string(data), bom)
	if err := checkText(text); err != nil {
		return File{}, err
	}
	p := parser{lenient: lenient, line: map[string]int{}}
	for i, raw := range strings.Split(text, "\n") {
		if err := p.read(i+1, raw); err != nil {
			return File{}, err
		}
	}
	if len(p.file.Processes) == 0 {
		hint := "add a line such as `web: npm start`, " +
			"or remove the Procfile to use the buildpacks' default process types"
		if err := p.mistake(1, idEmpty, errors.New("the file names no process type"), hint); err != nil {
			return File{}, err
		}
	}
	p.file.Warnings = append(p.file.Warnings, Lint(data)...)
	slices.SortStableFunc(p.file.Warnings, func(a, b Warning) int { return a.Line - b.Line })
	return p.file, nil
}

// parser is the state of one call of Parse.
type parser struct {
	lenient bool
	file    File
	line    map[string]int // process type → line of its entry
}

// read reads the n-th line.
func (p *parser) read(n int, raw string) error {
	text := strings.Trim(raw, blanks)
	if text == "" || text[0] == '#' {
		return nil
	}
	if isConflictMarker(raw) {
		return p.mistake(n, idConflict, fmt.Errorf("%s marks an unresolved merge conflict", quote(text)),
			"resolve the conflict and commit the Procfile")
	}
	name, command, ok := splitEntry(text)
	switch {
	case !ok:
		return p.mistake(n, idLine, fmt.Errorf(`%s is not of the form "type: command"`, quote(text)), lineHint(text))
	case len(name) > MaxType:
		return p.mistake(n, idLongName, tooLong(name), "give it a shorter name")
	case !visible(command):
		return p.mistake(n, idEmptyCmd, fmt.Errorf("process type %q has no command", name),
			fmt.Sprintf("write the command after the colon, as in `%s: ./start`, or remove the line", name))
	}
	if continues(command) {
		err := fmt.Errorf("the command of %q ends in a backslash, and a command can't go on in the next line", name)
		hint := "write the command on one line, or put it into a script that the Procfile names"
		if err := p.mistake(n, idBackslash, err, hint); err != nil {
			return err
		}
	}
	return p.add(n, Process{Type: name, Command: command})
}

// add appends an entry. In lenient mode it replaces an earlier one of the same type.
func (p *parser) add(n int, proc Process) error {
	if before, ok := p.line[proc.Type]; ok {
		if err := p.mistake(n, idDuplicate, fmt.Errorf("process type %q is already on line %d", proc.Type, before),
			"remove or rename one of the two lines"); err != nil {
			return err
		}
		i := slices.IndexFunc(p.file.Processes, func(q Process) bool { return q.Type == proc.Type })
		p.file.Processes[i].Command = proc.Command
		p.line[proc.Type] = n
		return nil
	}
	if len(p.file.Processes) == MaxTypes {
		return lineError(n, idLarge, fmt.Errorf("more than %d process types", MaxTypes),
			"split the app, or start several commands from one script")
	}
	p.file.Processes = append(p.file.Processes, proc)
	p.line[proc.Type] = n
	return nil
}

// mistake returns an error. In lenient mode it adds a warning and returns nil.
func (p *parser) mistake(n int, id string, err error, hint string) error {
	if !p.lenient {
		return lineError(n, id, err, hint)
	}
	p.file.Warnings = append(p.file.Warnings, Warning{Line: n, Text: err.Error()})
	return nil
}

// lineError returns the error of line n.
func lineError(n int, id string, err error, hint string) error {
	return fault.AppError(id, fmt.Errorf(`reading "Procfile": line %d: %w`, n, err), hint).At("Procfile:%d", n)
}

// visible reports whether text has a visible character.
func visible(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.IsPrint(r) && r != ' ' })
}

// lineHint returns a hint for a line that is not an entry, from what it probably should be.
func lineHint(text string) string {
	word := text[:len(text)-len(strings.TrimLeft(text, nameChars))]
	rest := strings.TrimLeft(text[len(word):], blanks)
	switch {
	case word != "" && strings.HasPrefix(rest, ":"):
		return fmt.Sprintf("remove the space before the colon: `%s:`", abbreviate(word))
	case word != "" && !strings.Contains(text, ":"):
		return "write a colon after the process type, as in `web: npm start`, or `#` before a comment"
	}
	return "name the process type with letters, digits, `-` and `_`, or write `#` before a comment"
}
