package export

import (
	"fmt"
	"strings"

	"slugc/buildpacks/shell"
)

// upstart writes jobs, init(5): one for the app, one for each type, one for each process. A process's script
// sets its variables, because upstart does not interpret a script as it does env lines. Signals go to the
// process's group.
func upstart(e *export) []File {
	conf := func(name, text string) File {
		return File{name + ".conf", 0o644, []byte(e.mark() + "\n" + text)}
	}
	files := []File{
		conf(e.App, fmt.Sprintf("description \"%s\"\nstart on runlevel [2345]\nstop on runlevel [!2345]\n", e.App)),
	}
	for _, units := range e.types() {
		typ := e.App + "-" + units[0].Type
		files = append(files, conf(typ, fmt.Sprintf("start on starting %s\nstop on stopping %[1]s\n", e.App)))
		for _, u := range units {
			var b strings.Builder
			fmt.Fprintf(&b, "start on starting %s\nstop on stopping %[1]s\nrespawn\nkill timeout %d\n", typ, e.seconds)
			if e.User != "" {
				fmt.Fprintf(&b, "setuid %s\n", e.User)
			}
			b.WriteString("script\n")
			for _, v := range append(u.own, u.vars...) {
				fmt.Fprintf(&b, "export %s=%s\n", v.name, shell.Word(v.value))
			}
			fmt.Fprintf(&b, "set -- %s\n%s\nend script\n", shell.Word(u.command), u.script(enterDir, u.ownPIDFile()))
			file := conf(u.dashed(), b.String())
			file.Mode = e.unitMode()
			files = append(files, file)
		}
	}
	return files
}
