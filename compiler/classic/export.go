package classic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
env -0 && printf '\0' || exit
exec 3>&1 1>&2
. "$1"
env -0 >&3`

// notExported are variables that belong to the shell or to each buildpack.
var notExported = []string{"_", "SHLVL", "PWD", "OLDPWD", "HOME", "TMPDIR"}

// exported returns what the file "export" changes in the environment.
func (w *workspace) exported(ctx context.Context) (map[string]string, error) {
	if w.missing("export") {
		return nil, nil
	}
	out, said := &capture{limit: 2 * maxEnvironment}, &tail{to: w.Output}
	file := w.Sandbox.Path(w.own) + "/export"
	err := w.exec(ctx, out, said, "/bin/bash", "--norc", "--noprofile", "-c", sourceExport, "bash", file)
	if exit, ok := errors.AsType[*sandbox.ExitError](err); ok {
		why := fmt.Errorf("sourcing \"export\": %w", exit)
		if line := lastLine(said.String()); line != "" {
			why = fmt.Errorf("%w: %s", why, line)
		}
		return nil, w.brokenOutput(why)
	}
	if err != nil {
		return nil, w.failure(ctx, "compile", err, said.String())
	}
	if out.more {
		return nil, w.brokenOutput(errTooLong("export", maxEnvironment))
	}
	before, after, _ := bytes.Cut(out.data, []byte{0, 0})
	changes := variables(after)
	for name, value := range variables(before) {
		if changes[name] == value {
			delete(changes, name)
		}
	}
	if len(changes) > maxVariables {
		return nil, w.brokenOutput(fmt.Errorf("\"export\" sets %d variables, more than %d", len(changes), maxVariables))
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
