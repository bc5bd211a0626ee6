package export

import (
	"fmt"
	"strings"

	"slugc/buildpacks/shell"
	"slugc/detect/lazyregexp"
)

// comment matches the start of a comment in a line for supervisord's parser.
var comment = lazyregexp.New(`([\s\x{85}\p{Z}])([;#])`)

// here is what supervisord replaces everywhere, also after a doubled percent sign.
const here = "%(here)s"

// isSupervisordVar reports whether environment= can hold a value: it has no escapes, and the parser removes
// all quotes at the ends.
func isSupervisordVar(value string) bool {
	return isASCII(value) && !strings.Contains(value, here) && !comment.MatchString(value) &&
		strings.Trim(value, `'"`) == value &&
		(!strings.Contains(value, `"`) || !strings.Contains(value, "'"))
}

func checkSupervisord(e *export) error {
	for _, d := range e.directories() {
		if comment.MatchString(d.path) {
			return e.badDirectory(d, `supervisord would take " ;" or " #" for a comment`)
		}
		if strings.Contains(d.path, here) {
			return e.badDirectory(d, "supervisord would replace "+here)
		}
	}
	return nil
}

// supervisord writes programs, one for each process, and their group. Signals go to a process's group. A
// process that ends at once is started again for more than an hour, each time a second later. With the
// default of three attempts, a database that starts late would be fatal.
func supervisord(e *export) []File {
	var b strings.Builder
	var names []string
	fmt.Fprintln(&b, e.mark())
	for _, u := range e.units {
		names = append(names, u.dashed())
		fmt.Fprintf(&b, "[program:%s]\ncommand=%s\n", u.dashed(), supervisordCommand(u.argv(u.ownPIDFile())))
		fmt.Fprintf(&b, "directory=%s\nenvironment=", percent(e.Root))
		for i, v := range append(u.own, u.vars...) {
			if i > 0 {
				b.WriteString(",")
			}
			quote := `"`
			if strings.Contains(v.value, quote) {
				quote = "'"
			}
			b.WriteString(v.name + "=" + quote + percent(v.value) + quote)
		}
		if e.User != "" {
			fmt.Fprintf(&b, "\nuser=%s", e.User)
		}
		b.WriteString("\nautostart=true\nautorestart=true\nstartretries=100\n" +
			"stopsignal=TERM\nstopasgroup=true\nkillasgroup=true\n")
		fmt.Fprintf(&b, "stopwaitsecs=%d\n", e.seconds)
		// supervisord expands stdout_logfile twice.
		fmt.Fprintf(&b, "redirect_stderr=true\nstdout_logfile=%s/%s-%d.log\n\n",
			percent(percent(e.Log)), u.Type, u.Number)
	}
	fmt.Fprintf(&b, "[group:%s]\nprograms=%s\n", e.App, strings.Join(names, ","))
	return []File{{e.App + ".conf", e.unitMode(), []byte(b.String())}}
}

// supervisordCommand returns a command line for Python's shlex, as a value for Python's configparser. The
// parser removes blanks at the start of continued lines, and the script has none there.
func supervisordCommand(argv []string) string {
	// What looks like a comment, and here, stands in single quotes. '' closes and opens them.
	text := comment.ReplaceAllString(percent(shell.Command(argv...)), "$1''$2")
	text = strings.ReplaceAll(text, here, "%''(here)s")
	return strings.ReplaceAll(text, "\n", "\n    ")
}
