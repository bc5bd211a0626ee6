package classic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"slugc/compiler/program"
	"slugc/compiler/sandbox"
)

// The most that the variables of the next buildpacks may be.
const (
	maxEnvironment = 1 << 20 // bytes
	maxVariables   = 1000
)

// sourceExport sources the file "export" as Heroku does, without set -u, and writes the environment before and
// after it, with an empty entry between. What the file says goes to the standard error.
const sourceExport = `set +u
if ! [ -f "$1" ]; then echo "it is not a file" >&2; exit 3; fi
/usr/bin/env -0 && printf '\0' || exit
exec 3>&1 1>&2
. "$1"
exec /usr/bin/env -0 >&3`

// notExported are variables that belong to the shell or to each buildpack.
var notExported = []string{"_", "SHLVL", "PWD", "OLDPWD", "HOME", "TMPDIR"}

// exported returns what the file "export" changes in the environment.
func (w *workspace) exported(ctx context.Context) (map[string]string, error) {
	if w.missing("export") {
		return nil, nil
	}
	out, said := &capture{limit: 2 * maxEnvironment}, &program.Tail{To: w.Output}
	file := w.Sandbox.Path(w.own) + "/export"
	err := w.exec(ctx, out, said, "/bin/bash", "--norc", "--noprofile", "-c", sourceExport, "bash", file)
	exit, ended := errors.AsType[*sandbox.ExitError](err)
	switch {
	case ended && ctx.Err() == nil:
		return nil, w.brokenOutput(program.Because(`sourcing "export"`, exit, said.String()))
	case err != nil:
		return nil, w.stopped(ctx, fmt.Sprintf(`sourcing "export" of buildpack %s`, w.ID), err)
	}
	before, after, _ := bytes.Cut(out.data, []byte{0, 0})
	changes, size := variables(after), 0
	for name, value := range variables(before) {
		if now, ok := changes[name]; ok && now == value {
			delete(changes, name)
		}
	}
	for name, value := range changes {
		size += len(name) + len(value)
	}
	switch {
	case out.more || size > maxEnvironment:
		return nil, w.brokenOutput(errTooLong("export", maxEnvironment))
	case len(changes) > maxVariables:
		return nil, w.brokenOutput(fmt.Errorf(`"export" sets %d variables, more than %d`, len(changes), maxVariables))
	}
	return changes, nil
}

// variables reads what env -0 has written. Functions, which are no variables, and what belongs to each buildpack
// are left out.
func variables(list []byte) map[string]string {
	vars := map[string]string{}
	for entry := range strings.SplitSeq(string(list), "\x00") {
		name, value, _ := strings.Cut(entry, "=")
		if isVariable(name) && !slices.Contains(notExported, name) && !strings.HasPrefix(name, "GIT_") {
			vars[name] = value
		}
	}
	return vars
}
