package export

import (
	"fmt"
	"strings"

	"slugc/buildpacks/shell"
)

// isEnvdirVar reports whether chpst(8) -e reads a value unchanged: it reads the first line, without blanks
// at its end.
func isEnvdirVar(value string) bool {
	return isLine(value) && !strings.HasSuffix(value, " ") && !strings.HasSuffix(value, "\t")
}

// enterDir changes to the app's directory, for a format that does not.
const enterDir = `cd "$HOME" || exit; unset OLDPWD`

// runit writes service directories, runsv(8), one for each process. They do not name their own path, so
// they can be moved or linked. The process leads a process group. control/t and control/k send a signal to
// that group, which runsv would send to the process only.
func runit(e *export) []File {
	var files []File
	for _, u := range e.units {
		dir := u.dashed() + "/"
		script := func(name, text string) {
			files = append(files, File{dir + name, 0o755, []byte("#!/bin/sh\n" + e.mark() + "\n" + text + "\n")})
		}
		user, owner := "", ""
		if e.User != "" {
			user, owner = " -u "+e.User, ` && chown `+e.User+` "$log"`
		}
		argv := u.argv(enterDir, u.ownPIDFile())
		script("run", "exec 2>&1\nexec env - PATH=\"$PATH\" chpst -P"+user+" -e ./env "+shell.Command(argv...))
		for name, signal := range map[string]string{"t": "TERM", "k": "KILL"} {
			script("control/"+name, `kill -s `+signal+` -- "-$(cat supervise/pid)"`)
		}
		script(
			"log/run",
			fmt.Sprintf(
				"log=%s\n[ -d \"$log\" ] || { mkdir -p -m 2750 \"$log\"%s; } || exit\nexec chpst%s svlogd \"$log\"",
				shell.Word(fmt.Sprintf("%s/%s-%d", e.Log, u.Type, u.Number)),
				owner,
				user,
			),
		)
		for _, v := range append(u.own, u.vars...) {
			// chpst reads the first line.
			files = append(files, File{dir + "env/" + v.name, 0o600, []byte(v.value + "\n" + e.mark() + "\n")})
		}
	}
	return files
}
