package export

import (
	"fmt"
	"strings"

	"slugc/buildpacks/shell"
	"slugc/detect/lazyregexp"
)

// comment is where supervisord's parser sees the beginning of a comment in a line.
var comment = lazyregexp.New(`([\s\x{85}\p{Z}])([;#])`)

// here is replaced by supervisord wherever it stands, also behind a doubled percent sign.
const here = "%(here)s"

// isSupervisordVar knows the rules of environment=: no escapes, and all quotes at the ends are
// taken away.
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

// supervisord's programs, one a process, and their group. A signal goes to a process's group. What
// ends at once is tried again for more than an hour, each time a second later; with the usual three
// attempts a database that comes up late would be fatal.
func supervisord(e *export) []File {
	var b strings.Builder
	var names []string
	fmt.Fprintln(&b, e.mark())
	for _, u := range e.units {
		names = append(names, u.dashed())
		fmt.Fprintf(&b, "[program:%s]\ncommand=%s\n", u.dashed(), supervisordCommand(u.argv()))
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
		fmt.Fprintf(
			&b,
			"\nautostart=true\nautorestart=true\nstartretries=100\nstopsignal=TERM\nstopasgroup=true\nkillasgroup=true\nstopwaitsecs=%d\n",
			e.seconds,
		)
		// This one is expanded twice.
		fmt.Fprintf(
			&b,
			"redirect_stderr=true\nstdout_logfile=%s/%s-%d.log\n\n",
			percent(percent(e.Log)),
			u.Type,
			u.Number,
		)
	}
	fmt.Fprintf(&b, "[group:%s]\nprograms=%s\n", e.App, strings.Join(names, ","))
	return []File{{e.App + ".conf", e.private(), []byte(b.String())}}
}

// supervisordCommand is a command line for Python's shlex in a value of Python's configparser. Of
// the lines that continue a value the parser takes the blanks before them; the script has none
// there.
func supervisordCommand(argv []string) string {
	// All that looks like a comment, and here, is in single quotes, which '' closes and opens
	// again.
	text := comment.ReplaceAllString(percent(shell.Command(argv...)), "$1''$2")
	text = strings.ReplaceAll(text, here, "%''(here)s")
	return strings.ReplaceAll(text, "\n", "\n    ")
}
