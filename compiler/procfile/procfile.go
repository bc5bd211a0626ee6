// Package procfile reads a Procfile: the list of an app's process types and the commands that start them.
//
// # Grammar
//
//	Procfile = { line "\n" } .
//	line     = blank | comment | entry .
//	comment  = ws "#" any .
//	entry    = ws name ":" ws command ws .
//	name     = ( letter | digit | "_" | "-" ) { … } .   1 to 63 characters
//	command  = any , at least one visible character; "#" and "//" inside it belong to it .
//
// A UTF-8 byte order mark, CRLF and a lone trailing CR are accepted. Invalid UTF-8 and NUL are errors with line and
// column. By default a duplicate name, an empty command, an unparsable line, a merge-conflict marker and a trailing
// backslash are errors with the line's number; leniently they are warnings and the last entry of a name wins.
// Lines may be of any length. Every other Procfile reader differs from every other in some of this: [Parse] returns as
// lint warnings what another tool (foreman, Heroku, herokuish, Dokku, overmind, CNB) would read differently.
package procfile

// Process is one entry: a process type and the command that starts it, given to `bash -c`.
type Process struct {
	Type    string `json:"type"`    // 1 to 63 characters of [A-Za-z0-9_-]
	Command string `json:"command"` // one line, trimmed
}

// Warning is something that this package accepts and another tool reads differently, or (leniently) an error let pass.
type Warning struct {
	Line int    // 1-based
	Text string // one sentence
}
