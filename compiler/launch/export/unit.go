package export

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"slugc/compiler/launch"
)

// unit is one process as a format is to hold it.
type unit struct {
	launch.Instance
	app     string
	own     []pair   // what slugc sets, and says nothing of the app
	vars    []pair   // config vars
	command string   // encoded if the format cannot hold it
	decode  []string // the lines of shell that undo encoding
}

type pair struct{ name, value string }

// ownNames cannot be set by a config var; see [launch.RunOptions.Environment].
var ownNames = []string{"DYNO", "HOME", "PORT", "PS", "PWD"}

func newUnit(e *export, f format, i launch.Instance) unit {
	u := unit{Instance: i, app: e.App}
	config := map[string]bool{}
	for _, entry := range e.Env {
		name, _, _ := strings.Cut(entry, "=")
		config[name] = !slices.Contains(ownNames, name)
	}
	for _, entry := range (launch.RunOptions{Dir: e.Root, Port: i.Port, Dyno: i.Name(), Env: e.Env}).Environment() {
		name, value, _ := strings.Cut(entry, "=")
		if !f.plainVar(value) {
			value = encode(value)
			u.decode = append(u.decode, fmt.Sprintf(`%s=$(printf '%%b.' "$%[1]s"); %[1]s=${%[1]s%%.}`, name))
		}
		if config[name] {
			u.vars = append(u.vars, pair{name, value})
		} else {
			u.own = append(u.own, pair{name, value})
		}
	}
	if u.command = i.Command; !f.plain(u.command) {
		u.command = encode(u.command)
		u.decode = append(u.decode, `set -- "$(printf '%b.' "$1")"; set -- "${1%.}"`)
	}
	return u
}

// dotted is the unit's name as systemd has it, dashed as the others have it.
func (u unit) dotted() string { return u.app + "-" + u.Name() }
func (u unit) dashed() string { return fmt.Sprintf("%s-%s-%d", u.app, u.Type, u.Number) }

// profiles becomes the command, which is $0 so that a profile's `set --` cannot change it, after
// sourcing the files that are its arguments. SLUGC_PROFILE is the one variable that a profile could
// see.
const profiles = `for SLUGC_PROFILE; do [ ! -f "$SLUGC_PROFILE" ] || . "$SLUGC_PROFILE"; done; unset SLUGC_PROFILE; exec "${BASH:-/bin/sh}" -c "$0"`

// script is what /bin/sh is to run with the command as $1: it decodes, does what the lines of
// before say, lists the profiles in the order of their bytes whatever the locale is, and becomes
// the shell that sources them. It leaves no variable behind.
func (u unit) script(before ...string) string {
	lines := slices.Concat(u.decode, before)
	return strings.Join(append(lines,
		`set -- "${LC_ALL-}" "$1"; LC_ALL=C`,
		`set -- "$@" "$HOME"/.profile.d/*.sh "$HOME"/.profile; LC_ALL=$1; shift`,
		`set -- -c '`+profiles+`' "$@"`,
		`[ ! -x /bin/bash ] || exec /bin/bash "$@"`,
		`exec /bin/sh "$@"`), "\n")
}

// argv is the whole command line.
func (u unit) argv(before ...string) []string {
	return []string{"/bin/sh", "-c", u.script(before...), u.dotted(), u.command}
}

// encode writes a value so that every format can hold it: printf's %b undoes it.
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

// isText says that a value is UTF-8 without control characters but tab and newline, and without
// noncharacters: what a file of text may hold.
func isText(value string) bool {
	return utf8.ValidString(value) && !strings.ContainsFunc(value, func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' || r == 0x7f || r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef
	})
}

// isLine says that a value is a line of text.
func isLine(value string) bool { return isText(value) && !strings.Contains(value, "\n") }

// isASCII says that a value has nothing but ASCII's visible characters and spaces.
func isASCII(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}
