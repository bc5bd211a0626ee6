package export

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"slugc/buildpacks/shell"
	"slugc/compiler/launch"
)

// unit is one process as a format holds it.
type unit struct {
	launch.Instance
	app     string
	in      string     // where below HOME the app's directory is, with a slash at the end; "" for HOME
	own     []variable // what slugc sets
	vars    []variable // config vars
	command string     // encoded if the format cannot hold it
	decode  []string   // lines of shell that decode
}

type variable struct{ name, value string }

// ownNames are the variables that a config var cannot set; see [launch.RunOptions.Environment].
var ownNames = []string{"DYNO", "HOME", "PORT", "PS", "PWD"}

func newUnit(e *export, f format, i launch.Instance) unit {
	u := unit{Instance: i, app: e.App}
	if e.Directory != "" {
		u.in = e.Directory + "/"
	}
	config := map[string]bool{}
	for _, entry := range e.Env {
		name, _, _ := strings.Cut(entry, "=")
		config[name] = !slices.Contains(ownNames, name)
	}
	process := launch.RunOptions{
		Self: e.Self, Dir: e.Root, Mounts: e.Mounts, Port: i.Port, Dyno: i.Name(), Env: e.Env,
	}
	for _, entry := range process.Environment() {
		name, value, _ := strings.Cut(entry, "=")
		if !f.literalVar(value) {
			value = encode(value)
			u.decode = append(u.decode, fmt.Sprintf(`%s=$(printf '%%b.' "$%[1]s"); %[1]s=${%[1]s%%.}`, name))
		}
		if config[name] {
			u.vars = append(u.vars, variable{name, value})
		} else {
			u.own = append(u.own, variable{name, value})
		}
	}
	if u.command = i.Command; !f.literal(u.command) {
		u.command = encode(u.command)
		u.decode = append(u.decode, `set -- "$(printf '%b.' "$1")"; set -- "${1%.}"`)
	}
	return u
}

// dotted returns the name of a systemd unit: APP-TYPE.N.
func (u unit) dotted() string { return u.app + "-" + u.Name() }

// dashed returns the name of a unit in the other formats: APP-TYPE-N.
func (u unit) dashed() string { return fmt.Sprintf("%s-%s-%d", u.app, u.Type, u.Number) }

// profiles is the script that sources the files in its arguments and executes the command. The command is
// $0, so that a profile's `set --` cannot change it. A profile could see the variable SLUGC_PROFILE only.
const profiles = `for SLUGC_PROFILE; do [ ! -f "$SLUGC_PROFILE" ] || . "$SLUGC_PROFILE"; done; ` +
	`unset SLUGC_PROFILE; exec "${BASH:-/bin/sh}" -c "$0"`

// script returns what /bin/sh runs with the command as $1. It decodes, runs the lines of before, lists the
// profiles in the order of their bytes in any locale, and executes the shell that sources them. It leaves
// no variable behind.
func (u unit) script(before ...string) string {
	lines := slices.Concat(u.decode, before)
	return strings.Join(append(lines,
		`set -- "${LC_ALL-}" "$1"; LC_ALL=C`,
		`set -- "$@" "$HOME"/.profile.d/*.sh "$HOME"/.profile; LC_ALL=$1; shift`,
		`set -- -c '`+profiles+`' "$@"`,
		`[ ! -x /bin/bash ] || exec /bin/bash "$@"`,
		`exec /bin/sh "$@"`), "\n")
}

// ownPIDFile is a line of shell that names a file for the process's id where the app has the directory for it:
// two processes of a Rails app may not have the same one. A config var may name another.
func (u unit) ownPIDFile() string {
	pids := `"$HOME"/` + shell.Quote(u.in+"tmp/pids")
	if u.in == "" {
		return fmt.Sprintf(`[ ! -d "$HOME/tmp/pids" ] || export PIDFILE="${PIDFILE-$HOME/tmp/pids/%s.pid}"`, u.Name())
	}
	return fmt.Sprintf(`[ ! -d %s ] || [ -n "${PIDFILE+x}" ] || export PIDFILE=%[1]s/%s.pid`, pids, u.Name())
}

// argv returns the whole command line.
func (u unit) argv(before ...string) []string {
	return []string{"/bin/sh", "-c", u.script(before...), u.dotted(), u.command}
}

// encode returns a value in a form that every format can hold and that printf's %b decodes.
func encode(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		if c >= utf8.RuneSelf ||
			!unicode.IsLetter(rune(c)) && !unicode.IsDigit(rune(c)) && !strings.ContainsRune("/+=:,.@_-", rune(c)) {
			fmt.Fprintf(&b, `\0%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// isText reports whether a value is what a text file may hold: UTF-8 without control characters other than
// tab and newline, and without noncharacters.
func isText(value string) bool {
	return utf8.ValidString(value) && !strings.ContainsFunc(value, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' || r == 0x7f || r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef
	})
}

// isLine reports whether a value is a line of text.
func isLine(value string) bool { return isText(value) && !strings.Contains(value, "\n") }

// isASCII reports whether a value has only visible ASCII characters and spaces.
func isASCII(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}
