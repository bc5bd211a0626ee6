// Package procfile reads a Procfile: the list of an app's process types and the commands that start
// them.
//
//	web: bundle exec puma -C config/puma.rb      →  {web, bundle exec puma -C config/puma.rb}
//	worker: bundle exec sidekiq                  →  {worker, bundle exec sidekiq}
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
// A UTF-8 byte order mark, CRLF and a lone trailing CR are accepted. Invalid UTF-8 and NUL are
// errors with line and column. By default a duplicate name, a name that is too long, an empty
// command, an unparsable line, a merge-conflict marker, a trailing backslash and a file without
// entries are errors with the line's number; leniently they are warnings, the line is passed over
// (a trailing backslash stays in its command) and the last entry of a name wins. Lines may be of
// any length. Every other Procfile reader differs from every other in some of this: [Lint] says
// what another tool (foreman, Heroku, herokuish, Dokku, overmind, honcho, CNB) would read
// differently.
//
// # Limits
//
// A file is at most [MaxSize] bytes, so that a line of 1 MiB fits with room to spare, and has at
// most [MaxTypes] process types: four times the 64 that a platform usually allows. A name has at
// most [MaxType] characters, the length of a DNS label, which Dokku and CNB hold to; Heroku's
// Platform API takes 128.
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

// Process is one entry: a process type and the command that starts it, given to `bash -c`.
type Process struct {
	Type    string `json:"type"`    // 1 to 63 characters of [A-Za-z0-9_-]
	Command string `json:"command"` // one line, trimmed
}

// Warning is something that this package accepts and another tool reads differently, or (leniently)
// an error let pass.
type Warning struct {
	Line int    // 1-based
	Text string // one sentence
}

// File is what a Procfile says.
type File struct {
	Processes []Process // in the file's order, each type once
	Warnings  []Warning // by line
}

// Parse reads a Procfile's bytes by the grammar of the package comment. Strictly (the default), the
// first mistake is the error; leniently, all mistakes but invalid UTF-8, NUL and size are warnings.
// An error is a [fault.Error] of the app's owner whose id begins with "procfile/" and whose place
// is "Procfile:LINE". Parse may be called concurrently.
func Parse(data []byte, lenient bool) (File, error) {
	if len(data) > MaxSize {
		return File{}, fault.AppError(
			idLarge,
			fmt.Errorf(`reading "Procfile": the file has %d bytes, more than %d`, len(data), MaxSize),
			"move long commands into scripts that the Procfile names",
		).At(
			"Procfile",
		)
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
		if err := p.mistake(1, idEmpty, errors.New("the file names no process type"),
			"add a line such as `web: npm start`, or remove the Procfile to use the buildpacks' default process types"); err != nil {
			return File{}, err
		}
	}
	p.file.Warnings = append(p.file.Warnings, Lint(data)...)
	slices.SortStableFunc(p.file.Warnings, func(a, b Warning) int { return a.Line - b.Line })
	return p.file, nil
}

// parser holds what was read so far.
type parser struct {
	lenient bool
	file    File
	line    map[string]int // process type → line of its entry
}

// read takes in the n-th line.
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
		return p.mistake(
			n,
			idLongName,
			fmt.Errorf("process type %s has %d characters, more than %d", quote(name), len(name), MaxType),
			"give it a shorter name",
		)
	case !visible(command):
		return p.mistake(n, idEmptyCmd, fmt.Errorf("process type %q has no command", name),
			fmt.Sprintf("write the command after the colon, as in `%s: ./start`, or remove the line", name))
	}
	if continues(command) {
		if err := p.mistake(n, idBackslash, fmt.Errorf("the command of %q ends in a backslash, and a command can't go on in the next line", name),
			"write the command on one line, or put it into a script that the Procfile names"); err != nil {
			return err
		}
	}
	return p.add(n, Process{Type: name, Command: command})
}

// add appends an entry, or leniently replaces the former one of its type.
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
		return fail(
			n,
			idLarge,
			fmt.Errorf("more than %d process types", MaxTypes),
			"split the app, or start several commands from one script",
		)
	}
	p.file.Processes = append(p.file.Processes, proc)
	p.line[proc.Type] = n
	return nil
}

// mistake is an error, or leniently a warning and nil.
func (p *parser) mistake(n int, id string, err error, hint string) error {
	if !p.lenient {
		return fail(n, id, err, hint)
	}
	p.file.Warnings = append(p.file.Warnings, Warning{Line: n, Text: err.Error()})
	return nil
}

// fail is the error of line n.
func fail(n int, id string, err error, hint string) error {
	return fault.AppError(id, fmt.Errorf(`reading "Procfile": line %d: %w`, n, err), hint).At("Procfile:%d", n)
}

// visible says whether text has a character that can be seen.
func visible(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.IsPrint(r) && r != ' ' })
}

// lineHint guesses what was meant by a line that is no entry.
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
